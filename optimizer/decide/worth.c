/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/worth.h"

#include <assert.h>

#include "optimizer/decide/history.h"

int32_t
worth_route_us(const struct plan_route *route, const struct matrix *m, size_t hub)
{
	int32_t us;

	if (route->path == PLAN_HUB)
		return history_via(m, route->a, route->b, hub);
	if (route->path == PLAN_DIRECT)
		return matrix_pair(m, route->a, route->b);
	us = history_via(m, route->a, route->b, route->via);
	return us == MATRIX_UNKNOWN ? us : us + INSTANCE_HOP_US;
}

int64_t
worth_sum(const struct plan *plan, const struct instance *in, const struct matrix *m)
{
	int64_t sum = 0;

	assert(plan->n_routes == in->n_pairs);
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *route = &plan->routes[i];
		int32_t hub = history_via(m, route->a, route->b, in->hub);
		int32_t us = worth_route_us(route, m, in->hub);

		if (hub != MATRIX_UNKNOWN && us != MATRIX_UNKNOWN)
			sum += (int64_t)(hub - us) * in->pairs[i].weight;
	}
	return sum;
}

int64_t
worth_promised(const struct plan *plan, const struct instance *in,
    const int64_t *limits, const struct matrix *hi)
{
	int64_t sum = 0;

	assert(plan->n_routes == in->n_pairs);
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *route = &plan->routes[i];
		const struct pair *p = &in->pairs[i];
		int32_t us;

		if (route->path == PLAN_DIRECT)
			sum += limits[i] * p->weight;
		if (route->path != PLAN_RELAY)
			continue;
		us = worth_route_us(route, hi, in->hub);
		if (us != MATRIX_UNKNOWN)
			sum += (p->hub_lo_us - us) * p->weight;
	}
	return sum;
}
