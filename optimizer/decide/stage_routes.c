/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/stage_routes.h"

#include <stdlib.h>

#include "common/mem.h"

/* The first `had` of them are sorted; there is room. */
static void
add(struct plan *plan, size_t had, const struct plan_route *r)
{
	if (had == 0 || !bsearch(r, plan->routes, had, sizeof(*r), plan_route_order))
		plan->routes[plan->n_routes++] = *r;
}

static void
sort(struct plan *plan)
{
	if (plan->n_routes)
		qsort(plan->routes, plan->n_routes, sizeof(*plan->routes),
		    plan_route_order);
}

/*
 * A tunnel that others are relayed by is wanted though its own ends may never talk: in
 * an issued plan it has a route like any other, since agents read nothing else.
 */
static void
add_tunnels(struct plan *plan)
{
	size_t had = plan->n_routes;

	plan->routes =
	    mem_grow(plan->routes, had + plan->n_tunnels, sizeof(*plan->routes));
	for (size_t i = 0; i < plan->n_tunnels; i++) {
		const struct plan_tunnel *t = &plan->tunnels[i];
		struct plan_route r = { .a = t->a < t->b ? t->a : t->b,
			.b = t->a < t->b ? t->b : t->a,
			.path = PLAN_DIRECT,
			.us = t->direct_us,
			.hub_us = t->hub_us };

		if (t->state != PLAN_DROP)
			add(plan, had, &r);
	}
	sort(plan);
}

/*
 * Of fewer pairs than before: those that were not asked about go back like any others,
 * a few at a time, and what did not stand is still known.
 */
static void
add_present(struct plan *plan, const struct plan *present)
{
	size_t had = plan->n_routes;

	plan->routes =
	    mem_grow(plan->routes, had + present->n_routes, sizeof(*plan->routes));
	for (size_t i = 0; i < present->n_routes; i++) {
		const struct plan_route *have = &present->routes[i];
		/* Both plans have their names in the order of the alphabet. */
		struct plan_route r = {
			.a = plan_name(plan, present->names[have->a]),
			.b = plan_name(plan, present->names[have->b]),
			.path = PLAN_HUB,
			.us = have->hub_us,
			.hub_us = have->hub_us,
		};

		if (r.a != PLAN_NOBODY && r.b != PLAN_NOBODY)
			add(plan, had, &r);
	}
	sort(plan);
}

void
stage_routes_complete(struct plan *target, const struct plan *present)
{
	add_tunnels(target);
	if (present)
		add_present(target, present);
}
