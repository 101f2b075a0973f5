/* SPDX-License-Identifier: MIT */
/*
 * A plan for people and spreadsheets, on stdout; what its figures do not cover, on
 * stderr.
 */
#ifndef OPTIMIZER_PLAN_PRINT_H
#define OPTIMIZER_PLAN_PRINT_H

#include "optimizer/decide/plan.h"

/* policy: was one asked? */
void plan_print(const struct plan *plan, bool policy);
void plan_print_csv(const struct plan *plan);

/* strangers: rows of the collector whose nodes the mesh file lacks. */
void plan_print_notes(const struct plan *plan, size_t strangers);

#endif
