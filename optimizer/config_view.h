/* SPDX-License-Identifier: MIT */
/*
 * What a node's WireGuard interfaces are, by the mesh file: the facts that every format
 * of `meshopt config` renders.  Pure.
 */
#ifndef OPTIMIZER_CONFIG_VIEW_H
#define OPTIMIZER_CONFIG_VIEW_H

#include "common/mesh.h"

enum config_topology {
	CONFIG_SIDE_BY_SIDE, /* hub on Interface, pinned pairs on DirectInterface */
	CONFIG_HUB_AND_SPOKE,
	CONFIG_FULL_MESH, /* hub and pinned pairs, all on Interface */
};

struct config_peer {
	const struct mesh_node *node;
	struct endpoint endpoint; /* host "" = it starts, or its packets tell */
	struct prefix *allowed;	  /* owned; no prefix inside another */
	size_t n_allowed;
	uint16_t keepalive_s; /* 0 = off */
};

struct config_if {
	const struct mesh *mesh;
	const struct mesh_node *self;
	const char *name; /* borrowed from the mesh */
	bool direct;	  /* DirectInterface */
	bool forwards;	  /* from peer to peer */
	bool side_by_side;
	uint16_t port; /* 0 = any */
	uint16_t mtu;  /* 0 = the kernel's choice */
	struct prefix address[2];
	size_t n_address;
	struct config_peer *peers; /* owned */
	size_t n_peers;
};

/*
 * The endpoint rules of a tunnel are these: towards the hub
 * the spoke starts; between two others the one behind NAT, else the one with the
 * smaller key.  Only who starts has an endpoint of the other.
 */
void config_view_hub(const struct mesh *mesh, size_t self,
    enum config_topology topology, struct config_if *out);
/* DirectInterface with the tunnels of the pinned pairs, side by side. */
void config_view_direct(const struct mesh *mesh, size_t self, struct config_if *out);
void config_view_fini(struct config_if *view);

#endif
