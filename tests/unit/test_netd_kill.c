/* SPDX-License-Identifier: MIT */
/*
 * netd under attack: random requests, and a kill before each step of each arrow.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/netd/keeper_place.c optimizer/apply/state.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <limits.h>

#include "tests/unit/netd_test.h"
#include "tests/unit/seed.h"

/* G15: whatever the other half becomes, netd stays within what the roster allows. */
static void
check_bounds(void)
{
	assert_true(fake.hub.n_peers == 1 && fake.hub.port == 51820);
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		bool known = false;

		for (uint32_t n = FRA; n <= SYD; n++)
			known |= wgkey_compare(&fake.direct.peers[i].key,
				     &w.mesh->nodes[n].key) == 0;
		assert_true(known);
	}
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *r = &fake.routes[i];
		bool known = r->ifindex != FAKE_DIRECT_IFINDEX;

		for (uint32_t n = FRA; n <= SYD && !known; n++)
			known = scene_among(w.mesh->nodes[n].prefixes,
			    w.mesh->nodes[n].n_prefixes, &r->dst);
		assert_true(known);
	}
}

static void
hostile_requests(void **unused)
{
	struct seed rng = seed_new("hostile_requests");
	const char *given = getenv("HOSTILE");
	unsigned n = given ? (unsigned)strtoul(given, NULL, 10) : 20000;
	unsigned leased = 0, most = getenv("UNDER_VALGRIND") ? 500 : UINT_MAX;
	size_t hub_routes = fake.n_routes;

	(void)unused;
	for (unsigned i = 0; i < n && i < most; i++) {
		struct netd_request req;
		enum netd_verb verb =
		    (enum netd_verb)(seed_below(&rng, NETD_VERBS + 1));

		netd_request_init(&req, verb);
		req.id = i;
		req.node = seed_below(&rng, 9) ? seed_below(&rng, 7) : NETD_NONE;
		req.via = seed_below(&rng, 3) ? NETD_NONE : seed_below(&rng, 7);
		if (verb == NETD_LEASE)
			req.seconds = seed_below(&rng, 130);
		req.flags = seed_below(&rng, 4) ? 0 : seed_below(&rng, 3);
		if (verb == NETD_HELLO)
			req.hash =
			    netd_roster_hash(w.mesh) + (seed_below(&rng, 4) == 0);
		if (verb == NETD_STATE || verb == NETD_PANIC || verb == NETD_HELLO)
			req.node = req.via = NETD_NONE;
		if (verb == NETD_STAGE && seed_below(&rng, 2)) {
			req.family = AF_INET;
			req.port = (uint16_t)seed_below(&rng, 65536);
			for (int b = 0; b < 4; b++)
				req.addr[b] = (uint8_t)seed_below(&rng, 256);
		}
		if (seed_below(&rng, 50) == 0)
			((uint8_t *)&req)[seed_below(&rng, sizeof(req))] ^= 4;
		if (netd_ask_at(&req) == 0 && verb == NETD_LEASE)
			leased++;
		check_bounds();
		netd_sleep(seed_below(&rng, 4000) * NS_PER_MS);
		for (size_t p = 0; p < fake.direct.n_peers; p++)
			fake.direct.peers[p].handshake = netd_now().wall;
		if (seed_below(&rng, 20) == 0)
			netd_poll();
	}
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	assert_int_equal(fake.n_routes, hub_routes);
	assert_true(leased > 0); /* it was no idle talk */
}

/* --- kills --- */

/* K1 to K3: whatever was begun, a restart makes it whole: hub, leased or direct. */
static void
killed_before_each_step(void **unused)
{
	static const struct journal_io io = { mortal_write, mortal_sync };
	static const enum netd_verb verbs[] = { NETD_STAGE, NETD_LEASE, NETD_COMMIT,
		NETD_WITHDRAW };

	for (int arrow = 0; arrow < 4; arrow++) {
		bool died = true;

		for (unsigned n = 0; died; n++) {
			enum netd_path p;

			w.io = &io;
			assert_int_equal(netd_restart(), 0);
			assert_int_equal(netd_hello(), 0);
			for (int i = 0; i < arrow; i++) {
				assert_int_equal(netd_ask(verbs[i], SYD, NETD_NONE), 0);
				netd_sleep(NS_PER_S);
			}
			fake.mortal = true;
			fake.steps_left = n;
			(void)netd_ask(verbs[arrow], SYD, NETD_NONE); /* or death */
			died = fake.dead;
			fake.mortal = fake.dead = false;
			assert_int_equal(netd_restart(), 0);
			assert_int_equal(netd_hello(), 0);
			netd_poll();
			p = path(SYD);
			assert_int_equal(w.node[SYD].flags, 0);
			if (verbs[arrow] == NETD_WITHDRAW && n > 1) /* on disk */
				assert_int_equal(p, NETD_HUB);
			netd_wait(70);
			p = path(SYD);
			assert_true(p == NETD_HUB || p == NETD_DIRECT);
			assert_int_equal(w.node[SYD].flags, 0);
			/* And from there on it works. */
			assert_int_equal(netd_stage(SYD), 0);
			(void)finish(unused);
			(void)begin(unused);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(hostile_requests),
		T(killed_before_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
