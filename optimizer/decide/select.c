/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/select.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/flow.h"

/*
 * Work limit of branch and bound, in arcs looked at over all its flows: about half a
 * second.  A limit in seconds would make the plan depend on the machine.
 */
#define WORK_MAX  100000000
#define EDGE_WORK 32 /* what an edge costs before the search, in the same unit */

enum fate { FREE, IN, OUT };

/* Best selection so far, and what the search has spent. */
struct search {
	const struct selection_asked *p;
	enum fate *fate;  /* one an edge: what the branch has fixed */
	uint8_t *halves;  /* relaxed edge: 0, 1 (a half) or 2 */
	uint32_t *degree; /* scratch, one a vertex */
	bool *best;
	int64_t best_value;
	int64_t open_bound; /* largest bound of a branch that was given up */
	uint64_t work;
};

bool
select_is_bound(const struct selection_asked *p)
{
	uint32_t *degree = mem_array(p->n_vertices, sizeof(*degree));
	uint32_t budget = p->budget < p->n_edges ? p->budget : (uint32_t)p->n_edges;
	bool binds = false;

	for (size_t i = 0; i < p->n_edges; i++) {
		degree[p->edges[i].a]++;
		degree[p->edges[i].b]++;
	}
	for (size_t v = 0; v < p->n_vertices; v++)
		binds |= degree[v] > p->limit[v] && budget >= p->limit[v];
	free(degree);
	return binds;
}

static void
take_best(const struct selection_asked *p, struct selection *out)
{
	for (size_t i = 0; i < p->n_edges && i < p->budget; i++) {
		out->taken[i] = true;
		out->value += p->edges[i].value;
	}
	out->bound = out->value;
	out->next = p->budget < p->n_edges ? p->edges[p->budget].value : 0;
}

bool
select_two_sides(const struct selection_asked *p, uint8_t *side)
{
	bool changed = true;

	memset(side, 0, p->n_vertices);
	for (size_t next = 0; next < p->n_edges; next++) {
		if (side[p->edges[next].a] || side[p->edges[next].b])
			continue;
		side[p->edges[next].a] = 1;
		for (changed = true; changed;) {
			changed = false;
			for (size_t i = 0; i < p->n_edges; i++) {
				uint8_t *a = &side[p->edges[i].a];
				uint8_t *b = &side[p->edges[i].b];

				if (!*a == !*b)
					continue;
				*a = *a ? *a : (uint8_t)(3 - *b);
				*b = *b ? *b : (uint8_t)(3 - *a);
				changed = true;
			}
		}
	}
	for (size_t i = 0; i < p->n_edges; i++)
		if (side[p->edges[i].a] == side[p->edges[i].b])
			return false;
	return true;
}

static void
take_by_flow(const struct selection_asked *p, const uint8_t *side,
    struct selection *out)
{
	struct flow *f = flow_new(p->n_vertices, p->n_vertices, p->n_edges);
	int64_t value;

	for (size_t v = 0; v < p->n_vertices; v++) {
		if (side[v] == 1)
			flow_left(f, v, p->limit[v]);
		else if (side[v] == 2)
			flow_right(f, v, p->limit[v]);
	}
	for (size_t i = 0; i < p->n_edges; i++) {
		const struct edge *e = &p->edges[i];
		bool forward = side[e->a] == 1;

		flow_edge(f, forward ? e->a : e->b, forward ? e->b : e->a, e->value);
	}
	for (uint32_t k = 0; k < p->budget && (value = flow_augment(f)) > 0; k++)
		out->value += value;
	for (size_t i = 0; i < p->n_edges; i++)
		out->taken[i] = flow_used(f, i);
	out->bound = out->value;
	out->next = flow_augment(f);
	flow_free(f);
}

/*
 * Relax what the branch leaves free: twice each vertex and each edge, twice the budget,
 * and half the value.  Fills halves and returns the bound, or -1 if the branch's own
 * edges break a limit.
 */
