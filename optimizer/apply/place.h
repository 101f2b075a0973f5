/* SPDX-License-Identifier: MIT */
/*
 * Back to the hub in place, without agent, plan or journal: what `meshopt panic` needs
 * when nothing else works.
 */
#ifndef OPTIMIZER_APPLY_PLACE_H
#define OPTIMIZER_APPLY_PLACE_H

#include "common/mesh.h"
#include "optimizer/apply/kernel.h"

/* A node whose prefixes were, or without `yes` would be, given back. */
typedef void place_cb(const char *name, void *ctx);

/*
 * Every peer of ours on the hub interface is left its probe address alone.  Ours are
 * those of the roster, but the hub, that have the link-local address of their own key,
 * which nobody else would set.  0 or the first -errno; it goes on after one.
 */
int place_undo(struct kernel *k, const struct mesh *mesh, bool yes, place_cb *each,
    void *ctx);

#endif
