/* SPDX-License-Identifier: MIT */
/*
 * Tunnels of unequal cost without relays or limits: the 0/1 knapsack.  Exact by dynamic
 * programming over the budget where that is small, else by branch and bound over the
 * fractional relaxation (Horowitz, Sahni 1974), whose work is bounded: what is left
 * open shows as a bound above the value.
 */
#ifndef OPTIMIZER_DECIDE_KNAPSACK_H
#define OPTIMIZER_DECIDE_KNAPSACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct item {
	int64_t value; /* > 0 */
	uint32_t cost; /* > 0 */
};

struct knapsack {
	bool *taken; /* one an item; the caller's array */
	int64_t value;
	int64_t bound; /* no choice is worth more */
	int64_t
	    theta; /* the price of a unit of the budget that proves the relaxation */
};

/*
 * Items come by falling value per cost, as knapsack_denser() says; ties are broken by
 * their order.  Sum of values < 2^62.
 */
void knapsack_solve(const struct item *items, size_t n, int64_t budget,
    struct knapsack *out);

/* Is x worth more per cost than y? */
static inline bool
knapsack_denser(const struct item *x, const struct item *y)
{
	return (__int128)x->value * y->cost > (__int128)y->value * x->cost;
}

#endif
