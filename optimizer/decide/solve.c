/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/solve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/relay_plan.h"
#include "optimizer/decide/select.h"

struct work {
	const struct instance *in;
	uint32_t *limit;    /* what each node has left after the pinned tunnels */
	uint32_t budget;    /* likewise */
	struct edge *edges; /* candidates */
	uint32_t *pair_of;  /* pair of each edge */
	size_t n_edges;
	bool *taken; /* one a pair */
};

static int
take_pinned(struct work *w, struct err *err)
{
	const struct instance *in = w->in;

	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		const struct node *a = &in->nodes[p->a], *b = &in->nodes[p->b];

		if (p->pin != MESH_PIN_DIRECT)
			continue;
		if (w->budget == 0)
			return err_set(err,
			    "a budget of %u is less than the pairs that the mesh file "
			    "pins "
			    "to Path = direct (%s-%s is one too many)",
			    in->budget, a->name, b->name);
		if (!w->limit[p->a] || !w->limit[p->b])
			return err_set(err,
			    "%s may have %u direct tunnels, but the mesh file pins "
			    "more",
			    w->limit[p->a] ? b->name : a->name,
			    w->limit[p->a] ? b->max_tunnels : a->max_tunnels);
		w->taken[i] = true;
		w->budget -= w->budget != PLAN_NO_BUDGET;
		w->limit[p->a] -= w->limit[p->a] != MESH_NO_LIMIT;
		w->limit[p->b] -= w->limit[p->b] != MESH_NO_LIMIT;
	}
	return 0;
}

/*
 * What a policy holds, in the order of names, as long as there is room: dwell is no
 * reason to refuse a plan.
 */
static void
take_held(struct work *w)
{
	const struct instance *in = w->in;

	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];

		if (!p->held || p->pin != MESH_FREE || w->budget == 0 ||
		    !w->limit[p->a] || !w->limit[p->b])
			continue;
		w->taken[i] = true;
		w->budget -= w->budget != PLAN_NO_BUDGET;
		w->limit[p->a] -= w->limit[p->a] != MESH_NO_LIMIT;
		w->limit[p->b] -= w->limit[p->b] != MESH_NO_LIMIT;
	}
}

static const struct pair *
pair_by_rank(const struct instance *in, uint32_t i)
{
	return &in->pairs[i];
}

/* By falling value, then saving, then names: pairs stand in the order of names. */
static int
by_value(const void *x, const void *y, void *ctx)
{
	uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
	const struct pair *p = pair_by_rank(ctx, i), *q = pair_by_rank(ctx, j);
	int64_t v = pair_merit(p), u = pair_merit(q);

	if (v != u)
		return v > u ? -1 : 1;
	if (p->weight != q->weight) /* equal value: the larger saving is the lighter */
		return p->weight < q->weight ? -1 : 1;
	return i < j ? -1 : i > j;
}

static void
gather_candidates(struct work *w)
{
	const struct instance *in = w->in;

	w->edges = mem_array(in->n_pairs, sizeof(*w->edges));
	w->pair_of = mem_array(in->n_pairs, sizeof(*w->pair_of));
	for (size_t i = 0; i < in->n_pairs; i++)
		if (pair_is_candidate(&in->pairs[i]))
			w->pair_of[w->n_edges++] = (uint32_t)i;
	qsort_r(w->pair_of, w->n_edges, sizeof(*w->pair_of), by_value,
	    (void *)(uintptr_t)in); /* by_value only reads */
	for (size_t i = 0; i < w->n_edges; i++) {
		const struct pair *p = &in->pairs[w->pair_of[i]];

		w->edges[i] = (struct edge){ p->a, p->b, pair_merit(p) };
	}
}

static void
add_tunnel(struct plan *plan, const struct pair *p, enum plan_state state)
{
	bool known = p->hub_us != PLAN_UNKNOWN && p->direct_us != PLAN_UNKNOWN;

	plan->tunnels[plan->n_tunnels++] = (struct plan_tunnel){
		.a = p->a,
		.b = p->b,
		.state = state,
		.hub_us = p->hub_us,
		.direct_us = p->direct_us,
		.saves_us = known ? p->hub_us - p->direct_us : 0,
		.value = pair_value(p),
	};
}

