/* SPDX-License-Identifier: MIT */
/*
 * Which pairs get a direct tunnel: the most us x weight saved within the budget and the
 * nodes' limits.  Pure, and the same plan for the same question, byte for byte.
 *
 * Without limits that bind, the best pairs are the answer.  With limits and pairs that
 * only run between two sides (POPs and backends), minimum-cost flow is exact.  Between
 * any nodes it is a b-matching: branch and bound over the relaxation of its bipartite
 * double cover, whose optimum is half-integral (Balinski 1965); the work is bounded,
 * and what is left open shows as a gap.
 *
 * Tunnels of unequal cost without limits are a knapsack.  With relays, with unequal
 * costs and limits, or for another objective than the mean: relay.h.
 */
#ifndef OPTIMIZER_DECIDE_SOLVE_H
#define OPTIMIZER_DECIDE_SOLVE_H

#include "optimizer/decide/instance.h"

/*
 * 0 and a plan, or -EINVAL when what the mesh file pins cannot be had within the budget
 * or a node's limit.
 */
int solve(const struct instance *in, struct plan **out, struct err *err);

/*
 * A quantile is searched for by asking which weight can be brought within so many us.
 * Its plan carries the prices of the largest us that too little weight can be brought
 * within: they prove the bound.
 */

/* How much work, where the answer is not exact anyway; zero for the defaults. */
struct solve_opts {
	unsigned iterations; /* of the dual */
	unsigned rounds;     /* of ruin and recreate */
	unsigned threads;
	uint64_t seed;
};

int solve_with(const struct instance *in, const struct solve_opts *opts,
    struct plan **out, struct err *err);

#endif
