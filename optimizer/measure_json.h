/* SPDX-License-Identifier: MIT */
/*
 * The collector's answer to GET /api/v1/matrix: one row a source, destination and path.
 */
#ifndef OPTIMIZER_MEASURE_JSON_H
#define OPTIMIZER_MEASURE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/mesh.h"
#include "common/report.h"

#define MEASURE_UNKNOWN INT32_C(-1)

struct measure_row {
	char src[MESH_NAME_MAX], dst[MESH_NAME_MAX];
	enum path path;
	uint32_t sent, lost;
	int32_t min_us, mean_us, p50_us, p95_us, max_us, jitter_us; /* or unknown */
	double age_s;	   /* since the end of the newest window */
	struct sketch rtt; /* owned; empty where the collector sends none */
};

struct measure {
	char mesh[MESH_NAME_MAX];
	struct measure_row *rows; /* owned */
	size_t n_rows;
};

int measure_from_json(const char *text, size_t len, struct measure **out,
    struct err *err);
void measure_free(struct measure *m);

#endif
