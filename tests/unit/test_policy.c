/* SPDX-License-Identifier: MIT */
/*
 * Thresholds, dwell, damping, cost of change; and the policy file.
 * links: optimizer/decide/policy.c optimizer/policy_conf.c
 * links: optimizer/decide/solve.c optimizer/decide/select.c optimizer/decide/flow.c
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
#include "optimizer/decide/policy.h"
#include "optimizer/decide/solve.h"
#include "optimizer/policy_conf.h"
#include "tests/unit/seed.h"

#define MINUTE (60 * NS_PER_S)

static struct wall
at(int64_t minutes)
{
	return (struct wall){ 1700000000 * NS_PER_S + minutes * MINUTE };
}

static struct pair
pair_of(int64_t hub_us, int64_t direct_us, bool present)
{
	return (struct pair){
		.a = 1,
		.b = 2,
		.hub_us = hub_us,
		.direct_us = direct_us,
		.hub_lo_us = hub_us,
		.direct_hi_us = direct_us,
		.weight = 1,
		.cost = 1,
		.reachable = true,
		.present = present,
	};
}

static void
thresholds(void **state)
{
	static const struct {
		const char *name;
		int64_t hub, direct, smooth_hub, smooth_direct;
		bool present, held, barred;
		enum policy_rule rule;
	} rows[] = {
		{ "plainly better", 300000, 100000, 0, 0, false, false, false,
		    POLICY_FREE },
		{ "10 ms, and two thirds", 30000, 20000, 0, 0, false, false, false,
		    POLICY_FREE },
		{ "a us short of 10 ms", 29999, 20000, 0, 0, false, false, true,
		    POLICY_THRESHOLD },
		{ "a us above two thirds", 300000, 200001, 0, 0, false, false, true,
		    POLICY_THRESHOLD },
		{ "only now", 300000, 100000, 300000, 250000, false, false, true,
		    POLICY_SMOOTHED },
		{ "only on average", 300000, 250000, 300000, 100000, false, false, true,
		    POLICY_THRESHOLD },
		{ "not measured", 300000, PLAN_UNKNOWN, 0, 0, false, false, false,
		    POLICY_FREE },
		{ "kept by less than it takes to come", 300000, 280000, 0, 0, true,
		    false, false, POLICY_FREE },
		{ "no gain", 300000, 299500, 0, 0, true, false, true, POLICY_NO_GAIN },
		{ "1 ms, but not 3 %", 300000, 292000, 0, 0, true, false, true,
		    POLICY_NO_GAIN },
		{ "no gain now, but on average", 300000, 299500, 300000, 200000, true,
		    false, false, POLICY_FREE },
		{ "slower than the hub by more than a tenth", 300000, 330001, 300000,
		    200000, true, false, true, POLICY_NO_GAIN },
		{ "a tunnel without figures", PLAN_UNKNOWN, 100000, 0, 0, true, true,
		    false, POLICY_SILENT },
	};
	struct policy policy = policy_default();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = pair_of(rows[i].hub, rows[i].direct, rows[i].present);
		struct policy_state s = { .hub_us = rows[i].smooth_hub,
			.direct_us = rows[i].smooth_direct };
		struct policy_verdict v = policy_weigh(&policy, &p, &s, at(0));

		if (v.rule != rows[i].rule || v.held != rows[i].held ||
		    v.barred != rows[i].barred)
			fail_msg("%s: %s, held %d, barred %d", rows[i].name,
			    policy_rule_text(v.rule), v.held, v.barred);
	}
}

static void
one_voice_is_enough_when_told(void **state)
{
	struct policy policy = policy_default();
	struct pair p = pair_of(300000, 100000, false);
	struct policy_state s = { .hub_us = 300000, .direct_us = 290000 };

	(void)state;
	policy.both = false;
	assert_int_equal(policy_weigh(&policy, &p, &s, at(0)).rule, POLICY_FREE);
}

static void
smoothing_follows(void **state)
{
	struct policy policy = policy_default();
	struct pair p = pair_of(256000, PLAN_UNKNOWN, false);
	struct policy_state s = { 0 };

	(void)state;
	policy_observe(&policy, &s, &p);
	assert_int_equal(s.hub_us, 256000); /* the first figure is the average */
	assert_int_equal(s.direct_us, 0);
	p.hub_us = 512000;
	policy_observe(&policy, &s, &p);
	assert_int_equal(s.hub_us, 256000 + 42000);
	p.hub_us = PLAN_UNKNOWN;
	policy_observe(&policy, &s, &p);
	assert_int_equal(s.hub_us, 298000);
	p.hub_us = 100000;
	for (int i = 0; i < 200; i++)
		policy_observe(&policy, &s, &p);
	assert_in_range(s.hub_us, 100000, 100010);
}

