/* SPDX-License-Identifier: MIT */
/*
 * Which pairs a stage has to speak of, whatever the target was made for.  Pure.
 */
#ifndef OPTIMIZER_DECIDE_STAGE_ROUTES_H
#define OPTIMIZER_DECIDE_STAGE_ROUTES_H

#include "optimizer/decide/plan.h"

/*
 * Give target a route for each of its tunnels, and one by the hub for each pair that
 * present (may be NULL) has a route for and target has none, if the mesh still has both
 * ends.
 */
void stage_routes_complete(struct plan *target, const struct plan *present);

#endif
