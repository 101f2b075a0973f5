/* SPDX-License-Identifier: MIT */
/*
 * A square matrix of figures between named nodes: RTTs in us, or weights.
 */
#ifndef OPTIMIZER_DECIDE_MATRIX_H
#define OPTIMIZER_DECIDE_MATRIX_H

#include <stdint.h>
#include <stddef.h>

#include "common/mesh.h"

#define MATRIX_UNKNOWN INT32_C(-1)

struct matrix {
	char (*names)[MESH_NAME_MAX]; /* owned */
	size_t n;
	int32_t *cells; /* owned, n x n, row = source; MATRIX_UNKNOWN or >= 0 */
};

/* All cells unknown; names are zeroed and the caller's to fill. */
struct matrix *matrix_new(size_t n);
void matrix_free(struct matrix *m);

/* Index of a name, or SIZE_MAX. */
size_t matrix_find(const struct matrix *m, const char *name);

static inline int32_t *
matrix_cell(const struct matrix *m, size_t from, size_t to)
{
	return &m->cells[from * m->n + to];
}

/*
 * The figure of an unordered pair: the mean of both directions rounded down, the one
 * that is known, or MATRIX_UNKNOWN.  An RTT is a round trip from either end, so a
 * difference between the two is measurement, not direction.
 */
int32_t matrix_pair(const struct matrix *m, size_t a, size_t b);

#endif
