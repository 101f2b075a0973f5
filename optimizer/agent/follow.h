/* SPDX-License-Identifier: MIT */
/*
 * The plan that this node follows: signed, judged, on disk before it is acted on, and
 * read again after a restart.  An older one never comes back.
 */
#ifndef OPTIMIZER_AGENT_FOLLOW_H
#define OPTIMIZER_AGENT_FOLLOW_H

#include "optimizer/agent/guard.h"

#define FOLLOW_FILE  "plan"  /* in the state directory: as it came */
#define FOLLOW_FORCE "force" /* there: an epoch that somebody here allowed */

struct follow {
	const struct mesh *mesh; /* borrowed */
	const char *dir;	 /* borrowed */
	bool has;
	struct order order; /* if has */
	bool unfit;	    /* the roster has changed: only its epoch counts */
	struct wall accepted;
	uint32_t crc; /* of the bytes of it */
};

/* What the last run followed, if it left something that is still good. */
int follow_load(struct follow *f, const struct mesh *mesh, const char *dir,
    struct err *err);
void follow_fini(struct follow *f);

/* After the mesh file changed: the plan again, in terms of the new roster. */
int follow_reload(struct follow *f, const struct mesh *mesh, struct err *err);

enum follow_verdict {
	FOLLOW_NEW,    /* f->order is another one */
	FOLLOW_SAME,   /* the one that we have */
	FOLLOW_REFUSED /* err says why */
};

/*
 * A plan as it came over the network.  err also says when a new one is stale.  A plan
 * that could not be written to the disk is refused.
 */
enum follow_verdict follow_take(struct follow *f, const void *bytes, size_t len,
    struct wall now, struct err *err);

/* For `meshopt-agent --force EPOCH`: 0 or -errno. */
int follow_force(const char *dir, uint64_t epoch, struct err *err);

#endif
