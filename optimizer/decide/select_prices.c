/* SPDX-License-Identifier: MIT */
/*
 * Prices from the residual graph of an optimal flow: by complementary slackness the
 * longest way from the source to a vertex is what one more unit of its limit would
 * bring.  Where edges run between two sides the flow is the selection; otherwise it is
 * the relaxation over the double cover, whose halves are rounded up.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/flow.h"
#include "optimizer/decide/select.h"

#define UNREACHED (INT64_MIN / 4)

struct arc {
	uint32_t left, right;
	int64_t value;
	bool used;
};

struct residual {
	struct arc *arcs;
	size_t n;
	const uint32_t *limit; /* a vertex, on either side */
	size_t n_vertices;
	uint32_t *used[2]; /* arcs of a vertex on each side that carry flow */
	int64_t *way[2];   /* longest way to it, from the source */
	int64_t end;	   /* to the sink: what one more edge would bring */
};

static bool
raise_to(int64_t *way, int64_t to)
{
	if (to <= *way)
		return false;
	*way = to;
	return true;
}

/* Once around all arcs (Bellman, Ford); true while something gets longer. */
static bool
lengthen(struct residual *r)
{
	bool longer = false;

	for (size_t v = 0; v < r->n_vertices; v++) {
		if (r->used[0][v] < r->limit[v])
			longer |= raise_to(&r->way[0][v], 0);
		if (r->used[1][v] < r->limit[v])
			longer |= raise_to(&r->end, r->way[1][v]);
		if (r->used[1][v] > 0)
			longer |= raise_to(&r->way[1][v], r->end);
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct arc *a = &r->arcs[i];
		int64_t *left = &r->way[0][a->left], *right = &r->way[1][a->right];

		if (a->used && *right > UNREACHED)
			longer |= raise_to(left, *right - a->value);
		else if (!a->used && *left > UNREACHED)
			longer |= raise_to(right, *left + a->value);
	}
	return longer;
}

static void
find_ways(struct residual *r)
{
	for (size_t i = 0; i < r->n; i++) {
		r->used[0][r->arcs[i].left] += r->arcs[i].used;
		r->used[1][r->arcs[i].right] += r->arcs[i].used;
	}
	for (size_t v = 0; v < r->n_vertices; v++)
		r->way[0][v] = r->way[1][v] = UNREACHED;
	r->end = 0; /* not to use the budget up brings nothing, and is allowed */
	/* An optimal flow leaves no cycle that gains, so this ends. */
	for (size_t i = 0; i < 2 * r->n_vertices + 2 && lengthen(r); i++)
		;
}

/* Price of a vertex's limit on one side; nothing where the limit leaves room. */
static int64_t
price_of(const struct residual *r, int side, size_t v, int64_t most)
{
	int64_t way = r->way[side][v];

	if (r->used[side][v] < r->limit[v])
		return 0;
	if (side == 0)
		return way == UNREACHED ? most : way < 0 ? -way : 0;
	return way > r->end ? way - r->end : 0;
}

/* Each vertex stands on one side: the selection itself. */
static void
lay_sides(struct residual *r, const struct edge *edges, const bool *taken,
    const uint8_t *side)
{
	for (size_t i = 0; i < r->n; i++) {
		bool forward = side[edges[i].a] == 1;

		r->arcs[i] = (struct arc){
			.left = forward ? edges[i].a : edges[i].b,
			.right = forward ? edges[i].b : edges[i].a,
			.value = edges[i].value,
			.used = taken[i],
		};
	}
}

/* Each vertex stands on both: the relaxation. */
static void
lay_cover(struct residual *r, const struct edge *edges, size_t n_edges, uint64_t budget)
{
	struct flow *f = flow_new(r->n_vertices, r->n_vertices, r->n);

	for (size_t v = 0; v < r->n_vertices; v++) {
		flow_left(f, v, r->limit[v]);
		flow_right(f, v, r->limit[v]);
	}
	for (size_t i = 0; i < n_edges; i++) {
		const struct edge *e = &edges[i];

		r->arcs[2 * i] = (struct arc){ e->a, e->b, e->value, false };
		r->arcs[2 * i + 1] = (struct arc){ e->b, e->a, e->value, false };
		flow_edge(f, e->a, e->b, e->value);
		flow_edge(f, e->b, e->a, e->value);
	}
	for (uint64_t k = 0; k < 2 * budget && flow_augment(f) > 0; k++)
		;
	for (size_t i = 0; i < r->n; i++)
		r->arcs[i].used = flow_used(f, i);
	flow_free(f);
}

static void
price_limits(const struct selection_asked *q, const bool *taken, int64_t *theta,
    int64_t *mu)
{
	uint8_t *side = mem_array(q->n_vertices, sizeof(*side));
	bool two = select_two_sides(q, side);
	struct residual r = {
		.n = two ? q->n_edges : 2 * q->n_edges,
		.limit = q->limit,
		.n_vertices = q->n_vertices,
	};
	uint32_t budget = q->budget < q->n_edges ? q->budget : (uint32_t)q->n_edges;
	int64_t most = q->n_edges ? q->edges[0].value : 0; /* they come by value */

	r.arcs = mem_array(r.n, sizeof(*r.arcs));
	for (int i = 0; i < 2; i++) {
		r.used[i] = mem_array(q->n_vertices, sizeof(*r.used[i]));
		r.way[i] = mem_array(q->n_vertices, sizeof(*r.way[i]));
	}
	if (two)
		lay_sides(&r, q->edges, taken, side);
	else
		lay_cover(&r, q->edges, q->n_edges, budget);
	find_ways(&r);
	*theta = r.end;
	for (size_t v = 0; v < q->n_vertices; v++) {
		int64_t left = price_of(&r, 0, v, most), right;

		right = price_of(&r, 1, v, most);
		mu[v] = !two ? (left + right + 1) / 2 : side[v] == 1 ? left : right;
	}
	for (int i = 0; i < 2; i++) {
		free(r.used[i]);
		free(r.way[i]);
	}
	free(r.arcs);
	free(side);
}

void
select_prices(const struct selection_asked *q, const bool *taken, int64_t *theta,
    int64_t *mu)
{
	if (select_is_bound(q)) {
		price_limits(q, taken, theta, mu);
		return;
	}
	*theta = q->budget < q->n_edges ? q->edges[q->budget].value : 0;
	memset(mu, 0, q->n_vertices * sizeof(*mu));
}
