/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/matrix.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct matrix *
matrix_new(size_t n)
{
	struct matrix *m = mem_alloc(sizeof(*m));

	m->n = n;
	m->names = mem_array(n, sizeof(*m->names));
	m->cells = mem_array(n * n, sizeof(*m->cells));
	for (size_t i = 0; i < n * n; i++)
		m->cells[i] = MATRIX_UNKNOWN;
	return m;
}

void
matrix_free(struct matrix *m)
{
	if (!m)
		return;
	free(m->names);
	free(m->cells);
	free(m);
}

size_t
matrix_find(const struct matrix *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->names[i], name) == 0)
			return i;
	return SIZE_MAX;
}

int32_t
matrix_pair(const struct matrix *m, size_t a, size_t b)
{
	int32_t there = *matrix_cell(m, a, b), back = *matrix_cell(m, b, a);

	if (there == MATRIX_UNKNOWN)
		return back;
	if (back == MATRIX_UNKNOWN)
		return there;
	return (int32_t)(((int64_t)there + back) / 2);
}
