/* SPDX-License-Identifier: MIT */
/*
 * Without relays: which pairs get a tunnel of their own, by sorting, flow, b-matching
 * or knapsack, each with the prices that prove its bound.  solve.h says which when.
 */
#ifndef OPTIMIZER_DECIDE_DIRECT_H
#define OPTIMIZER_DECIDE_DIRECT_H

#include "optimizer/decide/instance.h"

/* The mean, no relay, and not both unequal costs and limits of nodes. */
bool direct_may_solve(const struct instance *in);
/* As solve(). */
int direct_solve(const struct instance *in, struct plan **out, struct err *err);

#endif