static int64_t
relax(struct search *s)
{
	const struct selection_asked *p = s->p;
	struct flow *f = flow_new(p->n_vertices, p->n_vertices, 2 * p->n_edges);
	uint64_t budget = 2 * (uint64_t)p->budget, fixed = 0;
	int64_t value = 0, twice = 0, gain;
	size_t k = 0;
	bool broken;

	memset(s->degree, 0, p->n_vertices * sizeof(*s->degree));
	for (size_t i = 0; i < p->n_edges; i++) {
		if (s->fate[i] != IN)
			continue;
		s->degree[p->edges[i].a]++;
		s->degree[p->edges[i].b]++;
		value += p->edges[i].value;
		fixed += 2;
	}
	broken = fixed > budget;
	for (size_t v = 0; v < p->n_vertices && !broken; v++) {
		broken = s->degree[v] > p->limit[v];
		if (broken)
			break;
		flow_left(f, v, p->limit[v] - s->degree[v]);
		flow_right(f, v, p->limit[v] - s->degree[v]);
	}
	for (size_t i = 0; i < p->n_edges && !broken; i++) {
		if (s->fate[i] != FREE)
			continue;
		flow_edge(f, p->edges[i].a, p->edges[i].b, p->edges[i].value);
		flow_edge(f, p->edges[i].b, p->edges[i].a, p->edges[i].value);
	}
	for (uint64_t left = budget - fixed; !broken && left > 0; left--) {
		gain = flow_augment(f);
		if (gain == 0)
			break;
		twice += gain;
	}
	for (size_t i = 0; i < p->n_edges && !broken; i++) {
		s->halves[i] = s->fate[i] == IN ? 2 : 0;
		if (s->fate[i] == FREE) {
			s->halves[i] = (uint8_t)(flow_used(f, k) + flow_used(f, k + 1));
			k += 2;
		}
	}
	s->work += flow_work(f) + EDGE_WORK * p->n_edges;
	flow_free(f);
	return broken ? -1 : value + twice / 2;
}

/* Whole edges of the relaxation first, then whatever fits, by value: a selection. */
static void
round_down(struct search *s)
{
	const struct selection_asked *p = s->p;
	bool *taken = mem_array(p->n_edges, sizeof(*taken));
	uint32_t count = 0;
	int64_t value = 0;

	memset(s->degree, 0, p->n_vertices * sizeof(*s->degree));
	for (int want = 2; want >= 0; want--) {
		for (size_t i = 0; i < p->n_edges && count < p->budget; i++) {
			const struct edge *e = &p->edges[i];

			if (s->halves[i] != want || s->degree[e->a] >= p->limit[e->a] ||
			    s->degree[e->b] >= p->limit[e->b])
				continue;
			s->degree[e->a]++;
			s->degree[e->b]++;
			taken[i] = true;
			count++;
			value += e->value;
		}
	}
	if (value > s->best_value) {
		s->best_value = value;
		memcpy(s->best, taken, p->n_edges * sizeof(*taken));
	}
	free(taken);
}

/* Depth first, the larger half edge in before out. */
static void
branch(struct search *s)
{
	const struct selection_asked *p = s->p;
	int64_t bound = relax(s);
	size_t split;

	if (bound < 0)
		return;
	round_down(s);
	for (split = 0; split < p->n_edges; split++)
		if (s->halves[split] == 1)
			break;
	if (bound <= s->best_value || split == p->n_edges)
		return; /* without halves the relaxation is the selection just rounded
			 */
	s->fate[split] = IN;
	if (s->work < WORK_MAX)
		branch(s);
	s->fate[split] = OUT;
	if (s->work < WORK_MAX)
		branch(s);
	else if (bound > s->open_bound)
		s->open_bound = bound; /* holds for both sides */
	s->fate[split] = FREE;
}

/* taken may be NULL when only the value is asked for. */
static int64_t
take_by_branching(const struct selection_asked *p, bool *taken, int64_t *bound)
{
	struct search s = { .p = p };
	int64_t value;

	s.fate = mem_array(p->n_edges, sizeof(*s.fate));
	s.halves = mem_array(p->n_edges, sizeof(*s.halves));
	s.degree = mem_array(p->n_vertices, sizeof(*s.degree));
	s.best = mem_array(p->n_edges, sizeof(*s.best));
	branch(&s);
	value = s.best_value;
	*bound = s.open_bound > value ? s.open_bound : value;
	if (taken)
		memcpy(taken, s.best, p->n_edges * sizeof(*taken));
	free(s.fate);
	free(s.halves);
	free(s.degree);
	free(s.best);
	return value;
}

static size_t
count(const bool *taken, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += taken[i];
	return sum;
}

void
select_edges(const struct selection_asked *asked, struct selection *out)
{
	struct selection_asked p = *asked;
	uint8_t *side = mem_array(p.n_vertices, sizeof(*side));
	size_t n_edges = p.n_edges;
	int64_t unused;

	memset(out->taken, 0, n_edges * sizeof(*out->taken));
	out->value = out->bound = out->next = 0;
	if (p.budget > n_edges)
		p.budget = (uint32_t)n_edges;
	if (!select_is_bound(&p)) {
		take_best(&p, out);
	} else if (select_two_sides(&p, side)) {
		take_by_flow(&p, side, out);
	} else {
		out->value = take_by_branching(&p, out->taken, &out->bound);
		/* The value is concave in the budget: one not used up is enough. */
		if (p.budget < n_edges && count(out->taken, n_edges) == p.budget) {
			p.budget++;
			out->next = take_by_branching(&p, NULL, &unused) - out->value;
		}
		if (out->next < 0)
			out->next = 0; /* only where neither is proven */
	}
	free(side);
}
