/* SPDX-License-Identifier: MIT */
/*
 * What one way of the agent's wants next, guard by guard: from a state in which it does
 * a thing, one condition is taken away, and it does it no longer.
 *
 * links: optimizer/agent/way.c optimizer/agent/way_nat.c optimizer/agent/way_watch.c
 * links: optimizer/agent/way_place.c
 * links: optimizer/agent/live.c optimizer/apply/pair.c
 * links: optimizer/agent/way_hub.c
 */
#include "tests/unit/agent_way.h"

/* What does it want next, from this state with this change? */
#define NEXT(state, change, what)                                                    \
	do {                                                                         \
		enum way_act got;                                                    \
                                                                                     \
		state();                                                             \
		change;                                                              \
		got = way_next(&w, &v);                                              \
		if (got != (what))                                                   \
			fail_msg("%s: %s: %d, not %s", #state, #change, got, #what); \
	} while (0)

/* This end starts, half a second after it opened its NAT. */
static void
both_behind_nat(void)
{
	w.starts = w.both_nat = true;
	w.wish.hint.family = AF_INET;
	w.lead_from = w.punched = ago(500 * MS);
}

static void
begins_only_what_it_may(void **state)
{
	(void)state;
	NEXT(at_hub, NOTHING, WAY_STAGE);
	NEXT(at_hub, w.seen_at.ns = 0, WAY_REST);
	NEXT(at_hub, v.fresh = false, WAY_REST);
	NEXT(at_hub, v.frozen = true, WAY_REST);
	NEXT(at_hub, w.seen.foreign = true, WAY_REST);
	NEXT(at_hub, v.hub_silent = true, WAY_REST);
	NEXT(at_hub, w.hold_until = mono_add(v.now, 1), WAY_REST);
	NEXT(at_hub, w.hold_until = v.now, WAY_STAGE);
	NEXT(at_hub, w.retry_at = mono_add(v.now, 1), WAY_REST);
	NEXT(at_hub, want(WAY_BY_HUB), WAY_REST);
	NEXT(at_hub, want(WAY_BY_RELAY), WAY_STAGE);
	NEXT(at_hub, (want(WAY_BY_RELAY), v.relay_ready = false), WAY_REST);
	/* The end that starts lets the other be ready first. */
	NEXT(at_hub, (w.starts = true, w.lead_from = v.now), WAY_REST);
	NEXT(at_hub, (w.starts = true, w.lead_from = ago(500 * MS)), WAY_STAGE);
	/* Two behind NAT: its own is open. */
	NEXT(at_hub, (both_behind_nat(), w.punched.ns = 0), WAY_REST);
	NEXT(at_hub, both_behind_nat(), WAY_STAGE);
}

static void
leases_only_what_has_proved_itself(void **state)
{
	(void)state;
	NEXT(verified, NOTHING, WAY_LEASE);
	NEXT(verified, w.verified = false, WAY_REST);
	NEXT(verified, w.live.misses = 1, WAY_REST);
	NEXT(verified, w.live.good = 0, WAY_REST);
	NEXT(verified, hub.misses = 1, WAY_REST);
	NEXT(verified, w.accept.good = 2, WAY_REST);
	NEXT(verified, (w.accept.good = 0, w.by_overlay = false), WAY_LEASE);
	/* The hub is measured, unless that cannot be, and the tunnel is faster. */
	NEXT(verified, (w.hub.n = 2, w.hub.since = ago(14 * S)), WAY_REST);
	NEXT(verified, (w.hub.n = 2, w.hub.since = ago(15 * S)), WAY_LEASE);
	NEXT(verified, w.live.rtt_us = 491999, WAY_LEASE);
	NEXT(verified, w.live.rtt_us = 492000, WAY_REST);
	NEXT(verified, (w.live.rtt_us = 541000, w.wish.leg = true), WAY_LEASE);
	NEXT(verified, (w.live.rtt_us = 542000, w.wish.leg = true), WAY_REST);
	NEXT(verified, (w.live.rtt_us = 493000, w.pinned = true), WAY_LEASE);
	NEXT(verified, (w.live.rtt_us = 493000, w.once = true), WAY_LEASE);
	NEXT(verified, (w.live.rtt_us = 1500, w.hub.rtt_us = 1000), WAY_LEASE);
	NEXT(verified, (w.hub.n = 0, w.live.rtt_us = 500000, w.hub.since = ago(15 * S)),
	    WAY_REST);
	NEXT(verified, (w.hub.n = 0, w.wish.hub_us = -1, w.hub.since = ago(15 * S)),
	    WAY_LEASE);
	NEXT(verified, v.fresh = false, WAY_REST);
	NEXT(verified, v.frozen = true, WAY_REST);
	NEXT(verified, w.seen.foreign = true, WAY_REST);
	NEXT(verified, w.hold_until = mono_add(v.now, 1), WAY_REST);
	NEXT(verified, w.retry_at = mono_add(v.now, 1), WAY_REST);
}

static void
commits_only_after_good_rounds(void **state)
{
	(void)state;
	NEXT(leased, NOTHING, WAY_COMMIT);
	NEXT(leased, w.rounds = 2, WAY_REST);
	NEXT(leased, w.leased_at = ago(59 * S), WAY_REST);
	NEXT(leased, w.verified = false, WAY_REST);
	NEXT(leased, w.emergency = true, WAY_REST);
	NEXT(leased, w.live.misses = 1, WAY_REST);
	NEXT(leased, w.live.good = 0, WAY_REST);
	NEXT(leased, w.retry_at = mono_add(v.now, 1), WAY_REST);
	NEXT(leased, (want(WAY_BY_HUB), v.fresh = false), WAY_REST);
	NEXT(direct, NOTHING, WAY_REST);
}

static void
renews_only_what_lives_and_is_wanted(void **state)
{
	(void)state;
	NEXT(leased, (w.rounds = 1, w.renewed_at = ago(15 * S)), WAY_LEASE);
	NEXT(leased, (w.rounds = 1, w.renewed_at = ago(14 * S)), WAY_REST);
	NEXT(leased, (w.rounds = 1, w.renewed_at = ago(15 * S), w.live.misses = 1),
	    WAY_REST);
	NEXT(leased, (want(WAY_BY_HUB), v.fresh = false, w.renewed_at = ago(15 * S)),
	    WAY_REST);
	NEXT(direct, w.renewed_at = ago(15 * S), WAY_REST);
	/* Before it commits: netd may say no to that again and again. */
	NEXT(leased, w.renewed_at = ago(15 * S), WAY_LEASE);
}

static void
leaves_what_is_dead_if_the_hub_answers(void **state)
{
	(void)state;
	NEXT(dead, NOTHING, WAY_WITHDRAW);
	assert_int_equal(mono_diff(w.hold_until, v.now), 900 * S);
	assert_non_null(strstr(w.why.text, "3 probes in a row"));
	NEXT(dead, w.live.misses = 2, WAY_REST);
	NEXT(dead, v.hub_silent = true, WAY_REST);
	NEXT(dead, hub.misses = 3, WAY_REST);
	/* Its last answer is older than the fault, which may be here. */
	NEXT(dead, hub.answer_sent = ago(601 * MS), WAY_REST);
	NEXT(dead, w.leave_at = mono_add(v.now, 1), WAY_REST);
	/* Neither a freeze, nor a plan of yesterday, nor its hub's wish keeps it. */
	NEXT(dead, v.frozen = true, WAY_WITHDRAW);
	NEXT(dead, v.fresh = false, WAY_WITHDRAW);
	/* Somebody else's hand: only routes that lead nowhere are taken away. */
	NEXT(dead, w.seen.foreign = true, WAY_WITHDRAW);
	assert_int_equal(mono_diff(w.hold_until, v.now), 900 * S);
	NEXT(dead, (w.seen.foreign = true, hub.misses = 3), WAY_REST);
	NEXT(dead, (w.seen.foreign = true, w.leave_at = mono_add(v.now, 1)), WAY_REST);
	NEXT(direct, w.seen.foreign = true, WAY_REST);
	NEXT(direct, (w.seen.foreign = true, want(WAY_BY_HUB)), WAY_REST);
}

static void
leaves_what_is_bad(void **state)
{
	(void)state;
	NEXT(direct, lose(20), WAY_WITHDRAW);
	assert_int_equal(mono_diff(w.hold_until, v.now), 900 * S);
	NEXT(direct, lose(19), WAY_REST);
	/* More than 1 % is no promotion, and no reason to let a lifeline go. */
	NEXT(leased, lose(11), WAY_WITHDRAW);
	NEXT(leased, lose(10), WAY_COMMIT);
	NEXT(saved, (v.hub_back = v.now, lose(11)), WAY_REST);
	NEXT(direct, (lose(20), hub.misses = 3), WAY_REST);
	NEXT(direct, w.slow_since = ago(300 * S), WAY_WITHDRAW);
	assert_int_equal(mono_diff(w.hold_until, v.now), 900 * S);
	NEXT(direct, w.slow_since = ago(299 * S), WAY_REST);
	NEXT(direct, (w.emergency = true, w.slow_since = ago(300 * S)), WAY_REST);
	/* A round that failed ends a lease, and not what is permanent. */
	NEXT(leased, (w.verified = false, err_set(&w.why, "bad")), WAY_WITHDRAW);
	NEXT(direct, (w.verified = false, err_set(&w.why, "bad")), WAY_REST);
	NEXT(leased, (w.emergency = true, w.verified = false, err_set(&w.why, "bad")),
	    WAY_REST);
	NEXT(leased, (w.testing = true, w.verified = false, err_set(&w.why, "bad")),
	    WAY_REST);
}

static void
leaves_by_the_plan_without_a_dwell(void **state)
{
	(void)state;
	NEXT(parting, NOTHING, WAY_WITHDRAW);
	assert_int_equal(w.hold_until.ns, 0);
	NEXT(parting, v.fresh = false, WAY_REST);
	NEXT(parting, v.frozen = true, WAY_REST);
	NEXT(parting, v.hub_silent = true, WAY_REST);
	NEXT(parting, hub.misses = 3, WAY_REST);
	NEXT(parting, hub.good = 0, WAY_REST);
	NEXT(parting, w.part_since.ns = 0, WAY_REST);
	/* One end after the other: the one that starts tunnels is first ... */
	NEXT(parting, w.part_since = v.now, WAY_REST);
	NEXT(parting, (w.part_since = v.now, w.starts = true), WAY_WITHDRAW);
	NEXT(parting, (w.part_since = v.now, w.by_overlay = false), WAY_REST);
	/* ... and the other when it sees that, or has waited in vain. */
	NEXT(parting, (w.part_since = ago(2 * S), w.far_since = ago(1 * S)),
	    WAY_WITHDRAW);
	NEXT(parting, (w.part_since = ago(2 * S), w.far_since = ago(900 * MS)),
	    WAY_REST);
	NEXT(parting, w.part_since = ago(9 * S), WAY_REST);
}

static void
carries_while_the_hub_is_silent(void **state)
{
	(void)state;
	NEXT(alone, NOTHING, WAY_LEASE);
	assert_true(w.emergency);
	/* In its dwell, frozen or by an old plan: netd judges that. */
	NEXT(alone, w.hold_until = mono_add(v.now, S), WAY_LEASE);
	NEXT(alone, v.hub_silent = false, WAY_REST);
	NEXT(alone, w.proved = false, WAY_REST);
	NEXT(alone, w.seen.foreign = true, WAY_REST);
	NEXT(alone, w.seen.staged = WAY_BY_HUB, WAY_REST);
	NEXT(alone, w.live.good = 2, WAY_REST);
	/* It may have died in the same moment. */
	NEXT(alone, w.live.answer_sent = ago(601 * MS), WAY_REST);
	NEXT(alone, w.renewed_at = mono_add(v.now, 1), WAY_REST);
	/* Its own leg to the hub is dead, and ours is not. */
	NEXT(cut_off, NOTHING, WAY_LEASE);
	assert_true(w.emergency);
	NEXT(cut_off, w.hub.live.misses = 2, WAY_REST);
	NEXT(cut_off, w.hub.live.answer_sent.ns = LIVE_NEVER, WAY_REST);
	NEXT(cut_off, w.live.answer_sent = ago(601 * MS), WAY_REST);
	NEXT(cut_off, w.proved = false, WAY_REST);
	NEXT(cut_off, w.in_place = true, WAY_REST);
	NEXT(cut_off, w.once = true, WAY_REST); /* nobody would take it back */
	/* One that was there before this agent is kept up, too. */
	NEXT(leased,
	    (want(WAY_BY_HUB), v.hub_silent = true, w.renewed_at = ago(15 * S)),
	    WAY_LEASE);
	assert_true(w.emergency);
}

static void
goes_back_when_the_hub_has_answered_for_a_minute(void **state)
{
	(void)state;
	NEXT(saved, NOTHING, WAY_WITHDRAW);
	assert_int_equal(w.hold_until.ns, 0);
	NEXT(saved, v.hub_back = ago(59 * S), WAY_REST);
	NEXT(saved, w.hub.lost_at = ago(59 * S), WAY_REST);
	NEXT(saved, w.hub.lost_at = ago(60 * S), WAY_WITHDRAW);
	NEXT(saved, v.hub_silent = true, WAY_REST);
	NEXT(saved, hub.misses = 3, WAY_REST);
	NEXT(saved, want(WAY_BY_TUNNEL), WAY_REST);
	/* What left for a fault goes back, whatever the plan says. */
	NEXT(saved, (want(WAY_BY_TUNNEL), w.hold_until = mono_add(v.now, 1)),
	    WAY_WITHDRAW);
	saved();
	want(WAY_BY_TUNNEL);
	way_tick(&w, &v);
	assert_false(w.emergency);
	for (int row = 0; row < 4; row++) {
		saved();
		if (row != 0)
			want(WAY_BY_TUNNEL);
		if (row == 1)
			v.hub_back = ago(59 * S);
		if (row == 2)
			v.hub_silent = true;
		if (row == 3)
			w.hold_until = mono_add(v.now, 1);
		way_tick(&w, &v);
		assert_true(w.emergency);
	}
}

static void
takes_away_only_what_the_far_end_has_left(void **state)
{
	(void)state;
	NEXT(idle, NOTHING, WAY_UNSTAGE);
	NEXT(idle, w.idle_since = ago(149 * S), WAY_REST);
	NEXT(idle, w.idle_since.ns = 0, WAY_REST);
	NEXT(idle, w.far_since.ns = 0, WAY_REST);
	NEXT(idle, w.far_since = ago(9 * S), WAY_REST);
	NEXT(idle, w.far_at = ago(6 * S), WAY_REST);
	NEXT(idle, w.quiet_since = ago(19 * S), WAY_REST);
	NEXT(idle, v.frozen = true, WAY_REST);
	NEXT(idle, w.retry_at = mono_add(v.now, 1), WAY_REST);
	NEXT(moving, NOTHING, WAY_STAGE);
	NEXT(moving, w.idle_since = ago(1 * S), WAY_STAGE); /* it need not wait */
	NEXT(moving, w.far_since.ns = 0, WAY_REST);
	NEXT(moving, v.relay_ready = false, WAY_REST);
	NEXT(moving, v.frozen = true, WAY_REST);
	NEXT(moving, w.idle_since.ns = 0, WAY_REST);
}

static void
the_far_end_must_answer_by_the_hub_all_the_time(void **state)
{
	(void)state;
	idle();
	assert_true(way_asks_far(&w, &v));
	way_far(&w, false, 270000, v.now);
	assert_int_equal(w.far_since.ns, 0);
	way_far(&w, true, 492000, v.now);
	assert_int_equal(mono_diff(v.now, w.far_since), 0);
	v.now = mono_add(v.now, S);
	way_far(&w, true, 492000, v.now);
	assert_int_equal(mono_diff(v.now, w.far_since), S);
	assert_int_equal(mono_diff(v.now, w.far_at), 0);
	/* Wished again, or by a plan too old to know: it starts over. */
	for (int row = 0; row < 3; row++) {
		idle();
		if (row == 0)
			want(WAY_BY_TUNNEL);
		if (row == 1)
			w.seen.route = WAY_FIRM_ROUTE;
		w.starts = row == 1; /* the other end asks as long as it has a route */
		if (row == 2)
			v.fresh = false;
		way_tick(&w, &v);
		assert_int_equal(w.idle_since.ns, 0);
		assert_int_equal(w.far_since.ns, 0);
		assert_false(way_asks_far(&w, &v));
	}
	/* While it is routed, the end that follows asks. */
	for (int starts = 0; starts < 2; starts++) {
		direct();
		want(WAY_BY_HUB);
		w.starts = starts;
		w.idle_since = ago(1 * S);
		way_tick(&w, &v);
		assert_int_equal(w.idle_since.ns, 0);
		assert_int_equal(mono_diff(v.now, w.part_since), 0);
		assert_int_equal(way_asks_far(&w, &v), !starts);
		want(WAY_BY_TUNNEL);
		way_tick(&w, &v);
		assert_int_equal(w.part_since.ns, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_only_what_it_may),
		cmocka_unit_test(leases_only_what_has_proved_itself),
		cmocka_unit_test(commits_only_after_good_rounds),
		cmocka_unit_test(renews_only_what_lives_and_is_wanted),
		cmocka_unit_test(leaves_what_is_dead_if_the_hub_answers),
		cmocka_unit_test(leaves_what_is_bad),
		cmocka_unit_test(leaves_by_the_plan_without_a_dwell),
		cmocka_unit_test(carries_while_the_hub_is_silent),
		cmocka_unit_test(goes_back_when_the_hub_has_answered_for_a_minute),
		cmocka_unit_test(takes_away_only_what_the_far_end_has_left),
		cmocka_unit_test(the_far_end_must_answer_by_the_hub_all_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
