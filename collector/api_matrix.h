/* SPDX-License-Identifier: MIT */
/*
 * GET /api/v1/matrix: one figure, or all there are, of each source, destination and
 * path, of the last minutes or out of the store.  A row or cell without a measurement
 * says so by absence and never by a number.
 */
#ifndef COLLECTOR_API_MATRIX_H
#define COLLECTOR_API_MATRIX_H

#include "collector/api.h"
#include "collector/query.h"

void api_matrix_get(struct api *api, struct http_request *request);

/*
 * One figure of a row: us, or for loss parts per million; -1 = unknown.
 */
int64_t api_matrix_stat(const struct report_row *row, enum query_stat stat);

#endif