static void
write_pairs(const struct work *w, struct plan *plan)
{
	const struct instance *in = w->in;

	plan->tunnels = mem_array(in->n_pairs, sizeof(*plan->tunnels));
	plan->routes = mem_array(in->n_pairs, sizeof(*plan->routes));
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		bool direct = w->taken[i];

		plan->routes[plan->n_routes++] = (struct plan_route){
			.a = p->a,
			.b = p->b,
			.path = direct ? PLAN_DIRECT : PLAN_HUB,
			.us = direct ? p->direct_us : p->hub_us,
			.hub_us = p->hub_us,
		};
		if (direct)
			add_tunnel(plan, p, p->present ? PLAN_KEEP : PLAN_ADD);
		else if (p->present)
			add_tunnel(plan, p, PLAN_DROP);
		if (!p->reachable)
			plan->unreachable++;
		else if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
			plan->unmeasured++;
		if (p->hub_us != PLAN_UNKNOWN) {
			plan->hub_sum += p->hub_us * p->weight;
			plan->weight_sum += p->weight;
		}
	}
	if (plan->n_tunnels)
		qsort(plan->tunnels, plan->n_tunnels, sizeof(*plan->tunnels),
		    plan_tunnel_order);
}

static struct plan *
write_plan(const struct work *w, const struct selection *s)
{
	const struct instance *in = w->in;
	struct plan *plan = mem_alloc(sizeof(*plan));

	memcpy(plan->mesh, in->mesh, sizeof(plan->mesh));
	memcpy(plan->objective, "mean", sizeof("mean"));
	plan->budget = in->budget;
	plan->pairs = in->n_pairs;
	plan->n_names = in->n_nodes;
	plan->names = mem_array(in->n_nodes, sizeof(*plan->names));
	for (size_t i = 0; i < in->n_nodes; i++)
		memcpy(plan->names[i], in->nodes[i].name, sizeof(plan->names[i]));
	plan->next_value = s->next;
	for (size_t i = 0; i < in->n_pairs; i++)
		if (w->taken[i])
			plan->value += pair_value(&in->pairs[i]); /* may be negative */
	/* What may be missing is known by merit, which value only reports. */
	plan->bound = plan->value + (s->bound - s->value);
	write_pairs(w, plan);
	return plan;
}

static int
solve_direct(const struct instance *in, struct plan **out, struct err *err)
{
	struct work w = { .in = in, .budget = in->budget };
	struct selection s = { 0 };
	int r;

	*out = NULL;
	w.limit = mem_array(in->n_nodes, sizeof(*w.limit));
	w.taken = mem_array(in->n_pairs, sizeof(*w.taken));
	s.taken = mem_array(in->n_pairs, sizeof(*s.taken));
	for (size_t i = 0; i < in->n_nodes; i++)
		w.limit[i] = in->nodes[i].max_tunnels;
	r = take_pinned(&w, err);
	if (r == 0) {
		take_held(&w);
		gather_candidates(&w);
		select_edges(w.edges, w.n_edges, w.limit, in->n_nodes, w.budget, &s);
		for (size_t i = 0; i < w.n_edges; i++)
			w.taken[w.pair_of[i]] |= s.taken[i];
		*out = write_plan(&w, &s);
	}
	free(w.limit);
	free(w.taken);
	free(w.edges);
	free(w.pair_of);
	free(s.taken);
	return r;
}

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

static bool
costs_differ(const struct instance *in)
{
	for (size_t i = 0; i < in->n_pairs; i++)
		if (in->pairs[i].cost > 1)
			return true;
	return false;
}

int
solve_with(const struct instance *in, const struct solve_opts *opts, struct plan **out,
    struct err *err)
{
	*out = NULL;
	if (in->goal == GOAL_QUANTILE)
		return solve_quantile(in, opts, out, err);
	if (instance_relays(in) || in->goal != GOAL_MEAN || costs_differ(in))
		return solve_relayed(in, opts, out, err);
	return solve_direct(in, out, err);
}

int
solve(const struct instance *in, struct plan **out, struct err *err)
{
	struct solve_opts opts = { .seed = 1, .threads = 2 };

	return solve_with(in, &opts, out, err);
}
