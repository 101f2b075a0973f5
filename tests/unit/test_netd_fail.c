/* SPDX-License-Identifier: MIT */
/*
 * netd when the kernel or the disk fails: the first, the second, the third ... call of
 * each kind, that one alone or it and all after it, in every arrow of a pair's life and
 * in what netd does by itself.  Whatever failed, a pair ends whole or by the hub, what
 * was said is what is, nobody is blamed, and nothing of others is touched.
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
#include "tests/unit/netd_fail.h"

/* --- what is not ours --- */

static const struct wgkey stranger = { { 0x5a } };

static void
add_strangers(void)
{
	struct prefix prefix;
	struct kernel_peer_change change = { .key = stranger,
		.allowed = &prefix,
		.n_allowed = 1 };

	assert_int_equal(prefix_parse("192.0.2.0/24", &prefix), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	fake_add_route("192.0.2.0/24", FAKE_DIRECT_IFINDEX, RTPROT_BOOT);
}

static void
check_strangers(bool there)
{
	size_t peers = 0, routes = 0, hub_routes = 0;

	for (size_t i = 0; i < fake.direct.n_peers; i++)
		peers += wgkey_compare(&fake.direct.peers[i].key, &stranger) == 0 &&
			 fake.direct.peers[i].n_allowed == 1;
	for (size_t i = 0; i < fake.n_routes; i++) {
		routes += fake.routes[i].protocol == RTPROT_BOOT &&
			  fake.routes[i].ifindex == FAKE_DIRECT_IFINDEX;
		hub_routes += fake.routes[i].ifindex == FAKE_HUB_IFINDEX;
	}
	assert_int_equal(peers, there);
	assert_int_equal(routes, there);
	assert_int_equal(hub_routes, 2);
	assert_int_equal(fake.hub.n_peers, 1);
	assert_int_equal(fake.hub.port, 51820);
}

/* --- requests --- */

/* All of a pair's life, by its own tunnel and by a relay. */
static const struct arrow {
	enum netd_verb verb;
	uint32_t node, via;
	bool later; /* two leases, so that nobody is still sending */
} life[] = { { NETD_STAGE, FRA, NETD_NONE, false },
	{ NETD_STAGE, SYD, NETD_NONE, false }, { NETD_LEASE, SYD, NETD_NONE, false },
	{ NETD_LEASE, SYD, NETD_NONE, false }, /* renewed */
	{ NETD_COMMIT, SYD, NETD_NONE, false },
	{ NETD_STATE, NETD_NONE, NETD_NONE, false },
	{ NETD_WITHDRAW, SYD, NETD_NONE, false }, { NETD_STAGE_RELAY, SYD, FRA, false },
	{ NETD_LEASE, SYD, FRA, false }, { NETD_COMMIT, SYD, NETD_NONE, false },
	{ NETD_PANIC, NETD_NONE, NETD_NONE, false },
	{ NETD_STAGE, SYD, NETD_NONE, false }, { NETD_STAGE_RELAY, SYD, FRA, false },
	{ NETD_UNSTAGE, SYD, FRA, true }, { NETD_UNSTAGE, SYD, NETD_NONE, true },
	{ NETD_STAGE_RELAY, SYD, FRA, false }, { NETD_UNSTAGE, SYD, FRA, true } };

#define LIFE (sizeof(life) / sizeof(life[0]))

static void
shake_hands(void)
{
	for (size_t p = 0; p < fake.direct.n_peers; p++)
		fake.direct.peers[p].handshake = netd_now().wall;
}

static int
go(const struct arrow *a)
{
	if (a->later)
		netd_wait(130);
	netd_sleep(NS_PER_S);
	shake_hands();
	return netd_ask(a->verb, a->node, a->via);
}

/* As the life goes on up to that arrow. */
static void
live(size_t arrow)
{
	w.io = &fail_io;
	w.limit = (struct policy_limit){ 64, NS_PER_S };
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	for (size_t i = 0; i < arrow; i++) {
		assert_int_equal(go(&life[i]), 0);
		if (i == 0)
			add_strangers();
	}
}

static enum netd_path
path_after(const struct arrow *a, enum netd_path before)
{
	switch (a->verb) {
	case NETD_LEASE:
		return NETD_LEASED;
	case NETD_COMMIT:
		return NETD_DIRECT;
	case NETD_WITHDRAW:
	case NETD_PANIC:
		return NETD_HUB;
	default:
		return before;
	}
}

/* It is as was answered: done, or not begun, or by the hub. */
static void
check_answer(const struct arrow *a, int rc, enum netd_path before)
{
	enum netd_path now = path(SYD);

	if (rc == 0)
		assert_int_equal(now, path_after(a, before));
	else if (rc != -ENOTRECOVERABLE && a->verb != NETD_WITHDRAW &&
		 a->verb != NETD_PANIC)
		assert_true(now == before || now == NETD_HUB);
	if (rc == 0 && a->verb == NETD_STAGE)
		assert_int_equal(w.node[a->node].holder, a->node);
	if (rc == 0 && a->verb == NETD_STAGE_RELAY)
		assert_int_equal(w.node[a->node].holder, a->via);
}

/* Soon whole, and nobody is blamed; asked again it is done. */
static void
check_whole(void)
{
	enum netd_path p;

	for (int s = 0; s < 70; s += 10) {
		shake_hands();
		netd_wait(10);
	}
	for (int restart = 0; restart < 2; restart++) {
		p = path(SYD);
		assert_true(p == NETD_HUB || p == NETD_DIRECT);
		assert_int_equal(w.node[SYD].flags, 0);
		assert_int_equal(w.node[FRA].flags, 0);
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
	}
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(netd_stage(SYD), 0);
	shake_hands();
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_DIRECT);
}

