/* SPDX-License-Identifier: MIT */
/*
 * What a plan is worth when the RTTs turn out to be these.
 */
#ifndef OPTIMIZER_DECIDE_WORTH_H
#define OPTIMIZER_DECIDE_WORTH_H

#include "optimizer/decide/instance.h"
#include "optimizer/decide/matrix.h"
#include "optimizer/decide/plan.h"

/* What a route takes; MATRIX_UNKNOWN if a part of it was not measured. */
int32_t worth_route_us(const struct plan_route *route, const struct matrix *m,
    size_t hub);

/*
 * us x weight that a plan's routes save against the hub.  The instance gives weights
 * and hub; its pairs stand in the order of the routes.  A path without a figure saves
 * nothing.
 */
int64_t worth_sum(const struct plan *plan, const struct instance *in,
    const struct matrix *m);

/*
 * The same as the plan promised it: limits says what each pair's tunnel saves at least,
 * hi how long a leg is at most.
 */
int64_t worth_promised(const struct plan *plan, const struct instance *in,
    const int64_t *limits, const struct matrix *hi);

#endif
