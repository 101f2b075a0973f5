/* SPDX-License-Identifier: MIT */
/*
 * The core of the optimizer against brute force on small random graphs.
 * links: optimizer/decide/select.c optimizer/decide/flow.c
 * links: optimizer/decide/select_prices.c optimizer/decide/knapsack.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/decide/knapsack.h"
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

/* What the prices prove: the value itself, or at least no less. */
static void
assert_prices(const struct selection_asked *q, const struct selection *s, bool exact)
{
	int64_t mu[VERTICES], theta, sum;

	select_prices(q, s->taken, &theta, mu);
	assert_true(theta >= 0);
	sum = theta * q->budget;
	for (size_t v = 0; v < q->n_vertices; v++) {
		assert_true(mu[v] >= 0);
		sum += mu[v] ? mu[v] * q->limit[v] : 0;
	}
	for (size_t i = 0; i < q->n_edges; i++) {
		int64_t above =
		    q->edges[i].value - theta - mu[q->edges[i].a] - mu[q->edges[i].b];

		sum += above > 0 ? above : 0;
	}
	if (exact || !select_is_bound(q))
		assert_int_equal(sum, s->value);
	else
		assert_true(sum >= s->value);
}

static void
against_brute_force(bool bipartite, uint64_t seed, int rounds)
{
	bool taken[EDGES_MAX];
	struct selection s = { .taken = taken };
	struct graph g;

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < rounds; i++) {
		struct selection_asked asked = { g.edges, 0, VERTICES, g.limit, 0 };

		random_graph(&g, &seed, bipartite);
		asked.n_edges = g.n;
		asked.budget = g.budget;
		select_edges(&asked, &s);
		assert_selection(&g, &s);
		assert_int_equal(s.value, brute_force(&g, g.budget));
		assert_int_equal(s.bound, s.value);
		assert_int_equal(s.next, brute_force(&g, g.budget + 1) - s.value);
		assert_prices(&asked, &s, bipartite);
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
	select_edges(&(struct selection_asked){ edges, 3, 3, limit, 3 }, &s);
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
	select_edges(&(struct selection_asked){ &edge, 0, 2, limit, 3 }, &s);
	assert_int_equal(s.value, 0);
	select_edges(&(struct selection_asked){ &edge, 1, 2, limit, 3 }, &s);
	assert_int_equal(s.value, 0);
	assert_false(taken[0]);
	limit[0] = 1;
	select_edges(&(struct selection_asked){ &edge, 1, 2, limit, 0 }, &s);
	assert_int_equal(s.value, 0);
	assert_int_equal(s.next, 7);
}

static int
by_density(const void *a, const void *b)
{
	return knapsack_denser(a, b) ? -1 : knapsack_denser(b, a);
}

/* items of up to cost_max, value near cost: the kind that is hard. */
static size_t
random_items(struct item *items, uint32_t cost_max, uint64_t *seed)
{
	size_t n = below(seed, EDGES_MAX + 1);

	for (size_t i = 0; i < n; i++) {
		items[i].cost = 1 + below(seed, cost_max);
		items[i].value = items[i].cost + 1 + below(seed, cost_max / 4 + 3);
	}
	qsort(items, n, sizeof(*items), by_density);
	return n;
}

static int64_t
best_set(const struct item *items, size_t n, int64_t budget)
{
	int64_t best = 0;

	for (uint32_t set = 0; set < 1u << n; set++) {
		int64_t value = 0, cost = 0;

		for (size_t i = 0; i < n; i++) {
			value += set & (1u << i) ? items[i].value : 0;
			cost += set & (1u << i) ? items[i].cost : 0;
		}
		if (cost <= budget && value > best)
			best = value;
	}
	return best;
}

static void
knapsack_matches_brute_force(void **state)
{
	uint64_t seed = 27182818;
	bool taken[EDGES_MAX];

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 800; i++) {
		/* Small costs go by the table, large ones by branch and bound. */
		uint32_t cost_max = i % 2 ? 12 : 1000000000;
		struct item items[EDGES_MAX];
		size_t n = random_items(items, cost_max, &seed);
		int64_t budget =
		    (int64_t)below(&seed, cost_max) * (1 + below(&seed, 6));
		struct knapsack k = { .taken = taken };
		int64_t value = 0, cost = 0, proven;

		knapsack_solve(items, n, budget, &k);
		proven = k.theta * budget;
		for (size_t j = 0; j < n; j++) {
			int64_t above = items[j].value - k.theta * items[j].cost;

			value += taken[j] ? items[j].value : 0;
			cost += taken[j] ? items[j].cost : 0;
			proven += above > 0 ? above : 0;
		}
		assert_true(cost <= budget);
		assert_int_equal(value, k.value);
		assert_int_equal(k.value, best_set(items, n, budget));
		assert_int_equal(k.bound, k.value);
		assert_true(proven >= k.value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sides_match_brute_force),
		cmocka_unit_test(any_graph_matches_brute_force),
		cmocka_unit_test(odd_cycle_needs_branching),
		cmocka_unit_test(nothing_to_take),
		cmocka_unit_test(knapsack_matches_brute_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
