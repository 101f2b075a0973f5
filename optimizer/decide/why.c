/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/why.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/solve.h"

/* With relays a question costs seconds, so it is asked to this many us only. */
#define RELAY_STEP_US 100

/* Up to here each budget is asked; above, they are halved (right without limits). */
#define BUDGETS_ASKED	    64
#define RELAY_BUDGETS_ASKED 2

/* The instance with one pair's figure, or the budget, replaced. */
struct doubt {
	const struct why_question *q;
	struct instance in;
	struct pair *pair; /* in in */
	int64_t margin_us; /* upper limit over the figure */
	bool thin;
	struct err *err;
};

static void
doubt_init(struct doubt *d, const struct why_question *q, struct err *err)
{
	const struct instance *in = q->in;
	const struct pair *p = &in->pairs[q->pair];

	*d = (struct doubt){ .q = q, .in = *in, .err = err };
	d->in.pairs = mem_array(in->n_pairs, sizeof(*in->pairs));
	memcpy(d->in.pairs, in->pairs, in->n_pairs * sizeof(*in->pairs));
	if (in->n_tunnels) {
		d->in.tunnels = mem_array(in->n_tunnels, sizeof(*in->tunnels));
		memcpy(d->in.tunnels, in->tunnels,
		    in->n_tunnels * sizeof(*in->tunnels));
	}
	d->pair = &d->in.pairs[q->pair];
	if (p->direct_us != PLAN_UNKNOWN)
		d->margin_us = p->direct_hi_us - p->direct_us;
	/* A figure that one supposes is one that is sure enough. */
	d->thin = !p->present && p->direct_us != PLAN_UNKNOWN &&
		  evidence_missing(q->evidence, q->samples_min);
}

static void
doubt_fini(struct doubt *d)
{
	free(d->in.pairs);
	if (d->in.n_tunnels)
		free(d->in.tunnels);
}

/* Suppose this direct RTT. */
static void
suppose(struct doubt *d, int64_t us)
{
	struct policy_state none = { 0 };
	struct policy_verdict v = { 0 };
	struct pair *p = d->pair;
	size_t tunnel = SIZE_MAX;

	p->direct_us = us;
	p->direct_hi_us = us + d->margin_us;
	if (d->q->policy)
		v = policy_weigh(d->q->policy, p, &none, (struct wall){ 0 });
	p->held = v.held;
	p->barred = v.barred || d->thin;
	if (d->in.n_tunnels)
		tunnel = instance_tunnel(&d->in, p->a, p->b);
	if (tunnel != SIZE_MAX)
		d->in.tunnels[tunnel].direct_us = (int32_t)p->direct_hi_us;
}

/* 1: the pair is direct; 0: it is not; or -errno. */
static int
is_direct(struct doubt *d)
{
	struct plan *plan = NULL;
	int r = solve(&d->in, &plan, d->err);

	if (r < 0)
		return r;
	r = plan->routes[d->q->pair].path == PLAN_DIRECT;
	plan_free(plan);
	return r;
}

/* An RTT that no plan of hub and direct paths would take. */
static int64_t
hopeless_us(const struct pair *p)
{
	int64_t us = p->hub_lo_us > p->hub_us ? p->hub_lo_us : p->hub_us;

	if (p->weight > 0)
		us += llabs(p->bias) / p->weight;
	return us + 2;
}

/* The first RTT that is not direct any more, by halving. */
static int
find_rtt(struct doubt *d, struct why *out)
{
	const struct pair *was = &d->q->in->pairs[d->q->pair];
	int64_t step = d->in.n_tunnels ? RELAY_STEP_US : 1;
	int64_t yes = 0, no = (hopeless_us(was) / step + 1) * step, us;
	int r;

	out->turn_us = PLAN_UNKNOWN;
	if (was->hub_us == PLAN_UNKNOWN || was->pin != MESH_FREE || !was->reachable ||
	    d->thin)
		return 0;
	suppose(d, no);
	r = is_direct(d);
	while (r == 0 && no - yes > step) {
		us = yes + (no - yes) / step / 2 * step;
		suppose(d, us);
		r = is_direct(d);
		if (r < 0)
			return r;
		*(r ? &yes : &no) = us;
		r = 0;
	}
	if (yes > 0)
		out->turn_us = no;
	suppose(d, was->direct_us);
	*d->pair = *was;
	return r < 0 ? r : 0;
}

/* 1: direct at this budget, and so on as is_direct(). */
static int
at_budget(struct doubt *d, uint32_t budget)
{
	d->in.budget = budget;
	/* Less than what is pinned: no plan, and so no tunnel of its own accord. */
	if (budget < d->q->in->budget) {
		size_t pinned = 0;

		for (size_t i = 0; i < d->in.n_pairs; i++)
			pinned += d->in.pairs[i].pin == MESH_PIN_DIRECT;
		if (pinned > budget)
			return 0;
	}
	return is_direct(d);
}

/*
 * The least budget with which the pair is direct: each is asked where there are few,
 * since under nodes' limits a larger budget may drop a pair again; else halved.
 */
