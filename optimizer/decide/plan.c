/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/plan.h"

#include <stdlib.h>

void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->names);
	free(plan->tunnels);
	free(plan->routes);
	free(plan->needs);
	free(plan);
}
