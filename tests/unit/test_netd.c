/* SPDX-License-Identifier: MIT */
/*
 * netd against a kernel of tables: the arrows and their way back, and what is refused.
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
#include "tests/unit/netd_test.h"

static void
a_pair_goes_direct_and_back(void **unused)
{
	(void)unused;
	assert_int_equal(path(SYD), NETD_HUB);
	assert_string_equal(w.self.verdict, "");
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
	assert_int_equal(w.node[SYD].holder, SYD);
	assert_int_equal(peer_of(SYD)->keepalive_s, 0); /* syd starts */
	assert_int_equal(peer_of(SYD)->endpoint.family, 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	netd_sleep(40 * NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0); /* renewed */
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 3);
	assert_int_equal(routes_of(RTPROT_KERNEL), 0); /* the leases are gone */
	netd_wait(100);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_non_null(peer_of(SYD)); /* the far end may still be sending */
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -EBUSY);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), 0);
	assert_null(peer_of(SYD));
}

static void
the_initiator_has_the_endpoint(void **unused)
{
	struct netd_request req;
	const uint8_t ip[4] = { 203, 0, 113, 9 };

	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(peer_of(SIN)->keepalive_s, STATE_KEEPALIVE_S);
	assert_int_equal(peer_of(SIN)->endpoint.b[0], 198);
	assert_int_equal(peer_of(SIN)->port, 51821);
	/* fra's key is the smaller one: it starts, whatever we know of where it is. */
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(peer_of(FRA)->endpoint.family, 0);
	/* nrt starts: a hint is not for us. */
	netd_request_init(&req, NETD_STAGE);
	req.node = NRT;
	req.family = AF_INET;
	req.port = 7777;
	memcpy(req.addr, ip, sizeof(ip));
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(peer_of(NRT)->endpoint.family, 0);
}

static void
reflectors_carry_nothing(void **unused)
{
	uint64_t before;

	(void)unused;
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), -EPERM);
	behind_nat(false);
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
	assert_int_equal(peer_of(DUB)->n_allowed, 0);
	assert_int_equal(peer_of(DUB)->keepalive_s, STATE_KEEPALIVE_S);
	assert_int_equal(peer_of(DUB)->endpoint.b[0], 54);
	assert_int_equal(peer_of(DUB)->port, 51821);
	before = fake_changes();
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
	netd_wait(60);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(netd_ask(NETD_STATE, NETD_NONE, NETD_NONE), 0);
	assert_true(w.told[DUB]);
	assert_int_equal(w.node[DUB].path, NETD_HUB);
	assert_int_equal(w.node[DUB].flags, 0);
}

static void
hub_has_a_reflector_for_each(void **unused)
{
	(void)unused;
	behind_nat(true);
	fake.rp_all = 1; /* for what a hub forwards it does not matter */
	assert_int_equal(netd_ask(NETD_REFLECT, SIN, NETD_NONE), -EPERM);
	assert_int_equal(netd_ask(NETD_REFLECT, NRT, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_REFLECT, HKG, NETD_NONE), 0);
	assert_int_equal(peer_of(NRT)->n_allowed, 0);
	assert_int_equal(peer_of(NRT)->keepalive_s, 0);
	assert_int_equal(peer_of(NRT)->endpoint.family, 0);
	netd_wait(60);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_ask(NETD_STATE, NETD_NONE, NETD_NONE), 0);
	assert_int_equal(w.node[NRT].flags, 0);
	assert_int_equal(w.node[NRT].peer, NETD_DIFFERS);
}

static void
nothing_twice(void **unused)
{
	uint64_t before;

	(void)unused;
	promote(SIN);
	before = fake_changes();
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_WITHDRAW, NRT, NETD_NONE), 0);
	netd_wait(60);
	for (int i = 0; i < 100; i++) { /* I5: a steady restart */
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		netd_poll();
		assert_int_equal(path(SIN), NETD_DIRECT);
		assert_int_equal(w.node[SIN].flags, 0);
	}
	assert_int_equal(fake_changes(), before);
	assert_int_equal(w.self.tokens, 1); /* what was spent stays spent */
}

static void
a_lease_ends_by_itself(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	keeper_close(w.keeper); /* killed */
	w.keeper = NULL;
	netd_sleep(61 * NS_PER_S);
	assert_int_equal(routes_of(RTPROT_MESHOPT) + routes_of(RTPROT_KERNEL), 0);
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_poll();
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0); /* no operator did that */
}

static void
two_changes_in_ten_minutes(void **unused)
{
	struct netd_request req;

	(void)unused;
	promote(SIN);
	promote(SYD);
	assert_int_equal(netd_stage(NRT), 0);
	assert_int_equal(netd_ask(NETD_LEASE, NRT, NETD_NONE), -EBUSY);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0); /* always */
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_ask(NETD_LEASE, NRT, NETD_NONE), -EBUSY);
	/* The hub is silent: it may, but not for good. */
	netd_request_init(&req, NETD_LEASE);
	req.node = NRT;
	req.seconds = 60;
	req.flags = NETD_EMERGENCY;
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, NRT, NETD_NONE), -EBUSY);
	netd_sleep(301 * NS_PER_S);
	peer_of(NRT)->handshake.ns += 301 * NS_PER_S;
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, NRT, NETD_NONE), 0);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.self.tokens, 0); /* paid for now */
}

