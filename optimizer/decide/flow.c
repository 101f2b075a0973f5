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
	uint32_t to, next; /* next arc of the list, or NONE */
	uint32_t room;	   /* what can still be sent */
	int64_t cost;	   /* minus the value; the twin has the opposite */
};

/* An edge as its left vertex sees it, side by side with the others of that vertex. */
struct way {
	int64_t cost;
	uint32_t to, arc;
};

struct heap_item {
	int64_t distance;
	uint32_t vertex;
};

struct flow {
	size_t left, n_vertices;
	/* Arcs that leave the source and the right side; twins while they have room. */
	uint32_t *first;
	struct arc *arcs; /* twins are 2i and 2i+1 */
	size_t n_arcs;
	uint32_t *edge_arc; /* arc of each numbered edge */
	size_t n_edges;
	struct way *ways;   /* by left vertex, there by falling value */
	uint32_t *way_end;  /* of each left vertex; the next one's begin there */
	int64_t *potential; /* reduced costs stay >= 0 under it; right <= SINK */
	int64_t *distance;
	uint32_t *by; /* arc that reached the vertex */
	struct heap_item *heap;
	size_t n_heap, heap_cap;
	uint64_t work;
	bool ready; /* potentials are set */
};

struct flow *
flow_new(size_t left, size_t right, size_t n_edges)
{
	struct flow *f = mem_alloc(sizeof(*f));

	f->left = left;
	f->n_vertices = 2 + left + right;
	f->first = mem_array(f->n_vertices, sizeof(*f->first));
	f->ways = mem_array(n_edges, sizeof(*f->ways));
	f->way_end = mem_array(left + 1, sizeof(*f->way_end));
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
	free(f->ways);
	free(f->way_end);
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

	f->arcs[i] = (struct arc){ (uint32_t)to, NONE, room, cost };
	f->arcs[i + 1] = (struct arc){ (uint32_t)from, NONE, 0, -cost };
	f->n_arcs += 2;
	return i;
}

static void
list(struct flow *f, size_t vertex, uint32_t arc)
{
	f->arcs[arc].next = f->first[vertex];
	f->first[vertex] = arc;
}

void
flow_left(struct flow *f, size_t vertex, uint32_t capacity)
{
	list(f, SOURCE, add_arc(f, SOURCE, 2 + vertex, capacity, 0));
}

void
flow_right(struct flow *f, size_t vertex, uint32_t capacity)
{
	size_t v = 2 + f->left + vertex;

	list(f, v, add_arc(f, v, SINK, capacity, 0));
}

void
flow_edge(struct flow *f, size_t left, size_t right, int64_t value)
{
	assert(value > 0);
	f->edge_arc[f->n_edges++] =
	    add_arc(f, 2 + left, 2 + f->left + right, 1, -value);
	f->way_end[left + 1]++;
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

/* One pass of a counting sort: edges keep their order within their vertex. */
static void
lay_ways(struct flow *f)
{
	for (size_t v = 1; v <= f->left; v++)
		f->way_end[v] += f->way_end[v - 1];
	for (size_t i = 0; i < f->n_edges; i++) {
		uint32_t arc = f->edge_arc[i];
		uint32_t at = f->way_end[f->arcs[arc ^ 1].to - 2]++;

		f->ways[at] = (struct way){ f->arcs[arc].cost, f->arcs[arc].to, arc };
	}
}

static size_t
ways_begin(const struct flow *f, size_t left)
{
	return left ? f->way_end[left - 1] : 0;
}

/*
 * Of all feasible potentials those that lead the search to the best edges first: each
 * path costs as much at its first arc as its best edge is worse than the best of all.
 */
static void
first_potentials(struct flow *f)
{
	int64_t least = 0;

	for (size_t i = 0; i < f->n_edges; i++)
		if (f->ways[i].cost < least)
			least = f->ways[i].cost;
	for (size_t v = 0; v < f->left; v++)
		if (ways_begin(f, v) < f->way_end[v])
			f->potential[2 + v] = least - f->ways[ways_begin(f, v)].cost;
	for (size_t v = 2 + f->left; v < f->n_vertices; v++)
		f->potential[v] = least;
	f->potential[SINK] = least;
}

static void
reach(struct flow *f, uint32_t arc, uint32_t to, int64_t distance)
{
	if (!f->arcs[arc].room)
		return;
	f->distance[to] = distance;
	f->by[to] = arc;
	heap_push(f, distance, to);
}

static void
look_left(struct flow *f, uint32_t vertex, int64_t base)
{
	size_t end = f->way_end[vertex - 2];

	for (size_t i = ways_begin(f, vertex - 2); i < end; i++) {
		const struct way *way = &f->ways[i];
		int64_t d = base + way->cost - f->potential[way->to];

		f->work++;
		/* No vertex of the right side is higher than the sink: from here on
		   all are as far as that, or farther. */
		if (base + way->cost - f->potential[SINK] >= f->distance[SINK])
			break;
		if (d < f->distance[way->to] && d < f->distance[SINK])
			reach(f, way->arc, way->to, d);
	}
}

static void
look(struct flow *f, uint32_t vertex, int64_t base)
{
	for (uint32_t i = f->first[vertex]; i != NONE; i = f->arcs[i].next) {
		uint32_t to = f->arcs[i].to;
		int64_t d = base + f->arcs[i].cost - f->potential[to];

		f->work++;
		if (d < f->distance[to] && d < f->distance[SINK])
			reach(f, i, to, d);
	}
}

/*
 * Dijkstra over reduced costs, as far as the sink; fills distance and by.  A vertex
 * that lies beyond may keep any distance not below the sink's.
 */
static void
search(struct flow *f)
{
	for (size_t i = 0; i < f->n_vertices; i++)
		f->distance[i] = INFINITE;
	f->distance[SOURCE] = 0;
	f->n_heap = 0;
	heap_push(f, 0, SOURCE);
	while (f->n_heap) {
		struct heap_item at = heap_pop(f);

		if (at.distance >= f->distance[SINK])
			break;
		if (at.distance > f->distance[at.vertex])
			continue;
		if (at.vertex >= 2 && at.vertex < 2 + f->left)
			look_left(f, at.vertex, at.distance + f->potential[at.vertex]);
		else
			look(f, at.vertex, at.distance + f->potential[at.vertex]);
	}
}

/* A twin of an edge comes into the list of its vertex with its room, and leaves it. */
static void
send_one(struct flow *f, uint32_t i)
{
	struct arc *arc = &f->arcs[i], *twin = &f->arcs[i ^ 1];
	uint32_t *link = &f->first[twin->to]; /* of the list that arc i is in */

	arc->room--;
	twin->room++;
	if (i & 1) {
		while (*link != i)
			link = &f->arcs[*link].next;
		*link = arc->next;
	} else if (arc->to != SINK && twin->to != SOURCE) {
		list(f, arc->to, i ^ 1);
	}
}

int64_t
flow_augment(struct flow *f)
{
	int64_t cost, far;
	uint32_t next;

	if (!f->ready) {
		lay_ways(f);
		first_potentials(f);
		f->ready = true;
	}
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
	for (uint32_t v = SINK; v != SOURCE; v = next) {
		next = f->arcs[f->by[v] ^ 1].to;
		send_one(f, f->by[v]);
	}
	return -cost;
}

uint64_t
flow_work(const struct flow *f)
{
	return f->work;
}
