/* SPDX-License-Identifier: MIT */
/*
 * What the tests of netd share beyond their world: set-up and tear-down, the way to a
 * direct path, and looks at the kernel in memory.
 */
#ifndef TESTS_UNIT_NETD_TEST_H
#define TESTS_UNIT_NETD_TEST_H

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/netd_world.h"

static inline int
begin(void **unused)
{
	(void)unused;
	netd_begin();
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	return 0;
}

static inline int
finish(void **unused)
{
	(void)unused;
	netd_end();
	return 0;
}

static inline enum netd_path
path(uint32_t node)
{
	assert_int_equal(netd_state(), 0);
	return w.told[node] ? (enum netd_path)w.node[node].path : NETD_HUB;
}

/* All the way, as the agent goes it. */
static inline void
promote(uint32_t node)
{
	assert_int_equal(netd_stage(node), 0);
	assert_int_equal(netd_ask(NETD_LEASE, node, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, node, NETD_NONE), 0);
	assert_int_equal(path(node), NETD_DIRECT);
}

static inline struct kernel_peer *
peer_of(uint32_t node)
{
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		if (wgkey_compare(&fake.direct.peers[i].key,
			&w.mesh->nodes[node].key) == 0)
			return &fake.direct.peers[i];
	}
	return NULL;
}

static inline size_t
routes_of(uint8_t protocol)
{
	size_t n = 0;

	fake_expire();
	for (size_t i = 0; i < fake.n_routes; i++)
		n += fake.routes[i].protocol == protocol &&
		     fake.routes[i].ifindex == FAKE_DIRECT_IFINDEX;
	return n;
}

/* The mesh file again, but hkg is behind NAT, too. */
static inline void
behind_nat(bool at_hub)
{
	static char text[4096];
	const char *line = strstr(netd_mesh_text, "Endpoint = 35.241.112.61:51820\n");
	size_t before = (size_t)(line - netd_mesh_text);

	memcpy(text, netd_mesh_text, before);
	(void)snprintf(text + before, sizeof(text) - before, "%s",
	    strchr(line, '\n') + 1); /* fits */
	w.mesh_text = text;
	w.at_hub = at_hub;
	assert_int_equal(netd_restart(), 0);
	if (at_hub)
		fake.hub.key = w.mesh->nodes[DUB].key;
	assert_int_equal(netd_hello(), 0);
}

/* The mesh file is now this one, and the agent says so. */
static inline int
hello_with(const char *text)
{
	struct mesh *mesh = netd_mesh(text);
	const struct mesh *before = w.mesh;
	struct netd_request req;

	w.mesh_text = text;
	netd_request_init(&req, NETD_HELLO);
	req.hash = netd_roster_hash(mesh);
	mesh_free(mesh);
	if (netd_ask_at(&req) == -ESTALE)
		w.mesh = before; /* the keeper's, still */
	return w.reply.error;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)

#endif
