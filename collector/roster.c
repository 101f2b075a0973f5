/* SPDX-License-Identifier: MIT */
#include "collector/roster.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct roster *r = ctx;

	return strcmp(r->mesh->nodes[*(const size_t *)a].name,
	    r->mesh->nodes[*(const size_t *)b].name);
}

void
roster_init(struct roster *r, const struct mesh *mesh)
{
	r->mesh = mesh;
	r->by_name = mem_array(mesh->n_nodes, sizeof(*r->by_name));
	for (size_t i = 0; i < mesh->n_nodes; i++)
		r->by_name[i] = i;
	qsort_r(r->by_name, mesh->n_nodes, sizeof(*r->by_name), compare, r);
}

void
roster_fini(struct roster *r)
{
	free(r->by_name);
	r->by_name = NULL;
}

size_t
roster_find(const struct roster *r, const char *name)
{
	size_t lo = 0, hi = r->mesh->n_nodes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, r->mesh->nodes[r->by_name[mid]].name);

		if (order == 0)
			return r->by_name[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return SIZE_MAX;
}
