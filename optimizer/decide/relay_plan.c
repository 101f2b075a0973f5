/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/relay_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/greedy.h"

static int64_t
figure(const struct model *m, size_t a, size_t b)
{
	size_t i = instance_pair(m->in, (uint32_t)a, (uint32_t)b);
	int64_t us = m->rtt[a * m->n + b];

	/* The limit decides, but what was measured is what one will see. */
	if (i != SIZE_MAX && m->in->pairs[i].direct_us > 0)
		us = m->in->pairs[i].direct_us;
	return us;
}

static void
add_route(struct plan *plan, const struct relay_result *r, const struct pair *p)
{
	const struct model *m = r->m;
	struct plan_route *route = &plan->routes[plan->n_routes++];
	uint16_t via = r->net->via[p->a * m->n + p->b];
	bool carried = m->weight[p->a * m->n + p->b] > 0;

	*route = (struct plan_route){ .a = p->a, .b = p->b };
	route->us = route->hub_us = p->hub_us;
	if (network_linked(r->net, p->a, p->b)) {
		route->path = PLAN_DIRECT;
		route->us = figure(m, p->a, p->b);
	} else if (carried && via < NETWORK_DIRECT) {
		int32_t us;
		uint16_t other = network_relay(r->net, p->a, p->b, via, &us);

		route->path = PLAN_RELAY;
		route->via = via;
		route->us = figure(m, p->a, via) + figure(m, p->b, via) + m->hop_us;
		route->fallback = other == NETWORK_HUB ? PLAN_HUB : PLAN_RELAY;
		route->fallback_via = other == NETWORK_HUB ? 0 : other;
		route->fallback_us =
		    other == NETWORK_HUB
			? p->hub_us
			: figure(m, p->a, other) + figure(m, p->b, other) + m->hop_us;
	}
	if (p->hub_us == PLAN_UNKNOWN)
		return;
	plan->hub_sum += p->hub_us * p->weight;
	plan->weight_sum += p->weight;
	plan->saved += (p->hub_us - route->us) * p->weight;
}

static void
add_routes(struct plan *plan, const struct relay_result *r)
{
	const struct instance *in = r->m->in;

	plan->routes = mem_array(in->n_pairs, sizeof(*plan->routes));
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];

		add_route(plan, r, p);
		if (!p->reachable)
			plan->unreachable++;
		else if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
			plan->unmeasured++;
	}
	plan->pairs = in->n_pairs;
}

static void
add_tunnel(struct plan *plan, const struct relay_result *r, uint32_t a, uint32_t b)
{
	const struct model *m = r->m;
	const struct instance *in = m->in;
	uint32_t t = m->at[a * m->n + b];
	size_t i = instance_pair(in, a, b);
	struct plan_tunnel *out = &plan->tunnels[plan->n_tunnels++];
	bool on = t != MODEL_NONE && r->net->on[t];

	*out = (struct plan_tunnel){ .a = a, .b = b, .state = PLAN_DROP };
	out->hub_us = i == SIZE_MAX ? PLAN_UNKNOWN : in->pairs[i].hub_us;
	out->direct_us = t == MODEL_NONE ? PLAN_UNKNOWN : figure(m, a, b);
	if (out->hub_us != PLAN_UNKNOWN && out->direct_us != PLAN_UNKNOWN)
		out->saves_us = out->hub_us - out->direct_us;
	if (!on)
		return;
	out->state = m->tunnels[t].present ? PLAN_KEEP : PLAN_ADD;
	out->value = network_loss(r->net, t);
}

