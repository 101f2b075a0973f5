/* SPDX-License-Identifier: MIT */
/*
 * The rule that decided and its counterfactuals, against asking every figure.
 * links: optimizer/decide/why.c optimizer/decide/evidence.c
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
#include "optimizer/decide/solve.h"
#include "optimizer/decide/why.h"
#include "tests/unit/seed.h"

#define PAIRS 6 /* any two of four; node 0 is the hub */

static const struct evidence_pair plenty = {
	.hub = { 0, 0, 0, 100 },
	.direct = { 0, 0, 0, 100 },
};

static struct instance *
quartet(void)
{
	struct instance *in = mem_alloc(sizeof(*in));

	in->n_nodes = 5;
	in->nodes = mem_array(5, sizeof(*in->nodes));
	in->pairs = mem_array(PAIRS, sizeof(*in->pairs));
	in->budget = 2;
	for (size_t i = 0; i < 5; i++) {
		in->nodes[i].name[0] = (char)('a' + i);
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
	}
	for (uint32_t a = 1; a < 5; a++) {
		for (uint32_t b = a + 1; b < 5; b++) {
			struct pair *p = &in->pairs[in->n_pairs++];

			*p = (struct pair){ .a = a, .b = b, .cost = 1 };
			p->weight = 1;
			p->reachable = true;
			p->hub_us = p->hub_lo_us = 200;
			p->direct_us = p->direct_hi_us = 20 * (int64_t)in->n_pairs;
		}
	}
	return in;
}

static struct why
asked(const struct instance *in, size_t pair, const struct policy *policy)
{
	struct why_question q = { in, pair, &plenty, 30, policy };
	struct err err = { "" };
	struct why w;

	if (why(&q, &w, &err) < 0)
		fail_msg("%s", err.text);
	return w;
}

static void
ranks_and_turns(void **state)
{
	struct instance *in = quartet(); /* direct 20, 40, ..., 120 */
	struct why w = asked(in, 0, NULL);

	(void)state;
	assert_int_equal(w.rule, WHY_CHOSEN);
	assert_int_equal(w.path, PLAN_DIRECT);
	assert_int_equal(w.us, 20);
	assert_int_equal(w.rank, 1);
	assert_int_equal(w.candidates, 6);
	assert_int_equal(w.turn_us, 61); /* as the third, whose name comes after */
	assert_int_equal(w.turn_budget, 1);
	w = asked(in, 4, NULL);
	assert_int_equal(w.rule, WHY_BUDGET);
	assert_int_equal(w.rank, 5);
	assert_int_equal(w.us, 200);
	assert_int_equal(w.turn_us, 40); /* the second's name comes before */
	assert_int_equal(w.turn_budget, 5);
	instance_free(in);
}

static void
each_rule(void **state)
{
	struct instance *in = quartet();
	struct policy policy = policy_default();
	struct why_question thin = { in, 0, &plenty, 130, NULL };
	struct why w;
	struct err err;

	(void)state;
	in->pairs[0].pin = MESH_PIN_HUB;
	w = asked(in, 0, NULL);
	assert_int_equal(w.rule, WHY_PINNED_HUB);
	assert_int_equal(w.turn_us, PLAN_UNKNOWN);
	assert_int_equal(w.turn_budget, PLAN_NO_BUDGET);
	in->pairs[0].pin = MESH_PIN_DIRECT;
	w = asked(in, 0, NULL);
	assert_int_equal(w.rule, WHY_PINNED_DIRECT);
	assert_int_equal(w.path, PLAN_DIRECT);
	in->pairs[0].pin = MESH_FREE;

	in->pairs[0].reachable = false;
	assert_int_equal(asked(in, 0, NULL).rule, WHY_NO_ENDPOINT);
	in->pairs[0].reachable = true;

	in->pairs[0].direct_us = in->pairs[0].direct_hi_us = PLAN_UNKNOWN;
	w = asked(in, 0, NULL);
	assert_int_equal(w.rule, WHY_NO_DIRECT_RTT);
	assert_int_equal(w.rank, 0);
	assert_int_equal(w.turn_us, 61); /* if only somebody measured */
	in->pairs[0].direct_us = in->pairs[0].direct_hi_us = 20;

	in->pairs[0].barred = true;
	assert_int_equal(why(&thin, &w, &err), 0);
	assert_int_equal(w.rule, WHY_THIN);
	assert_int_equal(w.turn_us, PLAN_UNKNOWN);
	in->pairs[0].barred = false;

	in->pairs[0].direct_us = in->pairs[0].direct_hi_us = 200;
	w = asked(in, 0, NULL);
	assert_int_equal(w.rule, WHY_SLOWER);
	assert_int_equal(w.turn_us, 61);
	assert_int_equal(w.turn_budget, PLAN_NO_BUDGET);
	in->pairs[0].direct_us = in->pairs[0].direct_hi_us = 20;

	in->nodes[1].max_tunnels = 1; /* pairs 0, 1 and 2 meet there */
	w = asked(in, 1, NULL);
	assert_int_equal(w.rule, WHY_LIMIT);
	assert_int_equal(w.full, 1);
	assert_in_range(w.turn_us, 20, 21); /* equals are the flow's to choose from */
	assert_int_equal(w.turn_budget, PLAN_NO_BUDGET);
	in->nodes[1].max_tunnels = MESH_NO_LIMIT;

	policy.gain_us = 150;
	policy.change_cost_us = 0;
	policy_apply(&policy, in, NULL, (struct wall){ 0 });
	w = asked(in, 2, &policy);
	assert_int_equal(w.rule, WHY_POLICY);
	assert_int_equal(w.verdict.rule, POLICY_THRESHOLD);
	assert_int_equal(w.turn_us, 40); /* 50 passes; but the second has 40 */
	instance_free(in);
}

