/* SPDX-License-Identifier: MIT */
/*
 * A pair that flaps: what each brake does, and the search for a calm policy.
 * links: optimizer/decide/replay.c optimizer/decide/replay_search.c
 * links: optimizer/decide/worth.c optimizer/decide/outlook.c
 * links: optimizer/decide/history.c optimizer/decide/evidence.c
 * links: optimizer/decide/policy.c optimizer/decide/solve.c optimizer/decide/select.c
 * links: optimizer/decide/select_prices.c optimizer/decide/knapsack.c
 * links: optimizer/decide/direct.c
 * links: optimizer/decide/flow.c optimizer/decide/instance.c
 * links: optimizer/decide/matrix.c optimizer/decide/plan.c
 * links: optimizer/decide/relay.c optimizer/decide/relay_plan.c
 * links: optimizer/decide/exact.c optimizer/decide/improve.c
 * links: optimizer/decide/greedy.c optimizer/decide/bundle.c
 * links: optimizer/decide/network.c optimizer/decide/model.c
 * links: optimizer/decide/dual.c optimizer/decide/dual_pass.c
 * links: optimizer/decide/dual_limits.c optimizer/decide/dual_select.c
 * links: optimizer/decide/dual_store.c
 */
#include <errno.h>

#include "optimizer/decide/replay_search.h"
#include "tests/unit/replay_bench.h"

static void
each_brake_slows_the_flapping(void **state)
{
	struct replay_result wild, r;
	struct bench b;

	(void)state;
	make_flapping(&b, 49);
	wild = replayed(&b);
	assert_int_equal(wild.worst, 47); /* every hour, and always too late */
	assert_true(replay_flaps(&wild) > 23.9 && replay_flaps(&wild) < 24.1);
	assert_true(wild.realised < wild.fixed);

	b.policy.dwell_ns = 6 * HOUR_NS;
	r = replayed(&b);
	assert_in_range(r.worst, 1, 9);
	replay_fini(&r);
	b.policy.dwell_ns = 0;

	b.policy.penalty = 1000;
	b.policy.half_life_ns = 6 * HOUR_NS;
	b.policy.suppress_max_ns = 24 * HOUR_NS;
	r = replayed(&b);
	assert_in_range(r.worst, 1, 20);
	replay_fini(&r);
	b.policy.penalty = 0;

	b.setup.window = 0; /* limits over all that was seen */
	r = replayed(&b);
	assert_in_range(r.worst, 0, 2);
	assert_true(r.realised > wild.realised);
	replay_fini(&r);
	replay_fini(&wild);
	bench_fini(&b);
}

/* Good every other hour is not good on average. */
static void
smoothing_sees_the_average(void **state)
{
	struct replay_result wild, calm;
	struct bench b;

	(void)state;
	make_flapping(&b, 49);
	for (size_t t = 0; t < 49; t++) {
		set(&b, t, 1, 2, t % 2 ? 195000 : 100000);
		set(&b, t, 1, 3, 110000);
	}
	b.policy.smooth_num = 16;
	wild = replayed(&b);
	b.policy.both = true;
	calm = replayed(&b);
	assert_int_equal(wild.worst, 47);
	assert_in_range(calm.worst, 1, 24);
	assert_true(calm.realised > wild.realised);
	replay_fini(&wild);
	replay_fini(&calm);
	bench_fini(&b);
}

static void
the_search_meets_its_budget(void **state)
{
	struct replay_search s = { .flaps_per_day = 1 };
	struct replay_result r, wild;
	struct err err = { "" };
	struct bench b;

	(void)state;
	make_flapping(&b, 49);
	wild = replayed(&b);
	assert_int_equal(replay_search(&b.setup, &s, &err), 0);
	assert_true(s.met > 0 && s.met < s.tried);
	b.policy = s.policy;
	r = replayed(&b);
	assert_true(replay_flaps(&r) <= 1);
	assert_true(r.realised > wild.realised);
	replay_fini(&r);
	replay_fini(&wild);
	bench_fini(&b);
}

static void
a_budget_that_none_meets(void **state)
{
	struct replay_search s = { .flaps_per_day = 0 };
	struct err err = { "" };
	struct bench b;

	(void)state;
	make_flapping(&b, 49);
	/* Both tunnels turn bad half way: one switch is due whatever one does. */
	for (size_t t = 25; t < 49; t++) {
		set(&b, t, 1, 3, 350000);
		set(&b, t, 1, 2, 350000);
	}
	assert_int_equal(replay_search(&b.setup, &s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "none of"));
	bench_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_brake_slows_the_flapping),
		cmocka_unit_test(smoothing_sees_the_average),
		cmocka_unit_test(the_search_meets_its_budget),
		cmocka_unit_test(a_budget_that_none_meets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
