/* SPDX-License-Identifier: MIT */
/*
 * An instance as a mixed integer programme in CPLEX LP format, as CBC and GLPK read it:
 * x for each tunnel, y for each pair and relay.
 */
#ifndef OPTIMIZER_DECIDE_LP_H
#define OPTIMIZER_DECIDE_LP_H

#include <stdio.h>

#include "optimizer/decide/instance.h"

/*
 * 0, -EIO when a write failed, or -ENOTSUP for the quantile, which is no linear
 * objective.  The value of the plan is the programme's plus the constant of its
 * comment.
 */
int lp_write(const struct instance *in, FILE *out);

#endif
