/* SPDX-License-Identifier: MIT */
/*
 * GET /api/v1/history: one figure of every pair in steps of time, in the form that
 * meshopt replay reads.
 */
#ifndef COLLECTOR_API_HISTORY_H
#define COLLECTOR_API_HISTORY_H

#include "collector/api.h"

void api_history_get(struct api *api, struct http_request *request);

#endif
