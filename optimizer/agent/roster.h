/* SPDX-License-Identifier: MIT */
/*
 * The mesh file, and which of its nodes this machine is.
 */
#ifndef OPTIMIZER_AGENT_ROSTER_H
#define OPTIMIZER_AGENT_ROSTER_H

#include "common/err.h"
#include "common/mesh.h"

/* node: its name; NULL = by this machine's addresses.  0 or -errno, and *out NULL. */
int roster_load(const char *path, const char *node, struct mesh **out, size_t *self,
    struct err *err);

#endif
