/* SPDX-License-Identifier: MIT */
/*
 * Confidence limits from series, sketches and summaries, and what too few samples mean
 * for a plan.
 * links: optimizer/decide/evidence.c optimizer/decide/solve.c
 * links: optimizer/decide/select.c optimizer/decide/flow.c
 * links: optimizer/decide/select_prices.c optimizer/decide/knapsack.c
 * links: optimizer/decide/direct.c
 * links: optimizer/decide/instance.c optimizer/decide/matrix.c optimizer/decide/plan.c
 * links: optimizer/decide/relay.c optimizer/decide/relay_plan.c
 * links: optimizer/decide/exact.c optimizer/decide/improve.c
 * links: optimizer/decide/greedy.c optimizer/decide/bundle.c
 * links: optimizer/decide/network.c optimizer/decide/model.c
 * links: optimizer/decide/dual.c optimizer/decide/dual_pass.c
 * links: optimizer/decide/dual_limits.c
 * links: optimizer/decide/dual_select.c optimizer/decide/dual_store.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/decide/evidence.h"
#include "optimizer/decide/solve.h"
#include "tests/unit/seed.h"

#define HOLE MATRIX_UNKNOWN

static void
ranks_are_those_of_the_binomial(void **state)
{
	/*
	 * From exact integer arithmetic over binomial coefficients; the last, by the
	 * normal law, is one rank outside of 4918.
	 */
	static const struct {
		uint64_t n;
		unsigned conf;
		uint64_t lo;
	} rows[] = {
		{ 1, 90, 1 },
		{ 2, 90, 1 },
		{ 4, 90, 1 },
		{ 5, 90, 1 },
		{ 8, 90, 2 },
		{ 10, 90, 2 },
		{ 18, 90, 6 },
		{ 30, 90, 11 },
		{ 100, 90, 42 },
		{ 1000, 90, 474 },
		{ 30, 50, 13 },
		{ 30, 99, 8 },
		{ 10000, 90, 4917 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t lo, hi;

		evidence_ranks(rows[i].n, rows[i].conf, &lo, &hi);
		if (lo != rows[i].lo || hi != rows[i].n + 1 - lo)
			fail_msg("n %llu: ranks %llu, %llu",
			    (unsigned long long)rows[i].n, (unsigned long long)lo,
			    (unsigned long long)hi);
	}
}

static void
series(void **state)
{
	static const struct {
		const char *name;
		int32_t us[12];
		size_t n;
		int64_t lo, mid, hi;
		uint64_t samples;
	} rows[] = {
		{ "nothing", { 0 }, 0, 0, 0, 0, 0 },
		{ "only holes", { HOLE, HOLE }, 2, 0, 0, 0, 0 },
		{ "one", { 7 }, 1, 7, 7, 7, 1 },
		{ "two", { 9, 4 }, 2, 4, 6, 9, 2 },
		{ "constant", { 5, 5, 5, 5, 5, 5 }, 6, 5, 5, 5, 6 },
		{ "ten", { 10, 3, 1, 2, 4, 9, 8, 7, 6, 5 }, 10, 2, 5, 9, 10 },
		{ "holes are no samples", { 3, HOLE, 1, HOLE, 2 }, 5, 1, 2, 3, 3 },
		{ "held figures are one", { 1, 1, 1, 1, 1, 1, 9, 9, 9, 9 }, 10, 1, 1, 9,
		    10 },
		{ "held, and no more sure than its runs",
		    { 1, 1, 2, 2, 3, 3, 4, 4, 5, 5 }, 10, 1, 3, 5, 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct evidence e = evidence_series(rows[i].us, rows[i].n, 90);

		if (e.n != rows[i].samples || e.lo_us != rows[i].lo ||
		    e.mid_us != rows[i].mid || e.hi_us != rows[i].hi)
			fail_msg("%s: %lld %lld %lld of %llu", rows[i].name,
			    (long long)e.lo_us, (long long)e.mid_us, (long long)e.hi_us,
			    (unsigned long long)e.n);
	}
}

static void
paired_differences_cancel_what_both_share(void **state)
{
	/* Both paths swing by 100 ms together; the hub is 20 to 22 ms slower always. */
	static const int32_t hub[] = { 120, 221, 122, 220, 121, 222, 120, HOLE },
			     direct[] = { 100, 200, 100, 200, 100, 200, 100, 100 };
	struct evidence h, d, diff;

	(void)state;
	h = evidence_series(hub, 8, 90);
	d = evidence_series(direct, 8, 90);
	diff = evidence_paired(hub, direct, 8, 90);
	assert_true(h.lo_us - d.hi_us < 0); /* apart they say nothing */
	assert_int_equal(diff.lo_us, 20);
	assert_int_equal(diff.n, 7);
	diff = evidence_paired(direct, hub, 8, 90);
	assert_int_equal(diff.hi_us, -20);
}

/* Does the interval hold the true median as often as it says? */
static void
limits_cover_and_never_cross(void **state)
{
	struct seed seed = seed_new("evidence");
	unsigned covered = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		int32_t us[64];
		size_t n = 5 + seed_below(&seed, 60);
		struct evidence e, half;

		for (size_t i = 0; i < n; i++) { /* skewed: u^4, median 1/16 */
			double u = seed_unit(&seed);

			us[i] = (int32_t)(u * u * u * u * 16e6);
		}
		e = evidence_series(us, n, 90);
		half = evidence_series(us, n, 50);
		assert_true(e.lo_us <= half.lo_us && half.lo_us <= e.mid_us);
		assert_true(e.mid_us <= half.hi_us && half.hi_us <= e.hi_us);
		covered += e.lo_us <= 1000000 && e.hi_us >= 1000000;
	}
	assert_in_range(covered, 1800, 2000); /* 90 % and more: ranks are whole */
}

