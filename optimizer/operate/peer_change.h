/* SPDX-License-Identifier: MIT */
/*
 * May this peer be added to that interface?  Adding a prefix that another peer has
 * takes it from that one, without a word from the kernel.  Pure.
 */
#ifndef OPTIMIZER_OPERATE_PEER_CHANGE_H
#define OPTIMIZER_OPERATE_PEER_CHANGE_H

#include "common/mesh.h"
#include "optimizer/apply/kernel.h"

/*
 * 0, -EEXIST with err, or 1: it is there already, with all of these prefixes.
 * exclusive: also refuse prefixes that overlap another peer's, as on a hub, where each
 * node has its own; a spoke's narrower ones are meant to win over the hub's.
 */
int peer_change_check(const struct mesh *mesh, const struct kernel_device *dev,
    const struct kernel_peer_change *change, bool exclusive, struct err *err);

/* Does the device have it now? */
bool peer_change_done(const struct kernel_device *dev,
    const struct kernel_peer_change *change);

#endif