static void
dwell_both_ways(void **state)
{
	struct policy policy = policy_default();
	struct pair gone = pair_of(300000, 100000, false);
	struct pair here = pair_of(300000, 299900, true);
	struct policy_state s = { 0 };

	(void)state;
	policy_changed(&policy, &s, at(0));
	assert_int_equal(policy_weigh(&policy, &gone, &s, at(14)).rule, POLICY_DWELL);
	assert_int_equal(policy_weigh(&policy, &gone, &s, at(15)).rule, POLICY_FREE);
	assert_true(policy_weigh(&policy, &here, &s, at(14)).held);
	assert_true(policy_weigh(&policy, &here, &s, at(15)).barred);
	here.direct_us = 400000; /* no dwell on a path that has gone bad */
	assert_false(policy_weigh(&policy, &here, &s, at(1)).held);
	/* A clock that was set back does not make the dwell last for ever. */
	assert_int_equal(policy_weigh(&policy, &gone, &s, at(-1)).rule, POLICY_FREE);
}

static void
damping(void **state)
{
	struct policy policy = policy_default();
	struct pair p = pair_of(300000, 100000, false);
	struct policy_state s = { 0 };

	(void)state;
	policy.dwell_ns = 0;
	policy_changed(&policy, &s, at(0));
	assert_false(s.suppressed);
	policy_changed(&policy, &s, at(0));
	assert_true(s.suppressed); /* 2000 */
	assert_int_equal(policy_weigh(&policy, &p, &s, at(1)).rule, POLICY_DAMPED);
	/* 2000 falls to 750 after log2(2000/750) = 1.415 half-lives: 21.2 minutes. */
	assert_int_equal(policy_weigh(&policy, &p, &s, at(21)).rule, POLICY_DAMPED);
	assert_int_equal(policy_weigh(&policy, &p, &s, at(22)).rule, POLICY_FREE);
	assert_false(s.suppressed);
	for (int i = 0; i < 100; i++)
		policy_changed(&policy, &s, at(30));
	assert_int_equal(policy_weigh(&policy, &p, &s, at(89)).rule, POLICY_DAMPED);
	assert_int_equal(policy_weigh(&policy, &p, &s, at(91)).rule, POLICY_FREE);
}

/* However changes fall: the penalty only decays, halves in time, and is bounded. */
static void
penalty_decays(void **state)
{
	struct seed seed = seed_new("policy");
	struct policy policy = policy_default();

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct policy_state s = { 0 };
		int64_t now = 0;
		double last;

		for (int i = 0; i < 20; i++) {
			now += seed_below(&seed, 30);
			policy_changed(&policy, &s, at(now));
			assert_true(s.penalty >= 1000 && s.penalty <= 12000);
		}
		last = policy_penalty(&policy, &s, at(now));
		assert_true(
		    policy_penalty(&policy, &s, at(now + 15)) * 2 <= last * 1.000001);
		for (int i = 1; i < 100; i++) {
			double p = policy_penalty(&policy, &s, at(now + i));

			assert_true(p < last);
			last = p;
		}
		assert_true(policy_penalty(&policy, &s, at(now + 61)) < 750);
	}
}