static int
find_budget(struct doubt *d, struct why *out)
{
	const struct instance *in = d->q->in;
	size_t most = in->tunnels ? in->n_tunnels : in->n_pairs;
	uint32_t asked = in->tunnels ? RELAY_BUDGETS_ASKED : BUDGETS_ASKED;
	uint32_t lo = 0, hi = (uint32_t)most; /* no at lo */
	int r;

	out->turn_budget = PLAN_NO_BUDGET;
	if (in->pairs[d->q->pair].pin != MESH_FREE || most == 0)
		return 0;
	if (in->budget < most)
		hi = in->budget;
	if (out->path != PLAN_DIRECT) { /* a larger one, then */
		lo = hi;
		hi = (uint32_t)most;
	}
	while (hi - lo > asked) {
		uint32_t middle = lo + (hi - lo) / 2;

		r = at_budget(d, middle);
		if (r < 0)
			return r;
		*(r ? &hi : &lo) = middle;
	}
	for (uint32_t budget = lo + 1; budget <= hi; budget++) {
		r = at_budget(d, budget);
		if (r < 0)
			return r;
		if (r) {
			out->turn_budget = budget;
			return 0;
		}
	}
	return 0;
}

/* As the solver orders them: merit, then the lighter, then names. */
static bool
is_before(const struct pair *p, const struct pair *q)
{
	int64_t v = pair_merit(p), u = pair_merit(q);

	if (v != u)
		return v > u;
	if (p->weight != q->weight)
		return p->weight < q->weight;
	return p < q;
}

static void
find_rank(const struct why_question *q, struct why *out)
{
	const struct instance *in = q->in;
	const struct pair *p = &in->pairs[q->pair];

	for (size_t i = 0; i < in->n_pairs; i++) {
		if (!pair_is_candidate(&in->pairs[i]))
			continue;
		out->candidates++;
		out->rank += is_before(&in->pairs[i], p);
	}
	out->rank = pair_is_candidate(p) ? out->rank + 1 : 0;
}

/* Which of the two ends has no tunnel left? */
static bool
find_full(const struct why_question *q, const struct plan *plan, uint32_t *full)
{
	const struct pair *p = &q->in->pairs[q->pair];
	const uint32_t ends[] = { p->a, p->b };

	for (size_t e = 0; e < 2; e++) {
		uint32_t n = 0;

		for (size_t i = 0; i < plan->n_tunnels; i++) {
			const struct plan_tunnel *t = &plan->tunnels[i];

			n += t->state != PLAN_DROP &&
			     (t->a == ends[e] || t->b == ends[e]);
		}
		*full = ends[e];
		if (n >= q->in->nodes[ends[e]].max_tunnels)
			return true;
	}
	return false;
}

/* The rules that know without asking what others want; WHY_BUDGET = none of them. */
static enum why_rule
own_rule(const struct why_question *q, const struct pair *p)
{
	if (p->pin == MESH_PIN_HUB)
		return WHY_PINNED_HUB;
	if (p->pin == MESH_PIN_DIRECT)
		return WHY_PINNED_DIRECT;
	if (!p->reachable)
		return WHY_NO_ENDPOINT;
	if (p->hub_us == PLAN_UNKNOWN)
		return WHY_NO_HUB_RTT;
	if (p->direct_us == PLAN_UNKNOWN)
		return WHY_NO_DIRECT_RTT;
	if (!p->present && evidence_missing(q->evidence, q->samples_min))
		return WHY_THIN;
	return WHY_BUDGET;
}

static enum why_rule
find_rule(const struct why_question *q, const struct plan *plan, struct why *out)
{
	const struct pair *p = &q->in->pairs[q->pair];
	enum why_rule rule = own_rule(q, p);
	struct policy_state none = { 0 };

	if (out->path == PLAN_RELAY) /* better than why not direct */
		return WHY_RELAY;
	if (rule != WHY_BUDGET)
		return rule;
	if (q->policy && !q->in->tunnels) /* else it spoke of tunnels */
		out->verdict = policy_weigh(q->policy, p, &none, (struct wall){ 0 });
	if (out->verdict.rule != POLICY_FREE)
		return WHY_POLICY;
	if (out->path == PLAN_DIRECT)
		return pair_merit(p) > 0 ? WHY_CHOSEN : WHY_LEG;
	if (pair_merit(p) <= 0)
		return WHY_SLOWER;
	return find_full(q, plan, &out->full) ? WHY_LIMIT : WHY_BUDGET;
}

int
why(const struct why_question *q, struct why *out, struct err *err)
{
	const struct plan_route *route;
	struct plan *plan = NULL;
	struct doubt d;
	int r = solve(q->in, &plan, err);

	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	route = &plan->routes[q->pair];
	out->path = route->path;
	out->via = route->via;
	out->us = route->us;
	find_rank(q, out);
	out->rule = find_rule(q, plan, out);
	plan_free(plan);
	doubt_init(&d, q, err);
	r = find_rtt(&d, out);
	if (r == 0)
		r = find_budget(&d, out);
	doubt_fini(&d);
	return r;
}

const char *
why_rule_name(enum why_rule rule)
{
	static const char *const names[] = {
		[WHY_PINNED_HUB] = "pinned-hub",
		[WHY_PINNED_DIRECT] = "pinned-direct",
		[WHY_NO_ENDPOINT] = "no-endpoint",
		[WHY_NO_HUB_RTT] = "no-hub-rtt",
		[WHY_NO_DIRECT_RTT] = "no-direct-rtt",
		[WHY_THIN] = "thin",
		[WHY_POLICY] = "policy",
		[WHY_SLOWER] = "slower",
		[WHY_CHOSEN] = "chosen",
		[WHY_LEG] = "leg",
		[WHY_RELAY] = "relay",
		[WHY_LIMIT] = "limit",
		[WHY_BUDGET] = "budget",
	};

	return names[rule];
}