/* False when there is no n-th call of that kind in that arrow. */
static bool
one_fails(size_t arrow, enum kind kind, bool lasting, unsigned n)
{
	const struct arrow *a = &life[arrow];
	enum netd_path before;
	bool failed;
	int rc;

	live(arrow);
	before = path(SYD);
	break_at(kind, lasting, n);
	rc = go(a);
	failed = fake.failed > 0;
	netd_poll(); /* as long as it fails, nor does this do any harm */
	break_at(kind, false, 0);
	check_answer(a, rc, before);
	if (!failed)
		assert_int_equal(rc, 0);
	check_whole();
	check_strangers(arrow > 0);
	return failed;
}

/* L3, D1 */
static void
each_call_of_an_arrow_fails(void **unused)
{
	unsigned step = getenv("UNDER_VALGRIND") ? 13 : 1;

	for (unsigned i = 0; i < LIFE * KINDS * 2; i++) {
		for (unsigned n = 1;
		     one_fails(i % LIFE, i / LIFE % KINDS, i / LIFE / KINDS, n);
		     n += step) {
			(void)finish(unused);
			(void)begin(unused);
		}
		(void)finish(unused);
		(void)begin(unused);
	}
}

/* --- what netd does by itself --- */

static void
flush(void)
{
	for (size_t r = fake.n_routes; r-- > 0;) {
		if (fake.routes[r].protocol == RTPROT_MESHOPT)
			fake_drop_route(r);
	}
	for (size_t i = fake.n_addrs; i-- > 0;) {
		if (fake.addrs[i].ifindex == FAKE_DIRECT_IFINDEX)
			fake_drop_addr(i);
	}
}

/* A tunnel that is dead, and a hub that is not. */
static void
let_session_die(void)
{
	for (int s = 0; s < 180; s += 10) {
		peer_of(SIN)->tx_bytes += 100;
		fake.hub.peers->handshake = netd_now().wall;
		netd_wait(10);
	}
	peer_of(SIN)->tx_bytes += 100;
	netd_sleep(10 * NS_PER_S);
}

static void
restart(void)
{
	keeper_close(w.keeper);
	w.keeper = NULL;
	(void)netd_open(); /* or it says why not */
}

static void
killed_in_a_withdrawal(void)
{
	fake.mortal = true;
	fake.steps_left = 1;
	(void)netd_ask(NETD_WITHDRAW, SIN, NETD_NONE); /* death */
	fake.mortal = fake.dead = false;
}

static void
fail_a_withdrawal(void)
{
	break_at(CHANGE, true, 1);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), -ENOMEM);
	break_at(CHANGE, false, 0);
}

static void
unstage(void)
{
	(void)netd_ask(NETD_UNSTAGE, SIN, NETD_NONE); /* whatever it says */
}

static void
settle(void)
{
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	netd_wait(130);
}

