/* SPDX-License-Identifier: MIT */
/*
 * What is decided from a kernel's state: a mesh of a hub, a POP and three backends,
 * seen from the POP hkg in a fake kernel.  nrt and syd are behind NAT and start
 * themselves; sin has an endpoint and a larger key, so hkg starts towards it, and it
 * relays.  syd owns two prefixes.
 */
#ifndef TESTS_UNIT_APPLY_NODE_H
#define TESTS_UNIT_APPLY_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/apply/state.h"
#include "tests/fakes/kernel.h"

#define WORLD_WALL ((struct wall){ 1700001000 * NS_PER_S })

static const char world_mesh_text[] =
    "[Mesh]\n"
    "Name = edgeproxy\n"
    "[Node]\n"
    "Name = dub\nRole = hub\nAddress = 10.50.0.1/24\nAllowedIPs = 10.50.0.0/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 54.171.48.207:51820\n"
    "[Node]\n"
    "Name = hkg\nRole = pop\nAddress = 10.50.5.1/24\nAllowedIPs = 10.50.5.0/24\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = 35.241.112.61:51820\n"
    "[Node]\n"
    "Name = nrt\nRole = backend\nAddress = 10.50.4.1/24\n"
    "PublicKey = 9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU=\n"
    "[Node]\n"
    "Name = sin\nRole = backend\nAddress = 10.50.4.2/24\nRelay = yes\n"
    "PublicKey = gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0=\n"
    "Endpoint = 198.51.100.7:51820\n"
    "[Node]\n"
    "Name = syd\nRole = backend\nAddress = 10.50.4.3/24\n"
    "AllowedIPs = 10.50.4.3/32, 10.50.6.0/24\n"
    "PublicKey = 9yHQmzbLKEyM+F1x7obbX0WNaR25XhAcUOdU9SLBeEo=\n";

static inline struct mesh *
world_mesh(void)
{
	FILE *in = tmpfile();
	struct mesh *mesh = NULL;
	struct err err;

	if (!in || fputs(world_mesh_text, in) < 0)
		abort();
	rewind(in);
	if (mesh_read(in, "world", &mesh, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	(void)fclose(in); /* a temporary file */
	return mesh;
}

static struct mesh *mesh;
static struct kernel *kernel;

static inline int
set_up(void **unused)
{
	(void)unused;
	mesh = world_mesh();
	fake_reset(&mesh->nodes[mesh_find(mesh, "hkg")].key, "10.50.0.0/16");
	return kernel_open("wgd0", &kernel, NULL);
}

static inline int
tear_down(void **unused)
{
	(void)unused;
	kernel_close(kernel);
	mesh_free(mesh);
	fake_fini();
	return 0;
}

static inline const struct mesh_node *
node(const char *name)
{
	return &mesh->nodes[mesh_find(mesh, name)];
}

static inline struct state
read_state(void)
{
	struct state state;
	struct err err;

	assert_int_equal(state_read(kernel, mesh, WORLD_WALL, &state, &err), 0);
	return state;
}

/* Bring the fake to where a run would have, except for what the caller then bends. */
static inline void
stage(const char *name)
{
	const struct mesh_node *self = node("hkg"), *peer = node(name);
	struct prefix list[8], local = { wgkey_link_local(&self->key), 64 };
	struct prefix own = { self->address.addr, 32 };
	struct kernel_peer_change change = { .key = peer->key, .allowed = list };

	if (fake.direct_link.ifindex == 0) {
		assert_int_equal(kernel_link_add(kernel, 1420), 0);
		assert_int_equal(kernel_key_copy(kernel, "wg0", 51821), 0);
		assert_int_equal(kernel_link_up(kernel), 0);
		assert_int_equal(kernel_addr_add(kernel, &own), 0);
		assert_int_equal(kernel_addr_add(kernel, &local), 0);
	}
	for (size_t i = 0; i < peer->n_prefixes; i++)
		list[change.n_allowed++] = peer->prefixes[i];
	list[change.n_allowed++] = (struct prefix){ wgkey_link_local(&peer->key), 128 };
	if (mesh_initiator(mesh, mesh_find(mesh, "hkg"), mesh_find(mesh, name)) ==
	    mesh_find(mesh, "hkg")) {
		change.endpoint = peer->endpoint.addr;
		change.port = 51821;
		change.set_keepalive = true;
		change.keepalive_s = 25;
	}
	assert_int_equal(kernel_peer_set(kernel, &change), 0);
	fake.direct.peers[fake.direct.n_peers - 1].handshake =
	    (struct wall){ WORLD_WALL.ns - 60 * NS_PER_S };
}

static inline void
route(const char *prefix)
{
	fake_add_route(prefix, FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
	fake.routes[fake.n_routes - 1].src = node("hkg")->address.addr;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
