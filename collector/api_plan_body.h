/* SPDX-License-Identifier: MIT */
/*
 * A signed plan as the collector keeps it: whose it is, and which.  On any thread.
 */
#ifndef COLLECTOR_API_PLAN_BODY_H
#define COLLECTOR_API_PLAN_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/mesh.h"

#include "collector/http.h"
#include "collector/store.h"

struct api_plan_body {
	uint8_t *bytes; /* owned by who has it */
	size_t len;
	/* Filled in by api_plan_body_judge(). */
	uint64_t epoch;
	double gain_s; /* negative = it does not say */
};

/* Is the text signed for this mesh, and which is it?  0, or an HTTP status. */
unsigned api_plan_body_judge(const struct mesh *mesh, struct api_plan_body *body,
    struct err *err);

/* The newest of the store that is; none is fine, and leaves *out as it was. */
int api_plan_body_newest(const struct mesh *mesh, struct store *store,
    struct api_plan_body *out, struct err *err);

void api_plan_body_etag(const struct api_plan_body *body, char etag[HTTP_ETAG_MAX]);

#endif