/* Two pairs, one tunnel: a newcomer must be better by twice the cost of a change. */
static void
change_has_its_cost(void **state)
{
	struct policy policy = policy_default();
	struct instance *in = mem_alloc(sizeof(*in));
	struct plan *plan;
	struct err err;

	(void)state;
	in->n_nodes = 3;
	in->nodes = mem_array(3, sizeof(*in->nodes));
	for (size_t i = 0; i < 3; i++) {
		in->nodes[i].name[0] = (char)('a' + i);
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
	}
	in->n_pairs = 2;
	in->pairs = mem_array(2, sizeof(*in->pairs));
	in->budget = 1;
	for (int64_t better = 19999; better <= 20001; better++) {
		in->pairs[0] = pair_of(300000, 100000, true);
		in->pairs[1] = pair_of(300000, 100000 - better, false);
		in->pairs[0].a = 0;
		policy_apply(&policy, in, NULL, at(0));
		assert_int_equal(in->pairs[0].bias, 10000);
		assert_int_equal(in->pairs[1].bias, -10000);
		assert_int_equal(solve(in, &plan, &err), 0);
		assert_int_equal(plan->tunnels[0].state,
		    better > 20000 ? PLAN_ADD : PLAN_KEEP);
		plan_free(plan);
	}
	instance_free(in);
}

/* With relays: what is told of tunnels, and only as far as there is room. */
static void
relays_hear_of_tunnels(void **state)
{
	struct policy policy = policy_default();
	struct policy_state states[3] = { 0 };
	struct instance *in = mem_alloc(sizeof(*in));

	(void)state;
	in->n_nodes = 4;
	in->nodes = mem_array(4, sizeof(*in->nodes));
	in->pairs = mem_array(3, sizeof(*in->pairs));
	in->tunnels = mem_array(3, sizeof(*in->tunnels));
	in->n_pairs = in->n_tunnels = 3;
	in->budget = 1;
	for (size_t i = 0; i < 4; i++)
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
	for (uint32_t i = 0; i < 3; i++) { /* 1-2 and 1-3 exist, 2-3 does not */
		in->pairs[i] = pair_of(300000, 290001, i < 2);
		in->pairs[i].a = i < 2 ? 1 : 2;
		in->pairs[i].b = i == 0 ? 2 : 3;
		in->tunnels[i] = (struct tunnel){
			.a = (uint16_t)in->pairs[i].a,
			.b = (uint16_t)in->pairs[i].b,
			.cost = 1,
			.direct_us = 290001,
		};
		policy_changed(&policy, &states[i], at(0));
	}
	policy_apply(&policy, in, states, at(1));
	assert_int_equal(in->change_us, 10000);
	assert_true(in->tunnels[0].required);  /* it dwells */
	assert_false(in->tunnels[1].required); /* so does this; the budget is spent */
	assert_true(in->tunnels[2].denied);
	in->tunnels[0].required = in->tunnels[2].denied = false;
	policy_apply(&policy, in, states, at(16));
	for (size_t i = 0; i < 3; i++) /* no threshold applies to what others use */
		assert_false(in->tunnels[i].required || in->tunnels[i].denied);
	assert_false(in->pairs[2].barred);
	in->nodes[1].max_tunnels = 0;
	policy_apply(&policy, in, states, at(1));
	assert_false(in->tunnels[0].required);
	instance_free(in);
}

static FILE *
stream_of(const char *text)
{
	/* fmemopen() of 0 bytes fails with older libraries. */
	return *text ? fmemopen((void *)(uintptr_t)text, strlen(text), "r")
		     : fopen("/dev/null", "r");
}

