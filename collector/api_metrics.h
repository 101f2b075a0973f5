/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics: the collector itself, its nodes, and the pairs of a mesh that is not
 * too large for one series each.  What is unknown has no series.
 */
#ifndef COLLECTOR_API_METRICS_H
#define COLLECTOR_API_METRICS_H

#include "collector/api.h"

void api_metrics_get(struct api *api, struct http_request *request);

#endif
