/* SPDX-License-Identifier: MIT */
#include "optimizer/measure_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static int
by_key(const void *x, const void *y)
{
	const struct measure_row *p = *(const struct measure_row *const *)x;
	const struct measure_row *q = *(const struct measure_row *const *)y;
	int r = strcmp(p->src, q->src);

	if (!r)
		r = strcmp(p->dst, q->dst);
	return r ? r : (int)p->path - (int)q->path;
}

void
measure_index_init(struct measure_index *index, const struct measure *m)
{
	index->n = m ? m->n_rows : 0;
	index->rows = mem_array(index->n, sizeof(*index->rows));
	for (size_t i = 0; i < index->n; i++)
		index->rows[i] = &m->rows[i];
	if (index->n)
		qsort(index->rows, index->n, sizeof(*index->rows), by_key);
}

void
measure_index_fini(struct measure_index *index)
{
	free(index->rows);
	*index = (struct measure_index){ 0 };
}

const struct measure_row *
measure_find(const struct measure_index *index, const char src[MESH_NAME_MAX],
    const char dst[MESH_NAME_MAX], enum path path)
{
	struct measure_row key = { .path = path };
	const struct measure_row *k = &key, **found;

	if (!index->n)
		return NULL;
	memcpy(key.src, src, sizeof(key.src));
	memcpy(key.dst, dst, sizeof(key.dst));
	found = bsearch(&k, index->rows, index->n, sizeof(*index->rows), by_key);
	return found ? *found : NULL;
}
