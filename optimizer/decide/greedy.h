/* SPDX-License-Identifier: MIT */
/*
 * Filling a network up to its budget, the densest gain first.  A gain can rise when a
 * tunnel comes (it is half of a relay path), so the usual lazy greedy is wrong: each
 * candidate has an upper key, and adding u-v raises only the keys at u and v, by sums
 * that are known; all others can only fall and are looked at again when they come up.
 *
 * A leg of a relay path alone is worth nothing, so single tunnels are compared with
 * star bundles: the densest set of tunnels to one relay, by peeling (Charikar 2000).
 */
#ifndef OPTIMIZER_DECIDE_GREEDY_H
#define OPTIMIZER_DECIDE_GREEDY_H

#include "optimizer/decide/network.h"

struct greedy_opts {
	bool bundles;
	uint64_t *noise; /* NULL, or the state of a generator: keys are shaken by it */
	const bool *banned; /* NULL, or a flag a tunnel: not this time */
};

struct greedy; /* heap and scratch, to be used again and again */

struct greedy *greedy_new(const struct model *m);
void greedy_free(struct greedy *g);

/* Adds tunnels while one that fits gains something. */
void greedy_fill(struct greedy *g, struct network *net, const struct greedy_opts *opts);

/* The best gain per cost of a single tunnel that is not there, budget aside. */
int64_t greedy_next(const struct network *net, size_t *tunnel);

/* xorshift64* (Vigna 2016): the same numbers on every machine. */
static inline uint32_t
greedy_random(uint64_t *state, uint32_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (
	    uint32_t)(((*state * UINT64_C(2685821657736338717)) >> 32) * below >> 32);
}

#endif
