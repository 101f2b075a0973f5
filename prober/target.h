/* SPDX-License-Identifier: MIT */
/*
 * Whom to probe: the list that a mesh gives one of its nodes.  Pure.
 */
#ifndef PROBER_TARGET_H
#define PROBER_TARGET_H

#include <stddef.h>

#include "common/addr.h"
#include "common/mesh.h"

enum target_kind {
	TARGET_OVERLAY, /* overlay address: by the hub or direct, as routed now */
	TARGET_PUBLIC,	/* host of the endpoint, outside any tunnel */
	TARGET_TUNNEL,	/* link-local address on the direct interface */
	TARGET_KINDS
};

struct target {
	size_t node; /* index in the mesh */
	enum target_kind kind;
	struct addr addr; /* family 0: the endpoint's host is a name to look up */
	enum mesh_method method;
	uint8_t dscp;
};

/*
 * Every other node's overlay address; the host of every endpoint; and the tunnel of
 * every pair that may have one: neither end the hub, and one of them reachable.  In the
 * order of the mesh, so that of a report is stable.  The public path from a node
 * without an endpoint is always probed by ICMP: no reflector knows the address of its
 * NAT.  *out is a new array, the caller's to free(); returns its length.
 */
size_t target_list(const struct mesh *mesh, size_t self, struct target **out);

const char *target_kind_name(enum target_kind kind);

#endif
