/* SPDX-License-Identifier: MIT */
/*
 * A mesh of four as the doctor's facts, seen by hkg and in good health.  A test breaks
 * one thing of it.  To be included after cmocka.h.
 */
#ifndef TESTS_UNIT_DOCTOR_WORLD_H
#define TESTS_UNIT_DOCTOR_WORLD_H

#include <stdio.h>
#include <string.h>

#include "optimizer/operate/doctor.h"

#define HUB_IF	  5
#define DIRECT_IF 9
#define NOW	  (1700000000 * NS_PER_S)
#define AGO(s)	  ((struct wall){ NOW - (s)*NS_PER_S })

enum { DUB, HKG, NRT, SIN, NODES };

static const char mesh_text[] =
    "[Mesh]\nName = m\n"
    "[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n"
    "AllowedIPs = 10.50.0.0/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 192.0.2.1:51820\n"
    "[Node]\nName = hkg\nRole = pop\nAddress = 10.50.5.1/24\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = 192.0.2.2:51820\n"
    "[Node]\nName = nrt\nRole = backend\nAddress = 10.50.4.1/24\n"
    "PublicKey = 9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU=\n"
    "Endpoint = 192.0.2.3:51820\n"
    "[Node]\nName = sin\nRole = backend\nAddress = 10.50.4.2/24\n"
    "PublicKey = gcwoqaT950PGW1ZaUEV75VEV7HOdyYT5rwdYOUBQzR0=\n";

struct world {
	struct mesh *mesh;
	struct state state;
	struct kernel_device hub, direct;
	struct kernel_peer hub_peers[NODES], direct_peer;
	struct prefix wide, single[NODES];
	struct doctor_peer peers[NODES];
	struct doctor_facts facts;
	char named[256], next[1024];
};

static struct addr
addr(const char *text)
{
	struct addr a = { 0 };

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct doctor_probe
answered(int64_t rtt_us)
{
	return (struct doctor_probe){ .sent = 3, .answered = 3, .rtt_us = rtt_us };
}

static const struct doctor_probe lost = { .sent = 3, .rtt_us = -1 };

/* hkg, with the hub as its one peer and a direct tunnel to nrt that is not there yet.
 */
static void
make(struct world *w)
{
	FILE *in = fmemopen((void *)(uintptr_t)mesh_text, strlen(mesh_text), "r");
	struct err err;

	memset(w, 0, sizeof(*w));
	assert_int_equal(mesh_read(in, "m", &w->mesh, &err), 0);
	(void)fclose(in);
	assert_int_equal(prefix_parse("10.50.0.0/16", &w->wide), 0);
	w->hub_peers[0] = (struct kernel_peer){ .key = w->mesh->nodes[DUB].key,
		.endpoint = addr("192.0.2.1"),
		.port = 51820,
		.handshake = AGO(20),
		.allowed = &w->wide,
		.n_allowed = 1 };
	w->hub = (struct kernel_device){ true, w->mesh->nodes[HKG].key, 51820,
		w->hub_peers, 1 };
	w->state.hub = &w->hub;
	w->state.hub_link =
	    (struct kernel_link){ "wg0", HUB_IF, true, true, 1420, false };
	w->state.now.ns = NOW;
	w->state.forwards = true;
	for (int i = 0; i < NODES; i++) {
		w->peers[i] = (struct doctor_peer){ .ifindex = HUB_IF,
			.before = AGO(20),
			.small = answered(492000),
			.full = answered(492000),
			.tunnel.rtt_us = -1,
			.public.rtt_us = -1 };
	}
	w->facts = (struct doctor_facts){ .mesh = w->mesh,
		.self = HKG,
		.state = &w->state,
		.begun.ns = NOW,
		.peers = w->peers,
		.has_address = true,
		.forward = KERNEL_NFT_OPEN };
}

/* The same mesh, seen by the hub. */
static void
at_hub(struct world *w)
{
	w->facts.self = DUB;
	w->hub.key = w->mesh->nodes[DUB].key;
	w->hub.n_peers = 0;
	for (int i = HKG; i <= SIN; i++) {
		w->single[i] = w->mesh->nodes[i].prefixes[0];
		w->hub_peers[w->hub.n_peers++] =
		    (struct kernel_peer){ .key = w->mesh->nodes[i].key,
			    .handshake = AGO(20),
			    .allowed = &w->single[i],
			    .n_allowed = 1 };
	}
}

static void
direct_up(struct world *w)
{
	w->single[NRT] = w->mesh->nodes[NRT].prefixes[0];
	w->direct_peer = (struct kernel_peer){ .key = w->mesh->nodes[NRT].key,
		.endpoint = addr("192.0.2.3"),
		.port = 51821,
		.handshake = AGO(20),
		.allowed = &w->single[NRT],
		.n_allowed = 1 };
	w->direct =
	    (struct kernel_device){ true, w->hub.key, 51821, &w->direct_peer, 1 };
	w->state.direct = &w->direct;
	w->state.direct_link =
	    (struct kernel_link){ "wgd0", DIRECT_IF, true, true, 1420, false };
	w->peers[NRT].ifindex = DIRECT_IF;
	w->peers[NRT].small = answered(49000);
	w->peers[NRT].tunnel = answered(49000);
}

#endif
