/* SPDX-License-Identifier: MIT */
/*
 * May this plan be followed at all?  A controller that went mad, or fell into other
 * hands, can ask for nothing but paths that the roster allows (order.h); here is how
 * many of them at a time, how old, and in which order.  Pure.
 *
 * The shares below are one plan's, and as much again for each ten minutes since the
 * last one, so that a node that was away for a day follows what the others followed
 * meanwhile. How fast paths may be made is netd's to limit.
 */
#ifndef OPTIMIZER_AGENT_GUARD_H
#define OPTIMIZER_AGENT_GUARD_H

#include "optimizer/agent/order.h"

#define GUARD_TTL_NS	  (900 * NS_PER_S) /* no plan is good for longer */
#define GUARD_FUTURE_NS	  (60 * NS_PER_S)  /* clocks differ so much at most */
#define GUARD_PERIOD_NS	  (600 * NS_PER_S)
#define GUARD_CHANGE_PCT  10 /* of all pairs, 1 at least */
#define GUARD_CHANGE_MIN  3  /* ... but a stage of the publisher's, whatever the mesh */
#define GUARD_NODE_PCT	  20 /* of the tunnels that one node has, 1 at least */
#define GUARD_REMOVED_PCT 25 /* of all tunnels, 1 at least */

/* The plan that was followed last; zeroed if there was none. */
struct guard_past {
	const struct order *order; /* borrowed; NULL = none */
	struct wall accepted;
};

enum guard_verdict {
	GUARD_FOLLOW,
	GUARD_STALE, /* follow, but begin no change: it is too old */
	GUARD_REFUSE
};

/* forced: somebody on this node allowed this very epoch.  err: why not GUARD_FOLLOW. */
enum guard_verdict guard_judge(const struct mesh *mesh, const struct guard_past *past,
    const struct order *order, struct wall now, bool forced, struct err *err);

/* How long it may begin changes from now on: 0 for one that is stale. */
int64_t guard_fresh_ns(const struct order *order, struct wall now);

#endif
