/* SPDX-License-Identifier: MIT */
/*
 * GET and PUT of /api/v1/plan: the newest signed plan.  It is judged by its signature
 * and its epoch, and passed on as it is, byte for byte: who applies it judges it again.
 */
#ifndef COLLECTOR_API_PLAN_H
#define COLLECTOR_API_PLAN_H

#include "collector/api.h"

struct api_plan;

struct api_plan *api_plan_new(void);
/* Nobody may wait any more. */
void api_plan_free(struct api_plan *plan);

/* The newest one of the store; none is fine. */
int api_plan_load(struct api *api, struct store *store, struct err *err);

void api_plan_get(struct api *api, struct http_request *request);
void api_plan_put(struct api *api, struct http_request *request);

/* Answer those who have waited long enough for a newer plan. */
void api_plan_tick(struct api *api, struct mono now);
/* Answer everybody; from now on nobody waits. */
void api_plan_end(struct api *api);

/* False if there is none. *gain_s: what it says to save, or negative. */
bool api_plan_facts(const struct api *api, uint64_t *epoch, double *gain_s);

#endif
