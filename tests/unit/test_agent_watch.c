/* SPDX-License-Identifier: MIT */
/*
 * What time and netd bring to one way of the agent's: tests that pass and fail, limits,
 * refusals, and how often it is probed.
 *
 * links: optimizer/agent/way.c optimizer/agent/way_nat.c optimizer/agent/way_watch.c
 * links: optimizer/agent/way_place.c
 * links: optimizer/agent/live.c optimizer/apply/pair.c
 * links: optimizer/agent/way_hub.c
 */
#include "tests/unit/agent_way.h"

/* Bytes that come by the tunnel: somebody there still sends. */
static void
a_tunnel_that_is_heard_is_not_quiet(void **state)
{
	static const struct {
		uint64_t rx_bytes;
		bool quiet;
	} rows[] = { { 1000, true }, { 1512, true }, { 1513, false }, { 999, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct way_seen seen;

		idle();
		seen = w.seen;
		w.quiet_bytes = 1000;
		seen.rx_bytes = rows[i].rx_bytes;
		(void)way_see(&w, &seen, v.now);
		assert_int_equal(way_next(&w, &v),
		    rows[i].quiet ? WAY_UNSTAGE : WAY_REST);
	}
}

#define TESTS(state, change, yes)                                          \
	do {                                                               \
		state();                                                   \
		change;                                                    \
		way_tick(&w, &v);                                          \
		if (w.testing != (yes))                                    \
			fail_msg("%s: %s: not %s", #state, #change, #yes); \
	} while (0)

static void
tests_what_it_is_to_use(void **state)
{
	(void)state;
	TESTS(staged, NOTHING, true);
	TESTS(staged, w.seen.handshake_age_ns = -1, false);
	TESTS(staged, w.seen.handshake_age_ns = 180 * S, false);
	TESTS(staged, (w.seen.handshake_age_ns = 170 * S, w.seen_at = ago(10 * S)),
	    false);
	TESTS(staged, v.fresh = false, false);
	TESTS(staged, v.frozen = true, false);
	TESTS(staged, w.seen.foreign = true, false);
	/* In its dwell it proves itself, once, should the hub fall silent. */
	TESTS(staged, w.hold_until = mono_add(v.now, 1), true);
	TESTS(staged, (w.proved = true, w.hold_until = mono_add(v.now, 1)), false);
	TESTS(staged, w.retry_at = mono_add(v.now, 1), false);
	TESTS(staged, want(WAY_BY_HUB), false);
	TESTS(staged, want(WAY_BY_RELAY), false);
	TESTS(verified, NOTHING, false);
	TESTS(leased, w.rounds = 2, true);
	TESTS(leased, NOTHING, false);
	TESTS(leased, (w.rounds = 2, w.round_at = mono_add(v.now, 1)), false);
	TESTS(leased, (w.rounds = 2, w.seen.foreign = true), false);
	TESTS(direct, w.rounds = 2, false);
}

/* One test: every probe is answered with this RTT, but so many of either size. */
static void
one_test(unsigned small_lost, unsigned full_lost, int64_t rtt_us)
{
	for (;;) {
		enum pair_act act = pair_next(&w.test, v.now);
		enum pair_size size = act == PAIR_PROBE_FULL ? PAIR_FULL : PAIR_SMALL;
		unsigned *lost = size == PAIR_FULL ? &full_lost : &small_lost;

		if (act != PAIR_PROBE_SMALL && act != PAIR_PROBE_FULL)
			break;
		pair_sent(&w.test, size, 0, v.now);
		if (*lost) {
			--*lost;
			pair_lost(&w.test, size);
		} else {
			pair_answered(&w.test, size, rtt_us);
		}
		v.now = mono_add(v.now, 100 * MS);
	}
	way_tick(&w, &v);
}

/* As many as it wants; after `whole` of them one loses so much.  How many it took. */
static unsigned
test_it(unsigned whole, unsigned small_lost, unsigned full_lost, int64_t rtt_us)
{
	unsigned n = 0;

	way_tick(&w, &v);
	assert_true(w.testing);
	for (; w.testing; n++)
		one_test(n == whole ? small_lost : 0, n == whole ? full_lost : 0,
		    rtt_us);
	return n;
}

static void
three_tests_pass_whole_or_not(void **state)
{
	(void)state;
	staged();
	assert_int_equal(test_it(0, 0, 0, 49000), 3);
	assert_true(w.verified && w.proved);
	for (unsigned whole = 0; whole < 3; whole++) {
		staged();
		assert_int_equal(test_it(whole, 1, 0, 49000), whole + 1);
		assert_false(w.verified);
		staged();
		assert_int_equal(test_it(whole, 0, 1, 49000), whole + 1);
		assert_false(w.verified);
		/* In a row: it starts over. */
		v.now = w.retry_at;
		assert_int_equal(test_it(0, 0, 0, 49000), 3);
		staged();
		assert_int_equal(w.rounds, 0);
	}
	assert_int_equal(way_next(&w, &v), WAY_REST);
}

static void
promises_are_kept(void **state)
{
	(void)state;
	/* 20 % and 2 ms above its promise, which is 60.8 ms. */
	staged();
	(void)test_it(0, 0, 0, 60800);
	assert_true(w.verified);
	staged();
	(void)test_it(0, 0, 0, 60801);
	assert_false(w.verified);
	assert_int_equal(way_next(&w, &v), WAY_REST);
	assert_true(mono_diff(w.retry_at, v.now) > 59 * S);
	/* Again later, and later. */
	v.now = w.retry_at;
	(void)test_it(0, 0, 0, 60801);
	assert_true(mono_diff(w.retry_at, v.now) > 119 * S);
	/* A relay's far end may answer by the hub: half of each, 270.5 ms. */
	for (int row = 0; row < 2; row++) {
		at_hub();
		want(WAY_BY_RELAY);
		see(WAY_BY_RELAY, WAY_NO_ROUTE);
		(void)test_it(0, 0, 0, row ? 326601 : 326600);
		assert_int_equal(w.verified, !row);
	}
	/* Whoever carries while the hub is gone need keep no promise. */
	leased();
	w.emergency = true;
	w.rounds = 0;
	(void)test_it(0, 0, 0, 400000);
	assert_true(w.verified);
}

static void
a_round_that_fails_ends_the_lease(void **state)
{
	(void)state;
	leased();
	w.rounds = 1;
	assert_int_equal(test_it(0, 0, 1, 49000), 1);
	w.live.good = 9;
	hub.answer_sent = v.now;
	assert_int_equal(way_next(&w, &v), WAY_WITHDRAW);
	leased();
	w.rounds = 1;
	assert_int_equal(test_it(0, 0, 0, 49000), 1);
	assert_int_equal(w.rounds, 2);
}

static void
a_deaf_far_end_is_not_used(void **state)
{
	(void)state;
	verified();
	w.accept.good = 0;
	assert_true(way_asks_acceptance(&w, &v));
	w.accept.misses = 9;
	way_tick(&w, &v);
	assert_true(w.verified);
	w.accept.misses = 10;
	way_tick(&w, &v);
	assert_false(w.verified);
	assert_non_null(strstr(w.why.text, "takes no packet"));
	assert_int_equal(way_next(&w, &v), WAY_REST);
	/* What was accepted by a tunnel before says nothing of the next one. */
	verified();
	see(WAY_BY_HUB, WAY_NO_ROUTE);
	see(WAY_BY_TUNNEL, WAY_NO_ROUTE);
	assert_false(w.verified || w.proved);
	assert_int_equal(w.accept.good, 0);
}

static void
longer_than_the_hub_for_five_minutes(void **state)
{
	static const struct {
		int64_t hub_us, rtt_us;
		bool slow;
	} rows[] = {
		{ 100000, 110000, false },
		{ 100000, 110001, true },
		{ 1000, 9000, false }, /* near is near */
		{ -1, 9000, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		direct();
		w.wish.hub_us = rows[i].hub_us;
		w.live.rtt_us = rows[i].rtt_us;
		way_tick(&w, &v);
		if ((w.slow_since.ns != 0) != rows[i].slow)
			fail_msg("row %zu", i);
	}
	direct();
	w.slow_since = ago(299 * S);
	w.live.rtt_us = 1000;
	way_tick(&w, &v);
	assert_int_equal(w.slow_since.ns, 0);
	/* Since when, not how often. */
	w.live.rtt_us = 600000;
	w.slow_since = ago(7 * S);
	way_tick(&w, &v);
	assert_int_equal(mono_diff(v.now, w.slow_since), 7 * S);
}

/* By the smaller of two figures: the plan's is the collector's word. */
static void
the_hub_is_what_it_was_measured_to_be(void **state)
{
	static const struct {
		int64_t plan_us, measured_us, us;
	} rows[] = { { 492000, 100000, 100000 }, { 90000, 100000, 90000 },
		{ 90000, -1, 90000 }, { -1, 100000, 100000 }, { -1, -1, -1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		direct();
		w.wish.hub_us = rows[i].plan_us;
		w.hub.rtt_us = rows[i].measured_us;
		assert_int_equal(way_hub_us(&w), rows[i].us);
		w.live.rtt_us = 10000000;
		way_tick(&w, &v);
		assert_int_equal(w.slow_since.ns != 0, rows[i].us > 0);
	}
}

/* 20 ms to the far end by the hub and 80 back; the tunnel takes 60. */
static void
legs_of_different_length_are_allowed_for(void **state)
{
	(void)state;
	verified();
	way_hub_begin(&w, v.now);
	w.live.rtt_us = 60000;
	for (int i = 0; i < 3; i++)
		way_far(&w, true, 100000, v.now);
	assert_int_equal(w.hub.rtt_us, 100000);
	/* The answers now come by the tunnel, and the hub is as it was ... */
	for (int i = 0; i < 30; i++)
		way_far(&w, false, 50000, v.now);
	assert_in_range(w.hub.rtt_us, 99900, 100100);
	/* ... and then 10 ms slower, all of it on the way there. */
	for (int i = 0; i < 60; i++)
		way_far(&w, false, 55000, v.now);
	assert_in_range(w.hub.rtt_us, 109900, 110100);
	/* A time that was spoilt, and one that makes no sense, teach nothing. */
	way_far(&w, true, -1, v.now);
	way_far(&w, false, 20000, v.now);
	assert_in_range(w.hub.rtt_us, 109900, 110100);
	/* By the hub again it is simply so; and what is begun anew is measured anew. */
	way_hub_begin(&w, v.now);
	way_far(&w, true, 70000, v.now);
	assert_int_equal(w.hub.rtt_us, 70000);
	assert_int_equal(w.hub.skew_us, 0);
}

#define ASKS(state, change, pace)                                           \
	do {                                                                \
		state();                                                    \
		change;                                                     \
		if (way_hub_pace(&w, &v) != (pace))                         \
			fail_msg("%s: %s: not %s", #state, #change, #pace); \
	} while (0)

static void
asks_by_the_hub_as_often_as_it_matters(void **state)
{
	(void)state;
	ASKS(at_hub, NOTHING, WAY_SILENT);
	ASKS(staged, NOTHING, WAY_SILENT);
	ASKS(verified, (w.hub.n = 2, w.hub.since = ago(14 * S)), WAY_FAST);
	ASKS(verified, (w.hub.n = 2, w.hub.since = ago(15 * S)), WAY_SLOW);
	ASKS(verified, (w.hub.n = 2, w.hub.since = v.now, w.pinned = true), WAY_SLOW);
	ASKS(verified, NOTHING, WAY_SLOW);
	ASKS(verified, w.hub.live.misses = 1, WAY_FAST);
	ASKS(idle, w.wish.leave = true, WAY_SILENT);
	ASKS(idle, NOTHING, WAY_SLOW);
	ASKS(direct, NOTHING, WAY_RARE);
	ASKS(direct, w.in_place = true, WAY_SILENT);
	ASKS(saved, NOTHING, WAY_SLOW);
}

static void
what_is_lost_beside_the_hub_has_one_cause(void **state)
{
	(void)state;
	direct();
	lose(500);
	w.live.bucket_since = v.now;
	v.hub_silent = true;
	way_tick(&w, &v);
	v.hub_silent = false;
	assert_int_equal(way_next(&w, &v), WAY_REST);
}

static void
refusals_wait(void **state)
{
	static const struct {
		const char *name;
		void (*from)(void);
		enum way_act act;
		int rc;
		int64_t wait_ns;
	} rows[] = {
		{ "stage", at_hub, WAY_STAGE, -EINVAL, 15 * S },
		{ "lease", verified, WAY_LEASE, -EINVAL, 60 * S },
		{ "lease, by the rate limit", verified, WAY_LEASE, -EBUSY, 15 * S },
		{ "renewal", leased, WAY_LEASE, -EINVAL, S },
		{ "commit", leased, WAY_COMMIT, -EINVAL, 15 * S },
		{ "unstage", idle, WAY_UNSTAGE, -EINVAL, 15 * S },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rows[i].from();
		assert_int_not_equal(way_next(&w, &v), WAY_REST);
		way_done(&w, rows[i].act, rows[i].rc, "no", &v);
		if (way_next(&w, &v) != WAY_REST)
			fail_msg("%s: again at once", rows[i].name);
		v.now = mono_add(v.now, rows[i].wait_ns - 1);
		if (way_next(&w, &v) != WAY_REST)
			fail_msg("%s: too soon", rows[i].name);
		assert_int_equal(mono_diff(w.retry_at, v.now), 1);
	}
	/* The kernel could not: routes that lead nowhere are tried again soon. */
	dead();
	way_done(&w, WAY_WITHDRAW, -EIO, "no", &v);
	assert_int_equal(way_next(&w, &v), WAY_REST);
	v.now = mono_add(v.now, S);
	hub.answer_sent = v.now;
	assert_int_equal(way_next(&w, &v), WAY_WITHDRAW);
	/* Without a hub as well. */
	alone();
	assert_int_equal(way_next(&w, &v), WAY_LEASE);
	way_done(&w, WAY_LEASE, -EIO, "no", &v);
	assert_false(w.emergency);
	assert_int_equal(way_next(&w, &v), WAY_REST);
	v.now = mono_add(v.now, S);
	w.live.answer_sent = v.now;
	assert_int_equal(way_next(&w, &v), WAY_LEASE);
}

static void
what_was_done_is_believed_and_nothing_more(void **state)
{
	(void)state;
	verified();
	way_done(&w, WAY_LEASE, 0, "", &v);
	assert_int_equal(way_state(&w), WAY_LEASED);
	assert_int_equal(w.rounds, 0);
	assert_int_equal(way_next(&w, &v), WAY_REST);
	leased();
	way_done(&w, WAY_COMMIT, 0, "", &v);
	assert_int_equal(way_state(&w), WAY_DIRECT);
	dead();
	assert_int_equal(way_next(&w, &v), WAY_WITHDRAW);
	way_done(&w, WAY_WITHDRAW, 0, "", &v);
	assert_int_equal(way_state(&w), WAY_STAGED); /* its proof went, too */
	assert_int_equal(w.accept.good, 0);
	idle();
	way_done(&w, WAY_UNSTAGE, 0, "", &v);
	assert_int_equal(way_state(&w), WAY_HUB);
	assert_false(w.proved);
	/* Staged anew, it has proved nothing. */
	verified();
	way_done(&w, WAY_STAGE, 0, "", &v);
	assert_false(w.proved || w.verified);
	/* A lease that ran out is not taken again at once. */
	leased();
	see(WAY_BY_TUNNEL, WAY_NO_ROUTE);
	assert_false(w.verified);
	assert_int_equal(mono_diff(w.retry_at, v.now), 60 * S);
	/* Nor was a path by one relay tested by testing that by another. */
	verified();
	w.seen.staged = WAY_BY_RELAY;
	w.seen.via = 1;
	see(WAY_BY_RELAY, WAY_NO_ROUTE);
	assert_false(w.proved);
	/* Another wish: what was tested says nothing of it. */
	verified();
	w.rounds = 2;
	want(WAY_BY_RELAY);
	assert_false(w.verified);
	assert_int_equal(w.rounds, 0);
}

/* It was to be leased, but another's turn came first, or the hub is back meanwhile. */
static void
an_emergency_is_what_was_leased_in_one(void **state)
{
	(void)state;
	alone();
	assert_int_equal(way_next(&w, &v), WAY_LEASE);
	way_tick(&w, &v);
	assert_true(w.emergency);
	v.hub_silent = false;
	way_tick(&w, &v);
	assert_false(w.emergency);
	alone();
	assert_int_equal(way_next(&w, &v), WAY_LEASE);
	way_ask(&w, WAY_LEASE);
	v.hub_silent = false;
	way_tick(&w, &v);
	way_done(&w, WAY_LEASE, 0, "", &v);
	assert_true(w.emergency);
	verified();
	assert_int_equal(way_next(&w, &v), WAY_LEASE);
	way_ask(&w, WAY_LEASE);
	v.hub_silent = true;
	way_done(&w, WAY_LEASE, 0, "", &v);
	assert_false(w.emergency);
}

static void
probes_as_often_as_it_matters(void **state)
{
	(void)state;
	at_hub();
	assert_int_equal(way_pace(&w, &v), WAY_SILENT);
	direct();
	assert_int_equal(way_pace(&w, &v), WAY_FAST);
	verified();
	assert_int_equal(way_pace(&w, &v), WAY_SLOW);
	hub.misses = 1;
	assert_int_equal(way_pace(&w, &v), WAY_FAST);
	w.seen.handshake_age_ns = -1;
	assert_int_equal(way_pace(&w, &v), WAY_SILENT);
	idle();
	assert_int_equal(way_pace(&w, &v), WAY_SILENT);
	w.idle_since = ago(149 * S);
	assert_int_equal(way_pace(&w, &v), WAY_SLOW);
	/* What is to move must fall silent, or the far end would wait for ever. */
	moving();
	w.idle_since = ago(1 * S);
	assert_int_equal(way_pace(&w, &v), WAY_SILENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_that_is_heard_is_not_quiet),
		cmocka_unit_test(tests_what_it_is_to_use),
		cmocka_unit_test(three_tests_pass_whole_or_not),
		cmocka_unit_test(promises_are_kept),
		cmocka_unit_test(a_round_that_fails_ends_the_lease),
		cmocka_unit_test(a_deaf_far_end_is_not_used),
		cmocka_unit_test(longer_than_the_hub_for_five_minutes),
		cmocka_unit_test(the_hub_is_what_it_was_measured_to_be),
		cmocka_unit_test(legs_of_different_length_are_allowed_for),
		cmocka_unit_test(asks_by_the_hub_as_often_as_it_matters),
		cmocka_unit_test(what_is_lost_beside_the_hub_has_one_cause),
		cmocka_unit_test(refusals_wait),
		cmocka_unit_test(what_was_done_is_believed_and_nothing_more),
		cmocka_unit_test(an_emergency_is_what_was_leased_in_one),
		cmocka_unit_test(probes_as_often_as_it_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
