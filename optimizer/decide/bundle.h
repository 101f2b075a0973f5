/* SPDX-License-Identifier: MIT */
/*
 * The densest bundle of tunnels to one relay: what greedy looks ahead to.
 */
#ifndef OPTIMIZER_DECIDE_BUNDLE_H
#define OPTIMIZER_DECIDE_BUNDLE_H

#include "optimizer/decide/network.h"

struct bundle {
	uint32_t *tunnels; /* owned; n entries of the model's size */
	size_t n;
	int64_t gain; /* of all of them together */
	int64_t cost;
};

struct bundle_scratch;

struct bundle_scratch *bundle_scratch_new(const struct model *m);
void bundle_scratch_free(struct bundle_scratch *s);

/*
 * Fills out with the densest set of tunnels from relay to nodes that it has none with,
 * within the budget and the limits of both ends; n = 0 when none gains.
 */
void bundle_find(const struct network *net, size_t relay, const bool *banned,
    struct bundle_scratch *s, struct bundle *out);

#endif
