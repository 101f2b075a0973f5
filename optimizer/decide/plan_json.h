/* SPDX-License-Identifier: MIT */
/*
 * The plan as one JSON object: what `meshopt plan --json` prints and `meshopt apply`
 * reads.  meshopt-plan(5) describes it.
 */
#ifndef OPTIMIZER_DECIDE_PLAN_JSON_H
#define OPTIMIZER_DECIDE_PLAN_JSON_H

#include <stdio.h>

#include "common/err.h"
#include "optimizer/decide/plan.h"

void plan_json_write(const struct plan *plan, FILE *out);
/* A new string, to be freed by the caller. */
char *plan_to_json(const struct plan *plan);

/*
 * Reads what plan_to_json() wrote; mesh, tunnels and routes must be there and sound,
 * the figures may be absent.  On failure *out is NULL and err names the field.
 */
int plan_from_json(const char *text, size_t len, struct plan **out, struct err *err);

#endif
