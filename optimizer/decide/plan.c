/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/plan.h"

#include <stdlib.h>
#include <string.h>

int
plan_tunnel_order(const void *x, const void *y)
{
	const struct plan_tunnel *a = x, *b = y;
	bool dropped = a->state == PLAN_DROP;

	if (dropped != (b->state == PLAN_DROP))
		return dropped ? 1 : -1;
	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	if (a->saves_us != b->saves_us)
		return a->saves_us > b->saves_us ? -1 : 1;
	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	return a->b < b->b ? -1 : a->b > b->b;
}

void
plan_prices_free(struct plan_prices *prices)
{
	if (!prices)
		return;
	free(prices->node);
	free(prices->load);
	free(prices->star);
	free(prices->leg);
	free(prices);
}

void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	plan_prices_free(plan->prices);
	free(plan->relays);
	free(plan->names);
	free(plan->tunnels);
	free(plan->routes);
	free(plan->needs);
	if (plan->issue)
		free(plan->issue->hints);
	free(plan->issue);
	free(plan);
}

int
plan_route_order(const void *x, const void *y)
{
	const struct plan_route *p = x, *q = y;

	if (p->a != q->a)
		return p->a < q->a ? -1 : 1;
	return p->b < q->b ? -1 : p->b > q->b;
}

int64_t
plan_promise_us(const struct plan *plan, const struct plan_route *route)
{
	for (size_t i = 0; i < plan->n_tunnels; i++) {
		const struct plan_tunnel *t = &plan->tunnels[i];

		if (((t->a == route->a && t->b == route->b) ||
			(t->a == route->b && t->b == route->a)) &&
		    t->direct_us >= 0)
			return t->direct_us;
	}
	return route->us;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

uint32_t
plan_name(const struct plan *plan, const char *text)
{
	char(*found)[MESH_NAME_MAX] = NULL;

	if (plan->n_names)
		found =
		    bsearch(text, plan->names, plan->n_names, MESH_NAME_MAX, by_name);
	return found ? (uint32_t)(found - plan->names) : PLAN_NOBODY;
}

const struct plan_route *
plan_route(const struct plan *plan, const char *a, const char *b)
{
	uint32_t i = plan ? plan_name(plan, a) : PLAN_NOBODY;
	uint32_t j = plan ? plan_name(plan, b) : PLAN_NOBODY;
	size_t lo = 0, hi = plan ? plan->n_routes : 0;

	if (i == PLAN_NOBODY || j == PLAN_NOBODY)
		return NULL;
	while (lo < hi) { /* by (a, b), and names are sorted */
		size_t mid = (lo + hi) / 2;
		const struct plan_route *r = &plan->routes[mid];

		if (r->a == i && r->b == j)
			return r;
		if (r->a < i || (r->a == i && r->b < j))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct plan_route *
plan_route_off_hub(const struct plan *plan, const char *a, const char *b)
{
	const struct plan_route *r = plan_route(plan, a, b);

	return r && r->path != PLAN_HUB ? r : NULL;
}
