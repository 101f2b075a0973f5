/* SPDX-License-Identifier: MIT */
/*
 * The dwell of paths that were left for a fault outlives the agent, or one that is
 * killed would try again at once what has just failed.
 *
 * No wall clock is asked, as it may be stepped: within one boot the clock that never
 * jumps tells what is left, and after a reboot, which may have taken any time, each
 * dwell begins anew.  A file that is damaged may have held any path, so all dwell.  A
 * dwell too long costs what the hub's way costs; none too short is ever kept.
 */
#ifndef OPTIMIZER_AGENT_DWELL_H
#define OPTIMIZER_AGENT_DWELL_H

#include "optimizer/agent/core.h"

#define DWELL_FILE "dwell" /* in the state directory; without it nothing dwells */

struct dwell {
	const char *dir;   /* borrowed */
	char boot[40];	   /* which boot this is; "" = unknown, so another one */
	struct mono *kept; /* owned, by node: as it is on disk */
	size_t n;
	int said;	      /* the error of the last write */
	struct mono retry_at; /* then, after an error */
};

void dwell_init(struct dwell *d, const char *dir);
void dwell_fini(struct dwell *d);

/* For a core that is new: what one before it left behind. */
void dwell_restore(struct dwell *d, const struct mesh *mesh, struct core *core,
    struct mono now);

/* To disk, if one has begun or become longer since. */
void dwell_keep(struct dwell *d, const struct mesh *mesh, const struct core *core,
    struct mono now);

#endif