static void
add_tunnels(struct plan *plan, const struct relay_result *r)
{
	const struct model *m = r->m;
	const struct instance *in = m->in;
	size_t cap = r->net->n_on;

	for (size_t i = 0; i < in->n_tunnels; i++)
		cap += in->tunnels[i].present;
	for (size_t i = 0; !in->tunnels && i < in->n_pairs; i++)
		cap += in->pairs[i].present;
	plan->tunnels = mem_array(cap + 1, sizeof(*plan->tunnels));
	for (size_t t = 0; t < m->n_tunnels; t++)
		if (r->net->on[t])
			add_tunnel(plan, r, m->tunnels[t].u, m->tunnels[t].v);
	for (size_t i = 0; i < in->n_tunnels; i++)
		if (in->tunnels[i].present &&
		    !network_linked(r->net, in->tunnels[i].a, in->tunnels[i].b))
			add_tunnel(plan, r, in->tunnels[i].a, in->tunnels[i].b);
	for (size_t i = 0; !in->tunnels && i < in->n_pairs; i++)
		if (in->pairs[i].present &&
		    !network_linked(r->net, in->pairs[i].a, in->pairs[i].b))
			add_tunnel(plan, r, in->pairs[i].a, in->pairs[i].b);
	if (plan->n_tunnels > 1)
		qsort(plan->tunnels, plan->n_tunnels, sizeof(*plan->tunnels),
		    plan_tunnel_order);
}

static int
by_weight(const void *x, const void *y)
{
	const struct plan_relay *a = x, *b = y;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

static void
add_relays(struct plan *plan, const struct relay_result *r)
{
	struct plan_relay *all = mem_array(r->m->n, sizeof(*all));

	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *route = &plan->routes[i];
		int64_t weight;

		if (route->path != PLAN_RELAY)
			continue;
		weight = r->m->weight[route->a * r->m->n + route->b];
		all[route->via].pairs++;
		all[route->via].weight += weight;
		all[route->via].fallback_loss +=
		    weight * (route->fallback_us - route->us);
	}
	for (uint32_t v = 0; v < r->m->n; v++) {
		if (!all[v].pairs)
			continue;
		all[v].node = v;
		all[v].tunnels = r->net->degree[v];
		all[plan->n_relays++] = all[v];
	}
	if (plan->n_relays > 1)
		qsort(all, plan->n_relays, sizeof(*all), by_weight);
	plan->relays = all;
}

static void
put(struct plan_price **list, size_t *n, struct plan_price p)
{
	if ((*n & (*n - 1)) == 0) /* 0 or a power of two: full */
		*list = mem_grow(*list, *n ? *n * 2 : 1, sizeof(**list));
	(*list)[(*n)++] = p;
}

/*
 * The bound of the best prices, as the certificate states it: theta for each unit of
 * the budget, and for each tunnel what it is worth above theta.
 */
static int64_t
bound_at_theta(struct dual *u)
{
	const struct model *m = u->m;
	int64_t sum = 0;

	dual_recall(u);
	u->lambda = 0;
	sum = dual_step(u) / (INT64_C(1) << u->shift); /* no step: only theta, prices */
	for (size_t t = 0; t < m->n_tunnels; t++) {
		int64_t above = u->price[t] - u->theta * m->tunnels[t].cost;

		/* From worth of the chosen to worth above theta of all. */
		sum -= u->x[t] ? u->price[t] : 0;
		sum += u->fix[t] == DUAL_IN || above > 0 ? above : 0;
	}
	/* The fractional item of the knapsack is in the bound but not in x. */
	return (sum - u->fraction + u->theta * m->budget) * (INT64_C(1) << u->shift);
}

/*
 * In the place of the entries, which are not needed any more: beside them there is no
 * room in a large plan.  No entry gives more than one.
 */