static void
sketch_limits_enclose_those_of_the_samples(void **state)
{
	struct seed seed = seed_new("evidence sketch");

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct sketch s = { 0 };
		int32_t us[200], min = INT32_MAX, max = 0;
		size_t n = 1 + seed_below(&seed, 200);
		struct evidence exact, e;

		for (size_t i = 0; i < n; i++) {
			us[i] = (int32_t)(100 + i % 2 + 2 * seed_below(&seed, 100000));
			min = us[i] < min ? us[i] : min;
			max = us[i] > max ? us[i] : max;
			sketch_add(&s, us[i] * INT64_C(1000), 1);
		}
		exact = evidence_series(us, n, 90);
		e = evidence_sketch(&s, min, max, 90);
		assert_int_equal(e.n, n);
		assert_true(e.lo_us <= exact.lo_us && e.hi_us >= exact.hi_us);
		assert_true(e.lo_us <= e.mid_us && e.mid_us <= e.hi_us);
		assert_true(e.lo_us >= min && e.hi_us <= max);
		assert_true((double)e.lo_us >= 0.97 * (double)exact.lo_us - 1);
		sketch_fini(&s);
	}
	assert_int_equal(evidence_sketch(&(struct sketch){ 0 }, 0, 0, 90).n, 0);
}

static void
summaries(void **state)
{
	struct evidence_summary s = { 100, 10000, 20000, 38000, 90000 };
	struct evidence e = evidence_summary(&s, 90), one;

	(void)state;
	/* Ranks 42 and 59 of 100: quantiles 41/99 and 58/99. */
	assert_int_equal(e.lo_us, 10000 + 10000 * 41 * 2 / 99);
	assert_in_range(e.hi_us, 23434, 23435);
	s.n = 3; /* too few for 90 %: the whole range */
	e = evidence_summary(&s, 90);
	assert_int_equal(e.lo_us, 10000);
	assert_int_equal(e.hi_us, 90000);
	s = (struct evidence_summary){ 1, 5, 5, 5, 5 };
	one = evidence_summary(&s, 90);
	assert_true(one.lo_us == 5 && one.hi_us == 5 && one.n == 1);
	s.n = 0;
	assert_int_equal(evidence_summary(&s, 90).n, 0);
}

static void
legs_and_directions(void **state)
{
	struct evidence x = { 100, 90, 110, 40 }, y = { 50, 40, 80, 30 }, none = { 0 };
	struct evidence sum = evidence_add(x, y), both = evidence_both(x, y);

	(void)state;
	assert_int_equal(sum.lo_us, 130);
	assert_int_equal(sum.hi_us, 190);
	assert_int_equal(sum.n, 30);
	assert_int_equal(evidence_add(x, none).n, 0);
	assert_int_equal(both.mid_us, 75);
	assert_int_equal(both.n, 70);
	assert_int_equal(evidence_both(none, y).lo_us, 40);
}

static void
loss_costs_a_wait(void **state)
{
	(void)state;
	assert_int_equal(evidence_loss_us(0, 10, 50000), 0);
	assert_int_equal(evidence_loss_us(-1, 10, 50000), 0); /* unknown */
	assert_int_equal(evidence_loss_us(0.01, 0, 50000), 0);
	assert_int_equal(evidence_loss_us(0.01, 10, 50000), 20000); /* 200 ms each */
	assert_int_equal(evidence_loss_us(0.01, 10, 400000), 40000);
	assert_int_equal(evidence_loss_us(7, 1, 400000), 400000);
}

