/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/direct.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/knapsack.h"
#include "optimizer/decide/select.h"

struct work {
	const struct instance *in;
	uint32_t *limit;    /* what each node has left after the pinned tunnels */
	uint32_t budget;    /* likewise */
	struct edge *edges; /* candidates */
	uint32_t *pair_of;  /* pair of each edge */
	size_t n_edges;
	bool *taken;	/* one a pair */
	int64_t change; /* us x weight: what adding or dropping a tunnel costs */
	bool costs;	/* they differ */
};

/* What is chosen by: the limits that decide, and what changing costs. */
static int64_t
merit(const struct work *w, const struct pair *p)
{
	return pair_merit(p) + (p->present ? w->change : -w->change);
}

static void
take(struct work *w, size_t i)
{
	const struct pair *p = &w->in->pairs[i];

	w->taken[i] = true;
	w->budget -= w->budget != PLAN_NO_BUDGET ? p->cost : 0;
	w->limit[p->a] -= w->limit[p->a] != MESH_NO_LIMIT;
	w->limit[p->b] -= w->limit[p->b] != MESH_NO_LIMIT;
}

static int
take_pinned(struct work *w, struct err *err)
{
	const struct instance *in = w->in;

	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		const struct node *a = &in->nodes[p->a], *b = &in->nodes[p->b];

		if (p->pin != MESH_PIN_DIRECT)
			continue;
		if (w->budget < p->cost)
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
		take(w, i);
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

		if (p->held && p->pin == MESH_FREE && w->budget >= p->cost &&
		    w->limit[p->a] && w->limit[p->b])
			take(w, i);
	}
}

/* By falling merit per cost, then saving, then names: pairs stand in their order. */
static int
by_merit(const void *x, const void *y, void *ctx)
{
	const struct work *w = ctx;
	uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
	const struct pair *p = &w->in->pairs[i], *q = &w->in->pairs[j];
	struct item a = { merit(w, p), p->cost }, b = { merit(w, q), q->cost };

	if (knapsack_denser(&a, &b))
		return -1;
	if (knapsack_denser(&b, &a))
		return 1;
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
		if (pair_may_change(&in->pairs[i]) &&
		    in->pairs[i].direct_us != PLAN_UNKNOWN &&
		    merit(w, &in->pairs[i]) > 0)
			w->pair_of[w->n_edges++] = (uint32_t)i;
	qsort_r(w->pair_of, w->n_edges, sizeof(*w->pair_of), by_merit, w);
	for (size_t i = 0; i < w->n_edges; i++) {
		const struct pair *p = &in->pairs[w->pair_of[i]];

		w->edges[i] = (struct edge){ p->a, p->b, merit(w, p) };
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
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		int64_t kept = p->bias > 0 && p->present ? p->bias : 0;

		if (w->taken[i]) {
			plan->saved += pair_value(p); /* may be negative */
			plan->value += merit(w, p);
		}
		plan->value -= kept + (p->present ? w->change : 0);
	}
	plan->bound = plan->value + (s->bound - s->value);
	write_pairs(w, plan);
	return plan;
}

/* One of the two solvers of the core; *proof is what its prices prove of s. */
static void
choose(struct work *w, struct selection *s, struct plan_prices *prices, int64_t *proof)
{
	const struct instance *in = w->in;
	struct selection_asked q = { w->edges, w->n_edges, in->n_nodes, w->limit,
		w->budget };
	int64_t *mu = mem_array(in->n_nodes, sizeof(*mu));
	struct item *items = mem_array(w->n_edges, sizeof(*items));
	struct knapsack k = { .taken = s->taken };

	for (size_t i = 0; i < w->n_edges; i++)
		items[i] =
		    (struct item){ w->edges[i].value, in->pairs[w->pair_of[i]].cost };
	if (w->costs) {
		knapsack_solve(items, w->n_edges, w->budget, &k);
		*s = (struct selection){ s->taken, k.value, k.bound, 0 };
		prices->theta = k.theta;
	} else {
		select_edges(&q, s);
		select_prices(&q, s->taken, &prices->theta, mu);
	}
	*proof = prices->theta * (prices->theta ? w->budget : 0);
	prices->node = mem_array(in->n_nodes, sizeof(*prices->node));
	for (uint32_t v = 0; v < in->n_nodes; v++) {
		if (!mu[v])
			continue;
		*proof += mu[v] * w->limit[v];
		prices->node[prices->n_node++] =
		    (struct plan_price){ .a = v, .price = mu[v] };
	}
	for (size_t i = 0; i < w->n_edges; i++) {
		int64_t above = items[i].value - prices->theta * items[i].cost -
				mu[w->edges[i].a] - mu[w->edges[i].b];

		*proof += above > 0 ? above : 0;
	}
	free(items);
	free(mu);
}

static struct plan *
decide(struct work *w)
{
	struct plan_prices *prices = mem_alloc(sizeof(*prices));
	struct selection s = { .taken = mem_array(w->in->n_pairs, sizeof(*s.taken)) };
	struct plan *plan;
	int64_t proof;

	take_held(w);
	gather_candidates(w);
	choose(w, &s, prices, &proof);
	for (size_t i = 0; i < w->n_edges; i++)
		w->taken[w->pair_of[i]] |= s.taken[i];
	plan = write_plan(w, &s);
	plan->prices = prices;
	plan->prices_bound = plan->value + (proof - s.value);
	plan->proven = s.bound == s.value;
	free(s.taken);
	return plan;
}

bool
direct_may_solve(const struct instance *in)
{
	bool costs = false, limits = false;

	for (size_t i = 0; i < in->n_pairs; i++)
		costs |= in->pairs[i].cost > 1;
	for (size_t i = 0; i < in->n_nodes; i++)
		limits |= in->nodes[i].max_tunnels != MESH_NO_LIMIT;
	return in->goal == GOAL_MEAN && !instance_relays(in) && !(costs && limits);
}

int
direct_solve(const struct instance *in, struct plan **out, struct err *err)
{
	struct work w = { .in = in, .budget = in->budget };
	__int128 total = 0;
	int r;

	*out = NULL;
	w.limit = mem_array(in->n_nodes, sizeof(*w.limit));
	w.taken = mem_array(in->n_pairs, sizeof(*w.taken));
	for (size_t i = 0; i < in->n_nodes; i++)
		w.limit[i] = in->nodes[i].max_tunnels;
	for (size_t i = 0; i < in->n_pairs; i++) {
		w.costs |= in->pairs[i].cost > 1;
		total += in->pairs[i].weight;
	}
	if (in->n_pairs)
		w.change = (int64_t)(in->change_us * total / (int64_t)in->n_pairs);
	r = take_pinned(&w, err);
	if (r == 0)
		*out = decide(&w);
	free(w.limit);
	free(w.taken);
	free(w.edges);
	free(w.pair_of);
	return r;
}
