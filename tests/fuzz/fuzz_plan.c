/* SPDX-License-Identifier: MIT */
/*
 * A plan: whatever reads is sound, and is the same after being written and read again.
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/decide/plan_json_write.c
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/decide/plan_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
check(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *r = &plan->routes[i];

		assert(r->a < r->b && r->b < plan->n_names);
		assert(r->path != PLAN_RELAY ||
		       (r->via < plan->n_names && r->via != r->a && r->via != r->b));
	}
	for (size_t i = 0; i < plan->n_tunnels; i++)
		assert(plan->tunnels[i].a < plan->n_names &&
		       plan->tunnels[i].b < plan->n_names &&
		       plan->tunnels[i].a != plan->tunnels[i].b);
	for (size_t i = 0; plan->issue && i < plan->issue->n_hints; i++)
		assert(plan->issue->hints[i].node < plan->n_names);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct plan *plan, *again, *third;
	struct err err = { "" };
	char *text, *twice;

	if (plan_from_json((const char *)in, len, &plan, &err) < 0) {
		assert(err.text[0] && !plan);
		return 0;
	}
	check(plan);
	text = plan_to_json(plan);
	/* A name that only a hub route had is gone with it, so twice and not once. */
	assert(plan_from_json(text, strlen(text), &again, &err) == 0);
	check(again);
	twice = plan_to_json(again);
	assert(plan_from_json(twice, strlen(twice), &third, &err) == 0);
	assert(
	    third->n_routes == again->n_routes && third->n_tunnels == again->n_tunnels);
	free(text);
	free(twice);
	plan_free(plan);
	plan_free(again);
	plan_free(third);
	return 0;
}