static void
files(void **state)
{
	static const struct {
		const char *text, *fault; /* fault NULL: none */
	} rows[] = {
		{ "", NULL },
		{ "[Policy]\nGain = 10ms # as the default\nratio = 1/2\n", NULL },
		{ "[Damping]\nHalfLife = 1h\n[Policy]\nDwell = 0\nBoth = no\n", NULL },
		{ "Gain = 1\n", "p:1: Gain stands before" },
		{ "[Policy]\n\nGian = 10ms\n", "p:3: [Policy] has no key Gian" },
		{ "[Damping]\nGain = 1\n", "p:2: [Damping] has no key Gain" },
		{ "[Politics]\n", "p:1: [Politics] is no section" },
		{ "[Policy]\nGain = -1ms\n", "p:2: Gain: \"-1ms\" is not a time" },
		{ "[Policy]\nGain = 1e3\n", "p:2: Gain" },
		{ "[Policy]\nGain = nan\n", "p:2: Gain" },
		{ "[Policy]\nRatio = 3/2\n", "p:2: Ratio: \"3/2\" is not a ratio" },
		{ "[Policy]\nRatio = 0.66\n", "p:2: Ratio" },
		{ "[Policy]\nRatio = 0/0\n", "p:2: Ratio" },
		{ "[Policy]\nDwell = 15 parsecs\n", "p:2: Dwell" },
		{ "[Policy]\nBoth = maybe\n", "p:2: Both: \"maybe\" is not yes or no" },
		{ "[Policy]\nConfidence = 100\n", "from 50 to 99" },
		{ "[Policy]\nSamples = 0\n", "p:2: Samples" },
		{ "[Policy]\nDwell = 1m\nDwell = 2m\n", "p:3: Dwell is there twice" },
		{ "[Policy]\nInterval = 0\n", "Interval" },
		{ "[Damping]\nReuse = 2000\n", "p: Reuse: 2000 must lie" },
		{ "[Damping]\nHalfLife = 0\n", "HalfLife" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy p = { .gain_us = 77 };
		FILE *in = stream_of(rows[i].text);
		struct err err = { "" };
		int r = policy_conf_read(in, "p", &p, &err);

		(void)fclose(in);
		if ((r < 0) != (rows[i].fault != NULL) ||
		    (rows[i].fault && !strstr(err.text, rows[i].fault)))
			fail_msg("row %zu: %d, \"%s\"", i, r, err.text);
		if (r < 0)
			assert_int_equal(p.gain_us, 77);
	}
}

static void
files_round_trip(void **state)
{
	struct policy p = policy_default(), again;
	char text[2048] = "", twice[2048] = "";
	struct err err;
	FILE *f;

	(void)state;
	p.gain_us = 12345;
	p.ratio_num = 7;
	p.ratio_den = 9;
	p.dwell_ns = 0;
	p.both = false;
	p.half_life_ns = 1500 * NS_PER_MS;
	p.suppress_max_ns = 3 * 86400 * NS_PER_S; /* more seconds than one may write */
	f = fmemopen(text, sizeof(text), "w");
	policy_conf_write(&p, f);
	(void)fclose(f);
	f = stream_of(text);
	assert_int_equal(policy_conf_read(f, "p", &again, &err), 0);
	(void)fclose(f);
	assert_int_equal(again.gain_us, 12345);
	assert_int_equal(again.half_life_ns, 1500 * NS_PER_MS);
	assert_int_equal(again.suppress_max_ns, 3 * 86400 * NS_PER_S);
	assert_non_null(strstr(text, "Interval = 5m\n"));
	assert_false(again.both);
	f = fmemopen(twice, sizeof(twice), "w");
	policy_conf_write(&again, f);
	(void)fclose(f);
	assert_string_equal(text, twice);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds),
		cmocka_unit_test(one_voice_is_enough_when_told),
		cmocka_unit_test(smoothing_follows),
		cmocka_unit_test(dwell_both_ways),
		cmocka_unit_test(damping),
		cmocka_unit_test(penalty_decays),
		cmocka_unit_test(change_has_its_cost),
		cmocka_unit_test(relays_hear_of_tunnels),
		cmocka_unit_test(files),
		cmocka_unit_test(files_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