static void
without_hello_nothing_is_made(void **unused)
{
	struct netd_request req;

	(void)unused;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -ESTALE);
	assert_int_equal(netd_ask(NETD_STATE, NETD_NONE, NETD_NONE), -ESTALE);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	netd_request_init(&req, NETD_HELLO);
	req.hash = 1;
	assert_int_equal(netd_ask_at(&req), -ESTALE);
	assert_int_equal(netd_ask(NETD_WITHDRAW, 6, NETD_NONE), -EINVAL);
	memset(&req, 0xff, sizeof(req));
	assert_int_equal(netd_ask_at(&req), -EBADMSG);
}

static void
freeze_and_preflight(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	w.freeze = true;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -EROFS);
	w.freeze = false;
	fake.rp_all = 1;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENETDOWN);
	assert_non_null(strstr(w.reply.text, "rp_filter"));
	assert_int_equal(netd_state(), 0);
	assert_non_null(strstr(w.self.verdict, "rp_filter"));
	fake.rp_all = 0;
	fake.n_routes = 1; /* I2: no covering route by the hub */
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENETDOWN);
	assert_non_null(strstr(w.reply.text, "leaves by another interface"));
	fake_add_route("10.50.0.0/16", FAKE_HUB_IFINDEX, RTPROT_BOOT);
	fake.silent = w.mesh->nodes[NRT].key;
	assert_int_equal(netd_stage(NRT), 0);
	assert_int_equal(netd_ask(NETD_LEASE, NRT, NETD_NONE), -ENOTCONN);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
}

/* To refuse a lease might leave a node without any path: its session may still live. */
static void
a_clock_that_went_back_is_told_and_no_more(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_state(), 0);
	assert_string_equal(w.self.verdict, "");
	w.wall_step_ns = -3600 * NS_PER_S;
	assert_int_equal(netd_state(), 0);
	assert_non_null(strstr(w.self.verdict, "the clock went back"));
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	fake.rp_all = 1; /* what stops a change comes first */
	assert_int_equal(netd_state(), 0);
	assert_non_null(strstr(w.self.verdict, "rp_filter"));
}

static void
a_relay_that_does_not_forward_is_told_and_no_more(void **unused)
{
	(void)unused;
	fake.no_forward = true;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_state(), 0);
	assert_non_null(strstr(w.self.verdict, "hkg has Relay = yes"));
	fake.no_forward = false;
	assert_int_equal(netd_state(), 0);
	assert_string_equal(w.self.verdict, "");
}

static void
panic_takes_all(void **unused)
{
	(void)unused;
	promote(SYD);
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	fake_add_route("10.50.99.0/24", FAKE_DIRECT_IFINDEX,
	    RTPROT_MESHOPT); /* orphan */
	fake_add_route("10.50.98.0/24", FAKE_DIRECT_IFINDEX,
	    RTPROT_BOOT); /* not ours */
	w.freeze = true;
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	assert_int_equal(routes_of(RTPROT_MESHOPT) + routes_of(RTPROT_KERNEL), 0);
	assert_int_equal(routes_of(RTPROT_BOOT), 1);
	assert_non_null(peer_of(SYD));
}

static void
what_does_not_turn_out_is_undone(void **unused)
{
	(void)unused;
	w.limit = (struct policy_limit){ 64, NS_PER_S };
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	fake.deaf_peers = true;
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -EUCLEAN);
	fake.deaf_peers = false;
	assert_int_equal(netd_stage(SYD), 0);
	fake.deaf_leases = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	fake.deaf_leases = false;
	fake.rule_wins = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(path(SYD), NETD_HUB);
	fake.rule_wins = false;
	/* One of its three prefixes is refused. */
	netd_sleep(NS_PER_S);
	fake.fail_call = FAKE_LEASE_SET;
	fake.fail_after = fake.calls[FAKE_LEASE_SET] + 2;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOMEM);
	assert_int_equal(path(SYD), NETD_HUB);
	netd_sleep(NS_PER_S);
	fake.fail_rc = 0;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	fake.deaf_routes = true;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(path(SYD), NETD_HUB);
	fake.deaf_routes = false;
	netd_sleep(NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	fake.fail_call = FAKE_ROUTE_ADD;
	fake.fail_after = fake.calls[FAKE_ROUTE_ADD] + 1;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOMEM);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
}

static void
relay_paths(void **unused)
{
	(void)unused;
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), -ENOENT);
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, FRA);
	assert_int_equal(w.node[SIN].peer, NETD_ABSENT);
	assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENOENT);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, FRA), 0);
	assert_int_equal(path(SIN), NETD_LEASED);
	assert_int_equal(w.node[SIN].via, FRA);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].via, FRA);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
	/* To its own tunnel only by way of the hub. */
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -EEXIST);
	assert_int_equal(netd_ask(NETD_UNSTAGE, FRA, NETD_NONE), -EEXIST);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(netd_stage(SIN), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, SIN);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), -EEXIST);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	/* Back to the relay, and the relay gives them up. */
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, FRA), -EBUSY);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, FRA), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, SIN);
	assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_pair_goes_direct_and_back),
		T(the_initiator_has_the_endpoint),
		T(reflectors_carry_nothing),
		T(hub_has_a_reflector_for_each),
		T(nothing_twice),
		T(a_lease_ends_by_itself),
		T(two_changes_in_ten_minutes),
		T(without_hello_nothing_is_made),
		T(freeze_and_preflight),
		T(a_clock_that_went_back_is_told_and_no_more),
		T(a_relay_that_does_not_forward_is_told_and_no_more),
		T(panic_takes_all),
		T(what_does_not_turn_out_is_undone),
		T(relay_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
