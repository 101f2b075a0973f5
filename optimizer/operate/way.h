/* SPDX-License-Identifier: MIT */
/*
 * Which way does a packet to a node go?  The route says by which interface, and there
 * the longest AllowedIPs says to which peer: both have to be asked.
 */
#ifndef OPTIMIZER_OPERATE_WAY_H
#define OPTIMIZER_OPERATE_WAY_H

#include "optimizer/apply/state.h"

enum way_kind {
	WAY_NONE,    /* no route */
	WAY_ASTRAY,  /* by an interface that is none of the mesh's */
	WAY_BLOCKED, /* no peer of that interface has the address in its AllowedIPs */
	WAY_DIRECT,  /* to the node itself */
	WAY_HUB,
	WAY_RELAY,   /* to another node of the mesh, which forwards */
	WAY_STRANGER /* to a peer that the mesh file does not know */
};

struct way {
	enum way_kind kind;
	size_t via;			/* the node that the peer is, or SIZE_MAX */
	const struct kernel_peer *peer; /* borrowed from the state; NULL = none */
	bool beside;			/* by the direct interface */
};

/* ifindex: what kernel_lookup() said of the node's address; 0 = no route. */
struct way way_to(const struct state *state, const struct mesh *mesh, size_t node,
    unsigned ifindex);

/* "direct", "hub", "relay:sin", "no route" and the like. */
#define WAY_TEXT_MAX (MESH_NAME_MAX + 16)
void way_text(const struct mesh *mesh, const struct way *way, char text[WAY_TEXT_MAX]);

/* The node with this key, or SIZE_MAX. */
size_t way_node(const struct mesh *mesh, const struct wgkey *key);

/* The peer of a device with this key, or the one that gets packets to addr; or NULL. */
const struct kernel_peer *way_peer(const struct kernel_device *dev,
    const struct wgkey *key);
const struct kernel_peer *way_owner(const struct kernel_device *dev,
    const struct addr *addr);

#endif
