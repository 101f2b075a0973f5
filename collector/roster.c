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
	r->rank = mem_array(mesh->n_nodes, sizeof(*r->rank));
	r->names = mem_array(mesh->n_nodes, sizeof(*r->names));
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		r->rank[r->by_name[i]] = i;
		memcpy(r->names[i], mesh->nodes[r->by_name[i]].name,
		    sizeof(r->names[i]));
	}
}

void
roster_fini(struct roster *r)
{
	free(r->by_name);
	free(r->rank);
	free(r->names);
	*r = (struct roster){ .mesh = r->mesh };
}

size_t
roster_rank(const struct roster *r, const char *name, size_t near)
{
	size_t lo = 0, hi = r->mesh->n_nodes;

	for (size_t i = near; i < hi && i < near + 2; i++)
		if (strcmp(name, r->names[i]) == 0)
			return i;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, r->names[mid]);

		if (order == 0)
			return mid;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return SIZE_MAX;
}

size_t
roster_after(const struct roster *r, const char *name, size_t len, size_t found)
{
	char whole[MESH_NAME_MAX];
	size_t near = found + 1; /* of SIZE_MAX 0 */

	/* A report has all nodes but its own. */
	for (size_t i = near; i < r->mesh->n_nodes && i < near + 2; i++)
		if (r->names[i][len] == '\0' && memcmp(r->names[i], name, len) == 0)
			return i;
	memcpy(whole, name, len);
	whole[len] = '\0';
	return roster_rank(r, whole, r->mesh->n_nodes);
}

size_t
roster_find(const struct roster *r, const char *name)
{
	size_t rank = roster_rank(r, name, r->mesh->n_nodes);

	return rank == SIZE_MAX ? SIZE_MAX : r->by_name[rank];
}
