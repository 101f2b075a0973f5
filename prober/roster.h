/* SPDX-License-Identifier: MIT */
/*
 * The mesh file as this node sees it: which node it is, and its targets.
 */
#ifndef PROBER_ROSTER_H
#define PROBER_ROSTER_H

#include "common/err.h"
#include "common/mesh.h"
#include "prober/engine.h"
#include "common/names.h"
#include "prober/target.h"

struct roster {
	struct mesh *mesh;	/* owned */
	struct target *targets; /* owned */
	struct engine_roster view;
};

/*
 * node: our name, or NULL to find ourselves by this machine's addresses.  Targets with
 * a DNS name have no address yet.  0 or -errno, then *r is empty.  Ends in
 * roster_free().
 */
int roster_load(struct roster *r, const char *path, const char *node, struct err *err);
void roster_free(struct roster *r);

/* Have the names among the targets looked up; fill in what has been found so far. */
void roster_want(const struct roster *r, struct names *names);
void roster_resolve(struct roster *r, const struct names *names);

#endif
