/* SPDX-License-Identifier: MIT */
/*
 * Branch and bound over single tunnels, depth first, to the proven optimum of a small
 * instance.  The bound of each branch is the dual's, whose prices are inherited; what
 * the bound shows to be in or out of every better plan is fixed on the way.
 */
#ifndef OPTIMIZER_DECIDE_EXACT_H
#define OPTIMIZER_DECIDE_EXACT_H

#include "optimizer/decide/improve.h"

struct exact_opts {
	uint64_t branches; /* at most; then the search gives up */
	bool hopeful;	   /* give up early if that many will clearly not do */
};

/*
 * True when im->best is now proven to be optimal.  u keeps its best prices; *branches
 * is what was looked at.  Not for instances with limits on what a relay may carry.
 */
bool exact_search(struct improve *im, struct dual *u, const struct exact_opts *opts,
    uint64_t *branches);

#endif
