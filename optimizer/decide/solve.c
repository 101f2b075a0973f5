/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/solve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/direct.h"
#include "optimizer/decide/relay_plan.h"

static int
solve_relayed(const struct instance *in, const struct solve_opts *opts,
    struct plan **out, struct err *err)
{
	struct relay_opts how = {
		.iterations = opts->iterations,
		.rounds = opts->rounds,
		.threads = opts->threads,
		.seed = opts->seed,
	};
	struct relay_result *r;
	int e = relay_solve(in, &how, &r, err);

	if (e < 0)
		return e;
	*out = relay_plan(r);
	relay_free(r);
	return 0;
}

/* Weight of the pairs whose path is no longer than us, before any tunnel or after. */
static int64_t
weight_within(const struct instance *in, const struct plan *plan, int64_t us)
{
	int64_t sum = 0;

	for (size_t i = 0; i < in->n_pairs; i++) {
		int64_t path = plan ? plan->routes[i].us : in->pairs[i].hub_us;

		if (path != PLAN_UNKNOWN && path <= us)
			sum += in->pairs[i].weight;
	}
	return sum;
}

/* The least us that this share of the weight stays within. */
static int64_t
quantile_us(const struct instance *in, const struct plan *plan, int64_t need)
{
	int64_t lo = 0, hi = INT64_C(1) << 28;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (weight_within(in, plan, mid) >= need)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* The quantile is searched for to this many us. */
#define QUANTILE_STEP_US 100

static int
solve_quantile(const struct instance *in, const struct solve_opts *opts,
    struct plan **out, struct err *err)
{
	struct instance slo = *in; /* borrows everything */
	int64_t total = weight_within(in, NULL, INT64_MAX), need, hub, lo, hi, never;
	struct plan *best = NULL, *plan = NULL;
	int e = 0;

	need = (int64_t)(((__int128)total * in->quantile_ppm + 999999) / 1000000);
	hub = quantile_us(in, NULL, need);
	slo.goal = GOAL_SLO;
	for (lo = never = 0, hi = hub; hi - lo > QUANTILE_STEP_US || !best;) {
		slo.limit_us = best ? lo + (hi - lo) / 2 : hub > 0 ? hub : 1;
		e = solve_relayed(&slo, opts, &plan, err);
		if (e < 0)
			break;
		if (weight_within(in, NULL, slo.limit_us) + plan->bound < need &&
		    never < slo.limit_us)
			never = slo.limit_us;
		if (!best || weight_within(in, plan, slo.limit_us) >= need) {
			plan_free(best);
			best = plan;
			hi = quantile_us(in, plan, need);
		} else {
			plan_free(plan);
			lo = slo.limit_us;
		}
		if (hi <= lo)
			break;
	}
	if (e < 0) {
		plan_free(best);
		return e;
	}
	(void)snprintf(best->objective, sizeof(best->objective), "quantile %u.%03u",
	    in->quantile_ppm / 1000000, in->quantile_ppm / 1000 % 1000); /* fits */
	best->value = hub - hi;
	best->bound = hub - never - (never > 0);
	best->next_value = 0;
	best->proven = best->value == best->bound;
	plan_prices_free(best->prices); /* they are another objective's */
	best->prices = NULL;
	*out = best;
	return 0;
}

int
solve_with(const struct instance *in, const struct solve_opts *opts, struct plan **out,
    struct err *err)
{
	*out = NULL;
	if (in->goal == GOAL_QUANTILE)
		return solve_quantile(in, opts, out, err);
	if (direct_may_solve(in))
		return direct_solve(in, out, err);
	return solve_relayed(in, opts, out, err);
}

int
solve(const struct instance *in, struct plan **out, struct err *err)
{
	struct solve_opts opts = { .seed = 1, .threads = 2 };

	return solve_with(in, &opts, out, err);
}
