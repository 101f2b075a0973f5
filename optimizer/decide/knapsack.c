/* SPDX-License-Identifier: MIT */
/*
 * An item that no better choice can lack, or can have, is settled before either method
 * begins: in most instances a handful around the break item is left.
 */
#include "optimizer/decide/knapsack.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Cells of the table, a bit each: 25 MB and about 0.3 s; and its width, 8 bytes each.
 */
#define TABLE_MAX 200000000
#define WIDTH_MAX 4000000
/* Steps of branch and bound: about half a second. */
#define STEPS_MAX 50000000

struct search {
	const struct item *items;
	const uint32_t *open; /* items that are not settled, by falling density */
	size_t n;
	bool *now, *best; /* one an open item */
	int64_t best_value, steps;
	bool gave_up;
};

/* The fractional relaxation from open item k on. */
static int64_t
relaxed(const struct search *s, size_t k, int64_t budget)
{
	int64_t value = 0;

	for (; k < s->n; k++) {
		const struct item *it = &s->items[s->open[k]];

		if (it->cost > budget)
			return value +
			       (int64_t)((__int128)it->value * budget / it->cost);
		budget -= it->cost;
		value += it->value;
	}
	return value;
}

/* Depth first, with before without; one loop, since there may be many items. */
static void
branch_and_bound(struct search *s, int64_t budget)
{
	int64_t value = 0;
	size_t k = 0;

	for (;;) {
		/* As far as they fit, while more than the best is in reach. */
		while (k < s->n && s->steps < STEPS_MAX &&
		       value + relaxed(s, k, budget) > s->best_value) {
			const struct item *it = &s->items[s->open[k]];

			s->steps += 8;
			s->now[k] = it->cost <= budget;
			budget -= s->now[k] ? it->cost : 0;
			value += s->now[k++] ? it->value : 0;
		}
		if (k == s->n && value > s->best_value) {
			s->best_value = value;
			memcpy(s->best, s->now, s->n * sizeof(*s->now));
		}
		/* Back to the last that was taken, and on without it. */
		while (k > 0 && !s->now[k - 1])
			k--;
		if (k == 0)
			return;
		s->gave_up |= s->steps >= STEPS_MAX;
		if (s->gave_up)
			return;
		s->steps++;
		s->now[k - 1] = false;
		budget += s->items[s->open[k - 1]].cost;
		value -= s->items[s->open[k - 1]].value;
	}
}

/* best[b]: the most that the items so far are worth within b. */
static void
by_table(struct search *s, int64_t budget)
{
	size_t width = (size_t)budget + 1, b = (size_t)budget;
	int64_t *best = mem_array(width, sizeof(*best));
	uint8_t *took = mem_array(width * s->n / 8 + 1, 1);

	for (size_t k = 0; k < s->n; k++) {
		const struct item *it = &s->items[s->open[k]];

		for (size_t c = width; c-- > it->cost;) {
			int64_t with = best[c - it->cost] + it->value;
			size_t bit = k * width + c;

			if (with <= best[c])
				continue;
			best[c] = with;
			took[bit / 8] |= (uint8_t)(1 << (bit % 8));
		}
	}
	if (best[b] > s->best_value) {
		s->best_value = best[b];
		for (size_t k = s->n; k-- > 0;) {
			size_t bit = k * width + b;

			s->best[k] = took[bit / 8] >> (bit % 8) & 1;
			b -= s->best[k] ? s->items[s->open[k]].cost : 0;
		}
	}
	free(best);
	free(took);
}

/* In the order of density, whatever fits: a choice to begin with. */
static void
take_greedily(const struct item *items, size_t n, int64_t budget, struct knapsack *out)
{
	for (size_t i = 0; i < n; i++) {
		out->taken[i] = items[i].cost <= budget;
		budget -= out->taken[i] ? items[i].cost : 0;
		out->value += out->taken[i] ? items[i].value : 0;
	}
}

/*
 * What remains open.  The relaxation loses at least |value - density x cost| when an
 * item is the other way round; those that would fall to the value or below are settled.
 * Returns the budget that the settled ones leave.
 */
static int64_t
settle(const struct item *items, size_t n, int64_t budget, const struct item *last,
    struct search *s, bool *settled, uint32_t *open)
{
	int64_t slack = relaxed(s, 0, budget) - s->best_value;

	s->n = 0;
	for (size_t i = 0; i < n; i++) {
		__int128 away = (__int128)items[i].value * last->cost -
				(__int128)last->value * items[i].cost;
		bool in = away > (__int128)(slack + 1) * last->cost;

		if (in)
			budget -= items[i].cost;
		else if (-away <= (__int128)(slack + 1) * last->cost)
			open[s->n++] = (uint32_t)i;
		settled[i] = in;
	}
	return budget;
}

/* The first item that the relaxation takes in part, or NULL if it takes all. */
static const struct item *
break_item(const struct item *items, size_t n, int64_t budget)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].cost > budget)
			return &items[i];
		budget -= items[i].cost;
	}
	return NULL;
}

void
knapsack_solve(const struct item *items, size_t n, int64_t budget, struct knapsack *out)
{
	const struct item *last = break_item(items, n, budget);
	uint32_t *open = mem_array(n, sizeof(*open));
	bool *settled = mem_array(n, sizeof(*settled));
	struct search s = { .items = items, .open = open, .n = n };
	int64_t left, inside = 0, start;

	out->value = out->theta = 0;
	take_greedily(items, n, budget, out);
	out->bound = out->value;
	for (size_t i = 0; i < n; i++)
		open[i] = (uint32_t)i;
	if (last) {
		out->theta = last->value / last->cost;
		out->bound = relaxed(&s, 0, budget);
		s.best_value = out->value;
		left = settle(items, n, budget, last, &s, settled, open);
		for (size_t i = 0; i < n; i++)
			inside += settled[i] ? items[i].value : 0;
		start = s.best_value -= inside;
		s.now = mem_array(s.n, sizeof(*s.now));
		s.best = mem_array(s.n, sizeof(*s.best));
		if (left < WIDTH_MAX && (left + 1) * (int64_t)s.n <= TABLE_MAX)
			by_table(&s, left);
		else
			branch_and_bound(&s, left);
		if (s.best_value > start) {
			memcpy(out->taken, settled, n * sizeof(*settled));
			for (size_t k = 0; k < s.n; k++)
				out->taken[open[k]] = s.best[k];
			out->value = s.best_value + inside;
		}
		if (!s.gave_up)
			out->bound = out->value;
	}
	free(s.now);
	free(s.best);
	free(open);
	free(settled);
}
