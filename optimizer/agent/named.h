/* SPDX-License-Identifier: MIT */
/*
 * Nodes whose Endpoint is a DNS name.  netd resolves nothing: what a name says now is
 * handed to it as a hint, which it takes for such nodes only, and a live session knows
 * better than either.
 */
#ifndef OPTIMIZER_AGENT_NAMED_H
#define OPTIMIZER_AGENT_NAMED_H

#include "common/mesh.h"
#include "common/names.h"
#include "optimizer/agent/way.h"

/* Look them up from now on. */
void named_want(struct names *names, const struct mesh *mesh);

/* In place of a plan's hint; wishes has one a node. */
void named_hint(const struct names *names, const struct mesh *mesh,
    struct way_wish *wishes);

#endif
