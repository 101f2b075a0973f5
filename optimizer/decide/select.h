/* SPDX-License-Identifier: MIT */
/*
 * The combinatorial core of solve.h: edges with values, a budget, a limit a vertex.
 */
#ifndef OPTIMIZER_DECIDE_SELECT_H
#define OPTIMIZER_DECIDE_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge {
	uint32_t a, b; /* vertices, a != b */
	int64_t value; /* > 0 */
};

struct selection {
	bool *taken; /* one an edge; the caller's array */
	int64_t value;
	int64_t bound; /* no selection is worth more */
	int64_t next;  /* what a budget larger by one would add */
};

/*
 * Edges come by falling value; ties are broken by their order.  limit: one a vertex,
 * UINT32_MAX for none.  Sum of values < 2^62.
 */
void select_edges(const struct edge *edges, size_t n_edges, const uint32_t *limit,
    size_t n_vertices, uint32_t budget, struct selection *out);

#endif
