/* SPDX-License-Identifier: MIT */
/*
 * The core of the optimizer against brute force on small random graphs.
 * links: optimizer/decide/select.c optimizer/decide/flow.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/decide/select.h"

#define VERTICES  7
#define EDGES_MAX 14

struct graph {
	struct edge edges[EDGES_MAX];
	size_t n;
	uint32_t limit[VERTICES];
	uint32_t budget;
};

static uint64_t
next_random(uint64_t *state)
{
	/* xorshift64*, Vigna 2016: the same numbers on every machine. */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static uint32_t
below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(next_random(state) >> 33) % n;
}

static int
by_value(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->value > y->value ? -1 : x->value < y->value;
}

/* bipartite: edges run between {0, 1, 2} and the others. */
static void
random_graph(struct graph *g, uint64_t *state, bool bipartite)
{
	uint32_t k = 1 + below(state, 4);

	memset(g, 0, sizeof(*g));
	for (uint32_t a = 0; a < VERTICES; a++) {
		for (uint32_t b = a + 1; b < VERTICES; b++) {
			if (g->n == EDGES_MAX || below(state, 10) < 3 ||
			    (bipartite && (a < 3) == (b < 3)))
				continue;
			/* Few different values, so that ties are common. */
			g->edges[g->n++] = (struct edge){ a, b, 1 + below(state, 12) };
		}
	}
	qsort(g->edges, g->n, sizeof(g->edges[0]), by_value);
	for (size_t v = 0; v < VERTICES; v++)
		g->limit[v] = below(state, 5) ? below(state, k + 1) : UINT32_MAX;
	g->budget = below(state, EDGES_MAX + 2);
}

static int64_t
brute_force(const struct graph *g, uint32_t budget)
{
	int64_t best = 0;

	for (uint32_t set = 0; set < 1u << g->n; set++) {
		uint32_t degree[VERTICES] = { 0 };
		int64_t value = 0;
		bool fits = (uint32_t)__builtin_popcount(set) <= budget;

		for (size_t i = 0; i < g->n && fits; i++) {
			const struct edge *e = &g->edges[i];

			if (!(set & (1u << i)))
				continue;
			fits = ++degree[e->a] <= g->limit[e->a] &&
			       ++degree[e->b] <= g->limit[e->b];
			value += e->value;
		}
		if (fits && value > best)
			best = value;
	}
	return best;
}

static void
assert_selection(const struct graph *g, const struct selection *s)
{
	uint32_t degree[VERTICES] = { 0 }, count = 0;
	int64_t value = 0;

	for (size_t i = 0; i < g->n; i++) {
		if (!s->taken[i])
			continue;
		count++;
		value += g->edges[i].value;
		degree[g->edges[i].a]++;
		degree[g->edges[i].b]++;
	}
	assert_true(count <= g->budget);
	assert_int_equal(value, s->value);
	for (size_t v = 0; v < VERTICES; v++)
		assert_true(degree[v] <= g->limit[v]);
}

static void
against_brute_force(bool bipartite, uint64_t seed, int rounds)
{
	bool taken[EDGES_MAX];
	struct selection s = { .taken = taken };
	struct graph g;

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < rounds; i++) {
		random_graph(&g, &seed, bipartite);
		select_edges(g.edges, g.n, g.limit, VERTICES, g.budget, &s);
		assert_selection(&g, &s);
		assert_int_equal(s.value, brute_force(&g, g.budget));
		assert_int_equal(s.bound, s.value);
		assert_int_equal(s.next, brute_force(&g, g.budget + 1) - s.value);
	}
}

static void
two_sides_match_brute_force(void **state)
{
	(void)state;
	against_brute_force(true, 20261122, 3000);
}

static void
any_graph_matches_brute_force(void **state)
{
	(void)state;
	against_brute_force(false, 31415926, 3000);
}

/* A triangle with one tunnel a node: the relaxation takes three halves. */
static void
odd_cycle_needs_branching(void **state)
{
	struct edge edges[] = { { 0, 1, 10 }, { 0, 2, 10 }, { 1, 2, 9 } };
	uint32_t limit[] = { 1, 1, 1 };
	bool taken[3];
	struct selection s = { .taken = taken };

	(void)state;
	select_edges(edges, 3, limit, 3, 3, &s);
	assert_int_equal(s.value, 10);
	assert_int_equal(s.bound, 10);
	assert_true(taken[0]);
	assert_false(taken[1] || taken[2]);
}

static void
nothing_to_take(void **state)
{
	uint32_t limit[] = { 0, 5 };
	struct edge edge = { 0, 1, 7 };
	bool taken[1];
	struct selection s = { .taken = taken };

	(void)state;
	select_edges(&edge, 0, limit, 2, 3, &s);
	assert_int_equal(s.value, 0);
	select_edges(&edge, 1, limit, 2, 3, &s);
	assert_int_equal(s.value, 0);
	assert_false(taken[0]);
	limit[0] = 1;
	select_edges(&edge, 1, limit, 2, 0, &s);
	assert_int_equal(s.value, 0);
	assert_int_equal(s.next, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sides_match_brute_force),
		cmocka_unit_test(any_graph_matches_brute_force),
		cmocka_unit_test(odd_cycle_needs_branching),
		cmocka_unit_test(nothing_to_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
