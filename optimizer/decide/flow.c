/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/flow.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

/* Vertices: source 0, sink 1, then the left side, then the right side. */
#define SOURCE	 0
#define SINK	 1
#define NONE	 UINT32_MAX
#define INFINITE INT64_MAX

struct arc {
	uint32_t to, next; /* next arc of the same vertex, or NONE */
	uint32_t room;	   /* what can still be sent */
	int64_t cost;	   /* minus the value; the twin has the opposite */
};

struct heap_item {
	int64_t distance;
	uint32_t vertex;
};

struct flow {
	size_t left, n_vertices;
	uint32_t *first;  /* first arc of a vertex */
	struct arc *arcs; /* twins are 2i and 2i+1 */
	size_t n_arcs;
	uint32_t *edge_arc; /* arc of each numbered edge */
	size_t n_edges;
	int64_t *potential; /* reduced costs stay >= 0 under it */
	int64_t *distance;
	uint32_t *by; /* arc that reached the vertex */
	struct heap_item *heap;
	size_t n_heap, heap_cap;
	bool ready; /* potentials are set */
};

struct flow *
flow_new(size_t left, size_t right, size_t n_edges)
{
	struct flow *f = mem_alloc(sizeof(*f));

	f->left = left;
	f->n_vertices = 2 + left + right;
	f->first = mem_array(f->n_vertices, sizeof(*f->first));
	f->arcs = mem_array(2 * (left + right + n_edges), sizeof(*f->arcs));
	f->edge_arc = mem_array(n_edges, sizeof(*f->edge_arc));
	f->potential = mem_array(f->n_vertices, sizeof(*f->potential));
	f->distance = mem_array(f->n_vertices, sizeof(*f->distance));
	f->by = mem_array(f->n_vertices, sizeof(*f->by));
	for (size_t i = 0; i < f->n_vertices; i++)
		f->first[i] = NONE;
	return f;
}

void
flow_free(struct flow *f)
{
	if (!f)
		return;
	free(f->first);
	free(f->arcs);
	free(f->edge_arc);
	free(f->potential);
	free(f->distance);
	free(f->by);
	free(f->heap);
	free(f);
}

static uint32_t
add_arc(struct flow *f, size_t from, size_t to, uint32_t room, int64_t cost)
{
	uint32_t i = (uint32_t)f->n_arcs;

	f->arcs[i] = (struct arc){ (uint32_t)to, f->first[from], room, cost };
	f->first[from] = i;
	f->arcs[i + 1] = (struct arc){ (uint32_t)from, f->first[to], 0, -cost };
	f->first[to] = i + 1;
	f->n_arcs += 2;
	return i;
}

void
flow_left(struct flow *f, size_t vertex, uint32_t capacity)
{
	(void)add_arc(f, SOURCE, 2 + vertex, capacity, 0); /* never asked for */
}

void
flow_right(struct flow *f, size_t vertex, uint32_t capacity)
{
	(void)add_arc(f, 2 + f->left + vertex, SINK, capacity, 0); /* never asked for */
}

void
flow_edge(struct flow *f, size_t left, size_t right, int64_t value)
{
	assert(value > 0);
	f->edge_arc[f->n_edges++] =
	    add_arc(f, 2 + left, 2 + f->left + right, 1, -value);
}

bool
flow_used(const struct flow *f, size_t edge)
{
	return f->arcs[f->edge_arc[edge]].room == 0;
}

static void
heap_push(struct flow *f, int64_t distance, uint32_t vertex)
{
	size_t i = f->n_heap++;

	if (f->n_heap > f->heap_cap) {
		f->heap_cap = f->heap_cap ? f->heap_cap * 2 : 256;
		f->heap = mem_grow(f->heap, f->heap_cap, sizeof(*f->heap));
	}
	for (; i > 0 && f->heap[(i - 1) / 2].distance > distance; i = (i - 1) / 2)
		f->heap[i] = f->heap[(i - 1) / 2];
	f->heap[i] = (struct heap_item){ distance, vertex };
}

static struct heap_item
heap_pop(struct flow *f)
{
	struct heap_item top = f->heap[0], last = f->heap[--f->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < f->n_heap) {
		if (child + 1 < f->n_heap &&
		    f->heap[child + 1].distance < f->heap[child].distance)
			child++;
		if (f->heap[child].distance >= last.distance)
			break;
		f->heap[i] = f->heap[child];
		i = child;
	}
	f->heap[i] = last;
	return top;
}

/*
 * The first potentials: before anything flows, every path is source, left, right, sink,
 * so one pass in that order gives the distances that Bellman-Ford would.
 */
static void
first_potentials(struct flow *f)
{
	int64_t best = 0;

	for (size_t v = 2; v < 2 + f->left; v++)
		for (uint32_t i = f->first[v]; i != NONE; i = f->arcs[i].next)
			if (f->arcs[i].room &&
			    f->arcs[i].cost < f->potential[f->arcs[i].to])
				f->potential[f->arcs[i].to] = f->arcs[i].cost;
	for (size_t v = 2 + f->left; v < f->n_vertices; v++)
		if (f->potential[v] < best)
			best = f->potential[v];
	f->potential[SINK] = best;
	f->ready = true;
}

/* Dijkstra over reduced costs; fills distance and by. */
static void
search(struct flow *f)
{
	for (size_t i = 0; i < f->n_vertices; i++)
		f->distance[i] = INFINITE;
	f->distance[SOURCE] = 0;
	heap_push(f, 0, SOURCE);
	while (f->n_heap) {
		struct heap_item at = heap_pop(f);

		if (at.distance > f->distance[at.vertex])
			continue;
		for (uint32_t i = f->first[at.vertex]; i != NONE; i = f->arcs[i].next) {
			const struct arc *arc = &f->arcs[i];
			int64_t d = at.distance + arc->cost + f->potential[at.vertex] -
				    f->potential[arc->to];

			if (!arc->room || d >= f->distance[arc->to])
				continue;
			f->distance[arc->to] = d;
			f->by[arc->to] = i;
			heap_push(f, d, arc->to);
		}
	}
}

int64_t
flow_augment(struct flow *f)
{
	int64_t cost, far;

	if (!f->ready)
		first_potentials(f);
	search(f);
	far = f->distance[SINK];
	if (far == INFINITE)
		return 0;
	cost = far + f->potential[SINK] - f->potential[SOURCE];
	if (cost >= 0)
		return 0;
	/* What lies beyond the sink, or is not reached, moves as far as the sink:
	   reduced costs of arcs between the two kinds then stay >= 0. */
	for (size_t i = 0; i < f->n_vertices; i++)
		f->potential[i] += f->distance[i] < far ? f->distance[i] : far;
	for (uint32_t v = SINK; v != SOURCE; v = f->arcs[f->by[v] ^ 1].to) {
		f->arcs[f->by[v]].room--;
		f->arcs[f->by[v] ^ 1].room++;
	}
	return -cost;
}
