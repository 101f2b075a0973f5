/* SPDX-License-Identifier: MIT */
/*
 * The mesh file as this node sees it: which node it is, and its targets with the names
 * among them looked up.
 */
#ifndef PROBER_ROSTER_H
#define PROBER_ROSTER_H

#include "common/err.h"
#include "common/mesh.h"
#include "prober/engine.h"
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

/* Look the names up.  Blocks, for seconds if DNS is down; logs what it cannot find. */
void roster_resolve(struct roster *r);

/* Take what names meant in an older roster, without blocking; logs what is new. */
void roster_inherit(struct roster *r, const struct roster *old);

#endif