static void
take_leg_prices(struct plan_prices *out, struct dual *u)
{
	const struct model *m = u->m;

	_Static_assert(sizeof(struct plan_leg_price) <= sizeof(struct dual_entry),
	    "a price must not overtake what it is read from");
	out->leg = (void *)u->entries;
	out->leg_shift = u->shift;
	for (size_t i = 0; i < m->n_demands; i++) {
		const struct dual_demand *h = &u->demands[i];
		uint32_t own = m->demands[i].tunnel;

		if (own != MODEL_NONE && u->fix[own] == DUAL_IN)
			continue; /* never by a relay: its prices were not used */
		for (unsigned k = 0; k < h->active; k++) {
			struct dual_entry e = u->entries[h->first + k];

			if (e.rho_s || e.rho_t)
				out->leg[out->n_leg++] = (struct plan_leg_price){
					.a = m->demands[i].s,
					.b = m->demands[i].t,
					.q = m->relays[e.relay],
					.price_a = e.rho_s,
					.price_b = e.rho_t,
				};
		}
	}
	u->entries = NULL;
}

static void
add_prices(struct plan *plan, struct relay_result *r)
{
	struct plan_prices *out = mem_alloc(sizeof(*out));
	struct dual *u = r->dual;
	const struct model *m = r->m;

	plan->prices = out;
	out->theta = u->theta << u->shift;
	for (uint32_t v = 0; u->mu && v < m->n; v++)
		if (u->mu[v])
			put(&out->node, &out->n_node,
			    (struct plan_price){ .a = v,
				.price = u->mu[v] << u->shift });
	for (size_t q = 0; u->nu && q < u->n_relays; q++)
		if (u->nu[q])
			put(&out->load, &out->n_load,
			    (struct plan_price){ .a = m->relays[q],
				.price = u->nu[q] << u->shift });
	for (uint32_t v = 0; u->sigma && v < m->n; v++)
		for (size_t q = 0; q < u->n_relays; q++)
			if (u->sigma[dual_leg(u, v, q)])
				put(&out->star, &out->n_star,
				    (struct plan_price){ .a = v,
					.q = m->relays[q],
					.price = (int64_t)u->sigma[dual_leg(u, v, q)]
						 << u->shift });
	take_leg_prices(out, u);
}

static void
add_next(struct plan *plan, const struct relay_result *r)
{
	size_t next;

	plan->next_value = greedy_next(r->net, &next);
	plan->has_next = next != SIZE_MAX;
	if (!plan->has_next)
		return;
	plan->next_a = r->m->tunnels[next].u;
	plan->next_b = r->m->tunnels[next].v;
}

static int64_t
charged(const struct relay_result *r)
{
	int64_t sum = -r->m->constant;

	for (size_t t = 0; t < r->m->n_tunnels; t++)
		if (r->net->on[t])
			sum -= model_change(r->m, &r->m->tunnels[t]);
	return sum;
}

struct plan *
relay_plan(struct relay_result *r)
{
	const struct instance *in = r->m->in;
	struct plan *plan = mem_alloc(sizeof(*plan));

	memcpy(plan->mesh, in->mesh, sizeof(plan->mesh));
	if (in->goal == GOAL_SLO)
		(void)snprintf(plan->objective, sizeof(plan->objective), "slo %lld ms",
		    (long long)(in->limit_us / 1000)); /* fits */
	else
		memcpy(plan->objective, "mean", sizeof("mean"));
	plan->budget = in->budget;
	plan->relayed = true;
	plan->value = r->net->value;
	plan->charged = charged(r);
	plan->proven = r->proven;
	plan->n_names = in->n_nodes;
	plan->names = mem_array(in->n_nodes, sizeof(*plan->names));
	for (size_t i = 0; i < in->n_nodes; i++)
		memcpy(plan->names[i], in->nodes[i].name, sizeof(plan->names[i]));
	plan->prices_bound = bound_at_theta(r->dual) + r->m->constant;
	if (r->iterations > 1 || r->proven) /* those of the first are worthless */
		add_prices(plan, r);
	dual_free(r->dual); /* the largest part */
	r->dual = NULL;
	plan->bound = r->proven ? plan->value : plan->prices_bound;
	add_routes(plan, r);
	add_tunnels(plan, r);
	add_relays(plan, r);
	add_next(plan, r);
	return plan;
}
