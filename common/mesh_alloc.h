/* SPDX-License-Identifier: MIT */
/*
 * Overlay addresses for new nodes, out of the Subnet of a region.  Pure: the mesh is
 * read and not changed.
 */
#ifndef COMMON_MESH_ALLOC_H
#define COMMON_MESH_ALLOC_H

#include "common/mesh.h"

/*
 * The lowest address of the region's subnet that no node has and no other node's
 * AllowedIPs contain, with the subnet's mask.  The first and, of IPv4, the last address
 * of the subnet are not given out.  -ENOSPC when there is none, -ENOENT when the mesh
 * has no such [Region]; err says who holds it, or what to write.
 */
int mesh_alloc_next(const struct mesh *mesh, const char *region, struct prefix *out,
    struct err *err);

/*
 * May a new node have this address?  region "" = of no region.  -EADDRINUSE when a node
 * has it or answers for it, -ERANGE outside the region's subnet, on its edges, or
 * outside what the hub covers.
 */
int mesh_alloc_check(const struct mesh *mesh, const char *region,
    const struct addr *addr, struct err *err);

#endif