/* sin and syd are direct; then something happens, and in what follows a call fails. */
static const struct {
	void (*before)(void), (*then)(void);
	bool by_hub; /* where sin ends when nothing fails */
} events[] = { { flush, netd_poll, false }, { let_session_die, netd_poll, true },
	{ NULL, restart, false }, { killed_in_a_withdrawal, restart, true },
	{ fail_a_withdrawal, netd_poll, true }, { settle, unstage, true } };

#define EVENTS (sizeof(events) / sizeof(events[0]))

/* As one_fails(). */
static bool
event_fails(size_t event, enum kind kind, bool lasting, unsigned n)
{
	bool failed;

	live(5); /* committed */
	netd_sleep(NS_PER_S);
	promote(SIN);
	if (events[event].before)
		events[event].before();
	break_at(kind, lasting, n);
	events[event].then();
	failed = fake.failed > 0;
	if (failed && w.keeper)
		netd_poll(); /* as long as it fails, nor does this do any harm */
	break_at(kind, false, 0);
	if (!w.keeper)
		assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	if (!failed)
		assert_int_equal(path(SIN),
		    events[event].by_hub ? NETD_HUB : NETD_DIRECT);
	check_whole();
	assert_int_not_equal(path(SIN), NETD_LEASED);
	assert_int_equal(w.node[SIN].flags, 0);
	check_strangers(true);
	return failed;
}

static void
each_call_of_its_own_fails(void **unused)
{
	unsigned step = getenv("UNDER_VALGRIND") ? 7 : 1;

	for (unsigned i = 0; i < EVENTS * KINDS * 2; i++) {
		for (unsigned n = 1;
		     event_fails(i % EVENTS, i / EVENTS % KINDS, i / EVENTS / KINDS, n);
		     n += step) {
			(void)finish(unused);
			(void)begin(unused);
		}
		(void)finish(unused);
		(void)begin(unused);
	}
}

/* A peer that cannot be removed, and then a kernel that cannot be read either. */
static void
neither_changed_nor_read(void **unused)
{
	unsigned reads = 1000;

	(void)unused;
	live(2);
	netd_wait(130);
	break_at(READ, true, reads);
	assert_int_equal(netd_ask(NETD_STATE, NETD_NONE, NETD_NONE), 0);
	reads -= fake.read_fails_in;
	break_at(READ, true, reads + 1); /* after the look that a request begins with */
	fake.fail_in = 1;
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -ENOMEM);
	netd_poll();
	break_at(READ, false, 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
	check_whole();
	check_strangers(true);
}

static void
each_call_of_a_reflector_fails(void **unused)
{
	for (unsigned i = 0; i < KINDS * 2; i++) {
		bool failed = true;

		for (unsigned n = 1; failed; n++) {
			int rc;

			behind_nat(false);
			break_at(i % KINDS, i / KINDS, n);
			rc = netd_ask(NETD_REFLECT, DUB, NETD_NONE);
			failed = fake.failed > 0;
			break_at(READ, false, 0);
			assert_true(failed || rc == 0);
			assert_true(rc < 0 || peer_of(DUB));
			assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
			assert_int_equal(peer_of(DUB)->n_allowed, 0);
			assert_int_equal(fake.direct.n_peers, 1);
			assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
			(void)finish(unused);
			(void)begin(unused);
		}
	}
}

/* Withdrawn while the disk was full: no restart makes a flush of that. */
static void
a_withdrawal_that_was_not_written(void **unused)
{
	for (int others = 0; others < 2; others++) {
		w.io = &fail_io;
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		promote(SIN);
		if (others)
			promote(SYD);
		netd_poll();
		break_at(WRITE, true, 1);
		assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
		break_at(WRITE, false, 0);
		netd_wait(20); /* there is room again */
		assert_int_equal(netd_restart(), 0);
		netd_poll();
		assert_int_equal(netd_hello(), 0);
		assert_int_equal(path(SIN), NETD_HUB);
		assert_int_equal(w.node[SIN].flags, 0);
		assert_int_equal(path(SYD), others ? NETD_DIRECT : NETD_HUB);
		(void)finish(unused);
		(void)begin(unused);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(each_call_of_an_arrow_fails),
		T(each_call_of_its_own_fails),
		T(neither_changed_nor_read),
		T(each_call_of_a_reflector_fails),
		T(a_withdrawal_that_was_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
