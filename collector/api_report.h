/* SPDX-License-Identifier: MIT */
/*
 * POST /api/v1/reports: 204 when it is on disk and not before.
 */
#ifndef COLLECTOR_API_REPORT_H
#define COLLECTOR_API_REPORT_H

#include "collector/api.h"

void api_report_post(struct api *api, struct http_request *request);

#endif