/* Every RTT and every budget asked, against what halving says. */
static void
turns_are_exact(void **state)
{
	struct seed seed = seed_new("why");

	(void)state;
	for (int round = 0; round < 150; round++) {
		struct instance *in = quartet();
		size_t k = seed_below(&seed, PAIRS);
		int64_t was, turn = PLAN_UNKNOWN;
		uint32_t budget, least = PLAN_NO_BUDGET;
		struct plan *plan;
		struct err err;
		struct why w;

		in->budget = budget = seed_below(&seed, 7);
		for (size_t i = 0; i < PAIRS; i++) {
			struct pair *p = &in->pairs[i];

			p->hub_us = p->hub_lo_us = 20 + seed_below(&seed, 100);
			p->direct_us = 1 + seed_below(&seed, 100);
			p->direct_hi_us = p->direct_us;
			p->weight = 1 + seed_below(&seed, 3);
		}
		for (size_t i = 1; i < 5; i++)
			if (seed_below(&seed, 3) == 0)
				in->nodes[i].max_tunnels = seed_below(&seed, 3);
		w = asked(in, k, NULL);
		was = in->pairs[k].direct_us;
		for (int64_t us = 130; us > 0 && turn == PLAN_UNKNOWN; us--) {
			in->pairs[k].direct_us = in->pairs[k].direct_hi_us = us;
			assert_int_equal(solve(in, &plan, &err), 0);
			if (plan->routes[k].path == PLAN_DIRECT)
				turn = us + 1;
			plan_free(plan);
		}
		in->pairs[k].direct_us = in->pairs[k].direct_hi_us = was;
		for (uint32_t b = w.path == PLAN_DIRECT ? 0 : budget + 1;
		     b <= PAIRS && least == PLAN_NO_BUDGET; b++) {
			in->budget = b;
			assert_int_equal(solve(in, &plan, &err), 0);
			if (plan->routes[k].path == PLAN_DIRECT)
				least = b;
			plan_free(plan);
		}
		assert_int_equal(w.turn_us, turn);
		assert_int_equal(w.turn_budget, least);
		instance_free(in);
	}
}

/* Hub a, relay b near all, and c, d, e: 20 ms to b, 60 to each other, 100 to the hub.
 */
static struct instance *
star(int32_t direct_us)
{
	struct instance *in = mem_alloc(sizeof(*in));
	struct matrix *m = matrix_new(5);
	struct measured measured = { .public = m };
	struct instance_opts opts = { .all_pairs = true };
	struct err err;

	in->n_nodes = 5;
	in->nodes = mem_array(5, sizeof(*in->nodes));
	in->budget = 3;
	for (size_t i = 0; i < 5; i++) {
		in->nodes[i].name[0] = (char)('a' + i);
		in->nodes[i].reachable = true;
		in->nodes[i].relay = i == 1;
		in->nodes[i].weight = 1;
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
		for (size_t k = i + 1; k < 5; k++)
			*matrix_cell(m, i, k) = i == 0	 ? 100000
						: i == 1 ? 20000
							 : 60000;
	}
	*matrix_cell(m, 2, 3) = direct_us;
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	matrix_free(m);
	return in;
}

static void
a_relay_serves_as_well(void **state)
{
	struct instance *in = star(60000);
	size_t pair = instance_pair(in, 2, 3);
	struct why w = asked(in, pair, NULL), direct;
	struct instance *turned;

	(void)state;
	assert_int_equal(w.rule, WHY_RELAY);
	assert_int_equal(w.path, PLAN_RELAY);
	assert_int_equal(w.via, 1);
	assert_int_equal(w.us, 40200);
	/* With a fourth tunnel the detour would still be shorter than 60 ms. */
	assert_int_equal(w.turn_budget, PLAN_NO_BUDGET);
	/* Three legs give 3 x 180 + 3 x 159.8 ms; nothing direct can make up for one.
	 */
	assert_int_equal(w.turn_us, PLAN_UNKNOWN);
	instance_free(in);
	in = star(60000);
	in->budget = 4; /* now one that beats the detour may come beside the legs */
	w = asked(in, pair, NULL);
	assert_in_range(w.turn_us, 40100, 40300);
	turned = star((int32_t)w.turn_us - 101);
	turned->budget = 4;
	direct = asked(turned, pair, NULL);
	assert_int_equal(direct.path, PLAN_DIRECT);
	assert_int_equal(direct.rule, WHY_CHOSEN);
	assert_int_equal(direct.turn_budget, 4);
	instance_free(turned);
	instance_free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_and_turns),
		cmocka_unit_test(each_rule),
		cmocka_unit_test(turns_are_exact),
		cmocka_unit_test(a_relay_serves_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
