/* SPDX-License-Identifier: MIT */
/*
 * The relaxed choice of tunnels: the most reduced worth within the budget.  With equal
 * costs the largest ones, by selection in linear time; else the fractional knapsack
 * (Dantzig 1957), of which only the whole items count as chosen.
 */
#include "optimizer/decide/dual.h"

#include <stdlib.h>

/* The k-th largest of v (k from 0), by Wirth's selection; v is left in disorder. */
static int64_t
kth_largest(int64_t *v, size_t n, size_t k)
{
	ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;

	while (lo < hi) {
		int64_t pivot = v[at];
		ptrdiff_t i = lo, j = hi;

		while (i <= j) {
			int64_t swap;

			while (v[i] > pivot)
				i++;
			while (v[j] < pivot)
				j--;
			if (i > j)
				break;
			swap = v[i];
			v[i++] = v[j];
			v[j--] = swap;
		}
		if (j < at)
			lo = i;
		if (at < i)
			hi = j;
	}
	return v[k];
}

static bool
is_open(const struct dual *u, size_t t)
{
	return u->fix[t] == DUAL_FREE && u->price[t] > 0;
}

static int64_t
select_largest(struct dual *u, int64_t budget)
{
	const struct model *m = u->m;
	size_t n = 0, ties;
	int64_t worth = 0;

	for (size_t t = 0; t < m->n_tunnels; t++)
		if (is_open(u, t))
			u->scratch[n++] = u->price[t];
	u->theta = 0;
	if ((int64_t)n > budget) /* without any budget: above all of them */
		u->theta =
		    kth_largest(u->scratch, n, budget > 0 ? (size_t)budget - 1 : 0);
	ties = (size_t)budget;
	for (size_t t = 0; t < m->n_tunnels; t++)
		ties -= is_open(u, t) && u->price[t] > u->theta;
	for (size_t t = 0; t < m->n_tunnels; t++) {
		if (!is_open(u, t) || u->price[t] < u->theta)
			continue;
		if (u->price[t] == u->theta && ties == 0)
			continue;
		ties -= u->price[t] == u->theta;
		u->x[t] = true;
		worth += u->price[t];
	}
	return worth;
}

static int
by_density(const void *a, const void *b, void *ctx)
{
	const struct dual *u = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	__int128 p = (__int128)u->price[x] * u->m->tunnels[y].cost;
	__int128 q = (__int128)u->price[y] * u->m->tunnels[x].cost;

	if (p != q)
		return p > q ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int64_t
select_densest(struct dual *u, int64_t budget)
{
	const struct model *m = u->m;
	size_t n = 0;
	int64_t worth = 0;

	for (size_t t = 0; t < m->n_tunnels; t++)
		if (is_open(u, t))
			u->order[n++] = (uint32_t)t;
	qsort_r(u->order, n, sizeof(*u->order), by_density, u);
	u->theta = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t t = u->order[i];
		int64_t cost = m->tunnels[t].cost;

		if (cost <= budget) {
			budget -= cost;
			worth += u->price[t];
			u->x[t] = true;
			continue;
		}
		u->theta = u->price[t] / cost;
		u->fraction =
		    (int64_t)(((__int128)u->price[t] * budget + cost - 1) / cost);
		worth += u->fraction;
		break;
	}
	return worth;
}

int64_t
dual_select(struct dual *u)
{
	const struct model *m = u->m;
	int64_t budget = m->budget, worth = 0;

	u->fraction = 0;
	for (size_t t = 0; t < m->n_tunnels; t++) {
		u->x[t] = u->fix[t] == DUAL_IN;
		if (!u->x[t])
			continue;
		budget -= m->tunnels[t].cost;
		worth += u->price[t];
	}
	if (budget < 0)
		return INT64_MIN / 4; /* what is fixed costs too much: no plan at all */
	return worth +
	       (m->unit_costs ? select_largest(u, budget) : select_densest(u, budget));
}
