/* SPDX-License-Identifier: MIT */
/*
 * What each budget saves, and the knee: beyond it more tunnels bring little.
 */
#ifndef OPTIMIZER_CURVE_H
#define OPTIMIZER_CURVE_H

#include <stdbool.h>

#include "optimizer/decide/solve.h"

/* For budgets up to the instance's; returns the exit status. */
int curve_print(const struct instance *in, const struct solve_opts *how, bool csv);

#endif
