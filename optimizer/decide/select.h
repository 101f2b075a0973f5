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
struct selection_asked {
	const struct edge *edges;
	size_t n_edges, n_vertices;
	const uint32_t *limit;
	uint32_t budget;
};

void select_edges(const struct selection_asked *asked, struct selection *out);

/*
 * Prices, none negative: theta of a unit of the budget, mu of a unit of each vertex's
 * limit.  No selection is worth more than theta budget + sum mu limit + the sum over
 * edges of max(0, value - theta - mu - mu); that equals the selection's own value where
 * edges run between two sides or no limit binds, if taken is what select_edges() took.
 */
void select_prices(const struct selection_asked *asked, const bool *taken,
    int64_t *theta, int64_t *mu);

/* Could a vertex's limit matter at this budget, or at the next? */
bool select_is_bound(const struct selection_asked *asked);
/* Do all edges run between two sets of vertices?  side: 1 or 2, 0 for one without. */
bool select_two_sides(const struct selection_asked *asked, uint8_t *side);

#endif
