/* SPDX-License-Identifier: MIT */
/*
 * GET /api/v1/pairs/SRC/DST: what one node measured of another over time, and the
 * events of the two.
 */
#ifndef COLLECTOR_API_PAIR_H
#define COLLECTOR_API_PAIR_H

#include "collector/api.h"

/* rest: what follows /api/v1/pairs/ */
void api_pair_get(struct api *api, struct http_request *request, const char *rest);

#endif
