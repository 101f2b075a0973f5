/* SPDX-License-Identifier: MIT */
/*
 * The best plan when nodes may relay: greedy, dual, rounding, ruin and recreate, and up
 * to RELAY_EXACT_NODES nodes a search that proves the optimum.  Pure; the same answer
 * for the same instance, options and seed.
 */
#ifndef OPTIMIZER_DECIDE_RELAY_H
#define OPTIMIZER_DECIDE_RELAY_H

#include "optimizer/decide/dual.h"

#define RELAY_EXACT_NODES 18

struct relay_opts {
	unsigned iterations; /* of the dual; 0 = chosen by size, 1 = the first plan */
	unsigned rounds;     /* of ruin and recreate */
	unsigned threads;
	uint64_t seed;
	bool no_search; /* leave the gap open */
};

struct relay_result {
	struct model *m;
	struct network *net; /* the plan */
	struct dual *dual;   /* its best prices give bound_by_prices */
	int64_t bound;	     /* no plan is worth more */
	int64_t bound_by_prices;
	bool proven;		     /* bound == net->value by the search */
	unsigned iterations, rounds; /* done */
	uint64_t branches;
};

int relay_solve(const struct instance *in, const struct relay_opts *opts,
    struct relay_result **out, struct err *err);
void relay_free(struct relay_result *r);

#endif
