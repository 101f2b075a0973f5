/* SPDX-License-Identifier: MIT */
/*
 * Which node of the mesh is this machine?
 */
#ifndef COMMON_MESH_SELF_H
#define COMMON_MESH_SELF_H

#include "common/mesh.h"

/*
 * The one of that name or, with NULL, the one whose overlay address is among the first
 * 256 of this machine's; as mesh_find_self(), or -errno if those cannot be read.
 */
int mesh_self(const struct mesh *mesh, const char *node, size_t *self, struct err *err);

#endif
