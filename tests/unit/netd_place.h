/* SPDX-License-Identifier: MIT */
/*
 * The world of netd_world.h in place: the direct peers are on the hub interface.
 */
#ifndef TESTS_UNIT_NETD_PLACE_H
#define TESTS_UNIT_NETD_PLACE_H

#include "tests/unit/netd_test.h"

static const char *const cover[] = { "10.50.0.0/16", "fd50::/16" };

/* The world's mesh file, in place and so without relays. */
static inline const char *
place_text(void)
{
	static char text[sizeof(netd_mesh_text) + 64];
	static const char relay[] = "Relay = yes\n", name[] = "Name = edgeproxy\n";
	char *at;

	strcpy(text, netd_mesh_text);
	while ((at = strstr(text, relay)))
		memmove(at, at + strlen(relay), strlen(at + strlen(relay)) + 1);
	at = strstr(text, name) + strlen(name);
	memmove(at + 21, at, strlen(at) + 1);
	memcpy(at, "Switching = in-place\n", 21);
	return text;
}

static inline int
place(void **unused)
{
	(void)unused;
	netd_begin();
	w.mesh_text = place_text();
	w.limit = (struct policy_limit){ 100, 600 * NS_PER_S };
	kernel_close(w.kernel);
	assert_int_equal(kernel_open("wg0", &w.kernel, NULL), 0);
	struct mesh *mesh = netd_mesh(w.mesh_text);
	fake_in_place(&mesh->nodes[DUB].key, cover, 2);
	mesh_free(mesh);
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	return 0;
}

static inline size_t
held(uint32_t node)
{
	return peer_of(node) ? peer_of(node)->n_allowed : 0;
}

/* The hub's peer is as it was, and the device too. */
static inline void
hub_untouched(void)
{
	const struct kernel_peer *hub = peer_of(DUB);
	struct prefix p;

	assert_non_null(hub);
	assert_int_equal(hub->n_allowed, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(prefix_parse(cover[i], &p), 0);
		assert_memory_equal(&hub->allowed[i], &p, sizeof(p));
	}
	assert_int_equal(fake.direct.port, 51820);
	assert_int_equal(fake.calls[FAKE_KEY_COPY] + fake.calls[FAKE_LINK_ADD] +
			     fake.calls[FAKE_LINK_UP] + fake.calls[FAKE_LINK_DEL] +
			     fake.calls[FAKE_ROUTE_ADD] + fake.calls[FAKE_ROUTE_DEL] +
			     fake.calls[FAKE_LEASE_SET] + fake.calls[FAKE_LEASE_DEL],
	    0);
}

#define P(f) cmocka_unit_test_setup_teardown(f, place, finish)

#endif
