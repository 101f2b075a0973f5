/* SPDX-License-Identifier: MIT */
/*
 * What a plan asks of this node beside what its kernel has: nothing, or a line for each
 * thing that would be done.  Pure; who does it, and judges on the way, is the agent's
 * core and netd.
 */
#ifndef OPTIMIZER_OPERATE_PENDING_H
#define OPTIMIZER_OPERATE_PENDING_H

#include "optimizer/agent/way.h"
#include "optimizer/apply/state.h"

#define PENDING_TEXT_MAX 1024

/* All borrowed. */
struct pending {
	const struct mesh *mesh;
	size_t self;
	const struct state *state;
	const struct way_wish *wishes;		   /* one a node */
	void (*line)(const char *text, void *ctx); /* NULL: only count */
	void *ctx;
};

/* How many there are. */
size_t pending(const struct pending *p);

/* Routes of ours, leased or not, of which no wish says anything. */
size_t pending_orphans(const struct pending *p);

#endif
