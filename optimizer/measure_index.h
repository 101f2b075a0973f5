/* SPDX-License-Identifier: MIT */
/*
 * The rows of a struct measure by source, destination and path.
 */
#ifndef OPTIMIZER_MEASURE_INDEX_H
#define OPTIMIZER_MEASURE_INDEX_H

#include "optimizer/measure_json.h"

struct measure_index {
	const struct measure_row **rows; /* owned, sorted; the rows are borrowed */
	size_t n;
};

/* m: NULL = no rows. */
void measure_index_init(struct measure_index *index, const struct measure *m);
void measure_index_fini(struct measure_index *index);

/* The row, or NULL. */
const struct measure_row *measure_find(const struct measure_index *index,
    const char src[MESH_NAME_MAX], const char dst[MESH_NAME_MAX], enum path path);

#endif
