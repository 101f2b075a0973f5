/* SPDX-License-Identifier: MIT */
/*
 * GET /api/v1/matrix: its parameters, and its two forms.  A row or cell without a
 * measurement says so by absence and never by a number.
 */
#ifndef COLLECTOR_API_MATRIX_H
#define COLLECTOR_API_MATRIX_H

#include <stdbool.h>

#include "common/clock.h"
#include "common/err.h"

#include "collector/api.h"

struct matrix_query {
	bool has_path;
	enum path path; /* if has_path; all of them otherwise */
	int64_t window_ns;
	bool csv;
	unsigned stat; /* of CSV */
};

/* 0, or -EINVAL and err. */
int api_matrix_query(const struct http_request *request, const struct matrix *m,
    struct matrix_query *out, struct err *err);

/* The text in the form asked for, from malloc(); its media type in *type. */
char *api_matrix_text(const struct api *api, const struct matrix_query *q,
    struct wall now, size_t *len, const char **type);

#endif