/* Hub h and three others, any pair: x-y, x-z, y-z. */
static struct instance *
trio(void)
{
	static const char *const names[] = { "h", "x", "y", "z" };
	struct instance *in = mem_alloc(sizeof(*in));

	in->n_nodes = 4;
	in->nodes = mem_array(4, sizeof(*in->nodes));
	in->n_pairs = 3;
	in->pairs = mem_array(3, sizeof(*in->pairs));
	in->budget = 1;
	for (size_t i = 0; i < 4; i++) {
		memcpy(in->nodes[i].name, names[i], 2);
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
	}
	in->pairs[0] = (struct pair){ .a = 1, .b = 2 };
	in->pairs[1] = (struct pair){ .a = 1, .b = 3 };
	in->pairs[2] = (struct pair){ .a = 2, .b = 3 };
	for (size_t i = 0; i < 3; i++) {
		struct pair *p = &in->pairs[i];

		p->hub_us = p->hub_lo_us = 200000;
		p->direct_us = p->direct_hi_us = 100000 - (int64_t)i * 1000;
		p->weight = 1;
		p->cost = 1;
		p->reachable = true;
	}
	return in;
}

static void
limits_decide_and_figures_are_printed(void **state)
{
	struct instance *in = trio();
	struct evidence_pair e[3] = { 0 };
	struct evidence_opts opts = { 90, 30, 0 };
	struct plan *plan;
	struct err err;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		e[i].hub = (struct evidence){ 200000, 190000, 210000, 30 };
		e[i].direct = (struct evidence){ 100000, 90000, 110000, 30 };
	}
	e[1].direct.hi_us = 105000;
	e[2].direct.hi_us = 189999; /* the best figure, the worst limit */
	evidence_apply(in, e, &opts);
	for (size_t i = 0; i < 3; i++)
		assert_true(pair_merit(&in->pairs[i]) <= pair_value(&in->pairs[i]));
	assert_int_equal(solve(in, &plan, &err), 0);
	assert_int_equal(plan->n_tunnels, 1);
	assert_int_equal(plan->tunnels[0].b, 3);
	assert_int_equal(plan->tunnels[0].a, 1);
	assert_int_equal(plan->tunnels[0].saves_us, 101000);
	plan_free(plan);
	e[1].direct_loss = 0.02; /* loss moves the limit and not the figure */
	opts.loss_packets = 10;
	evidence_apply(in, e, &opts);
	assert_int_equal(in->pairs[1].direct_hi_us, 105000 + 40000);
	assert_int_equal(in->pairs[1].direct_us, 99000);
	instance_free(in);
}

static void
thin_pairs_wait_and_are_named_by_worth(void **state)
{
	struct instance *in = trio();
	struct evidence_pair e[3] = { 0 };
	struct evidence_opts opts = { 90, 30, 0 };
	struct plan *plan;
	struct err err;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		e[i].hub = (struct evidence){ 200000, 199000, 201000, 100 };
		e[i].direct = (struct evidence){ 100000, 99000, 101000, 100 };
	}
	e[0].direct.n = 18;
	e[2].direct = (struct evidence){ 0 }; /* legs say that 10 ms is possible */
	e[2].leg_a = evidence_figure(105000);
	e[2].leg_b = evidence_figure(95000);
	in->pairs[2].direct_us = in->pairs[2].direct_hi_us = PLAN_UNKNOWN;
	evidence_apply(in, e, &opts);
	assert_int_equal(solve(in, &plan, &err), 0);
	assert_int_equal(plan->n_tunnels, 1);		/* the only one that is sure */
	assert_int_equal(plan->value, 199000 - 101000); /* by the limits */
	assert_int_equal(plan->saved, 101000);
	evidence_needs(in, e, 30, plan);
	assert_int_equal(plan->n_needs, 2);
	assert_int_equal(plan->needs[0].a, 2);
	assert_int_equal(plan->needs[0].b, 3);
	assert_int_equal(plan->needs[0].samples, 30);
	assert_int_equal(plan->needs[0].could, 201000 - 10000 - 101000);
	assert_int_equal(plan->needs[1].b, 2);
	assert_int_equal(plan->needs[1].samples, 12);
	assert_int_equal(plan->needs[1].could, 201000 - 99000 - 101000);
	e[0].direct.lo_us = 100000; /* at best equal to what the plan has */
	evidence_needs(in, e, 30, plan);
	assert_int_equal(plan->n_needs, 1);
	plan_free(plan);
	in->pairs[0].present = true; /* silence drops no tunnel */
	in->pairs[0].barred = false;
	evidence_apply(in, e, &opts);
	assert_false(in->pairs[0].barred);
	instance_free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_are_those_of_the_binomial),
		cmocka_unit_test(series),
		cmocka_unit_test(paired_differences_cancel_what_both_share),
		cmocka_unit_test(limits_cover_and_never_cross),
		cmocka_unit_test(sketch_limits_enclose_those_of_the_samples),
		cmocka_unit_test(summaries),
		cmocka_unit_test(legs_and_directions),
		cmocka_unit_test(loss_costs_a_wait),
		cmocka_unit_test(limits_decide_and_figures_are_printed),
		cmocka_unit_test(thin_pairs_wait_and_are_named_by_worth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
