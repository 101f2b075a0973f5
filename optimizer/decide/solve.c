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

/* Weight that is within us by the hub, at the limit that decides. */
static int64_t
weight_by_hub(const struct instance *in, int64_t us)
{
	int64_t sum = 0;

	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		int64_t path = p->hub_lo_us > 0 ? p->hub_lo_us : p->hub_us;

		if (path != PLAN_UNKNOWN && path <= us)
			sum += p->weight;
	}
	return sum;
}

/* The quantile is searched for to this many us. */
#define QUANTILE_STEP_US 100

struct quantile {
	const struct instance *in;
	int64_t need;		    /* weight */
	int64_t never;		    /* us that so much cannot be brought within */
	int64_t proven;		    /* the same, as far as prices prove it */
	struct plan_prices *prices; /* those */
};

/* What a plan for this many us says of what cannot be. */
static void
learn(struct quantile *q, struct plan *plan, int64_t us)
{
	int64_t now = weight_by_hub(q->in, us);

	if (now + plan->bound < q->need && us > q->never)
		q->never = us;
	if (!plan->prices || us <= q->proven || now + plan->prices_bound >= q->need)
		return;
	plan_prices_free(q->prices);
	q->prices = plan->prices;
	q->proven = us;
	plan->prices = NULL;
}

/* The plan of least quantile, or -errno; *us is that quantile. */
static int
search_quantile(struct quantile *q, const struct solve_opts *opts, struct plan **best,
    int64_t *us, struct err *err)
{
	struct instance slo = *q->in; /* borrows everything */
	int64_t hub = *us, lo = 0;
	struct plan *plan = NULL;
	int e;

	slo.goal = GOAL_SLO;
	while (*us - lo > QUANTILE_STEP_US || !*best) {
		slo.limit_us = *best ? lo + (*us - lo) / 2 : hub > 0 ? hub : 1;
		e = solve_relayed(&slo, opts, &plan, err);
		if (e < 0)
			return e;
		learn(q, plan, slo.limit_us);
		if (!*best || weight_within(q->in, plan, slo.limit_us) >= q->need) {
			plan_free(*best);
			*best = plan;
			*us = quantile_us(q->in, plan, q->need);
		} else {
			plan_free(plan);
			lo = slo.limit_us;
		}
		if (*us <= lo)
			break;
	}
	return 0;
}

static int
solve_quantile(const struct instance *in, const struct solve_opts *opts,
    struct plan **out, struct err *err)
{
	struct quantile q = { .in = in };
	int64_t total = weight_within(in, NULL, INT64_MAX), hub, us;
	struct plan *best = NULL;
	int e;

	q.need = (int64_t)(((__int128)total * in->quantile_ppm + 999999) / 1000000);
	us = hub = quantile_us(in, NULL, q.need);
	e = search_quantile(&q, opts, &best, &us, err);
	if (e < 0) {
		plan_prices_free(q.prices);
		plan_free(best);
		return e;
	}
	(void)snprintf(best->objective, sizeof(best->objective), "quantile %u.%03u",
	    in->quantile_ppm / 1000000, in->quantile_ppm / 1000 % 1000); /* fits */
	best->value = hub - us;
	best->bound = hub - q.never - (q.never > 0);
	best->next_value = 0;
	best->proven = best->value == best->bound;
	plan_prices_free(best->prices); /* they are another objective's */
	best->prices = q.prices;
	best->prices_slo = q.proven;
	best->prices_bound = hub - q.proven - (q.proven > 0);
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
