/* SPDX-License-Identifier: MIT */
/*
 * The mesh file: the roster of a mesh and its settings, the same on every node and the
 * only source of keys, endpoints and prefixes.  mesh.conf(5) describes the format.
 */
#ifndef COMMON_MESH_H
#define COMMON_MESH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/wgkey.h"

#define MESH_NAME_MAX	   64 /* 63 characters of [a-z0-9._-] and the end */
#define MESH_NODES_MAX	   10000
#define MESH_PAIRS_MAX	   1000000
#define MESH_REGIONS_MAX   1000
#define MESH_ALLOWED_MAX   64 /* prefixes a node */
#define MESH_WEIGHT_MAX	   1000000
#define MESH_NO_LIMIT	   UINT32_MAX
#define MESH_DIRECT_PORT   51821
#define MESH_LISTEN_PORT   51820
#define MESH_KEEPALIVE_S   25  /* under the 30 s after which some NATs forget UDP */
#define MESH_STAMP_PORT	   862 /* RFC 8762, section 4.1 */
#define MESH_DSCP_UNSAID   UINT8_MAX
#define MESH_DEFAULT_PATH  "/etc/meshopt/mesh.conf"
#define MESH_COLLECTOR_MAX 256

enum mesh_role { MESH_HUB, MESH_POP, MESH_BACKEND };

/* How a node is probed; a set of bits. */
enum mesh_method { MESH_ICMP = 1, MESH_STAMP = 2, MESH_BOTH = 3 };

struct mesh_node {
	char name[MESH_NAME_MAX];
	char region[MESH_NAME_MAX]; /* "" = not said */
	enum mesh_role role;
	struct prefix address;	 /* overlay address with its mask */
	struct prefix *prefixes; /* owned; what this node answers for: AllowedIPs or
				    the address alone; host bits cleared */
	size_t n_prefixes;
	struct wgkey key;
	struct wgkey next_key;	  /* while its key is being rotated; else zero */
	struct wall key_created;  /* midnight UTC of that day; 0 = not said */
	struct endpoint endpoint; /* of the hub interface; host "" = behind NAT */
	uint16_t listen_port;	  /* of it; 0 = not said, see mesh_listen_port() */
	uint32_t keepalive_s;	  /* to its peers, 0 = off; MESH_NO_LIMIT = not said,
				     see mesh_keepalive() */
	uint16_t mtu;		  /* of its interfaces; 0 = not said, also by [Mesh] */
	bool relay;		  /* may forward for others */
	uint32_t weight;	  /* traffic weight, 0..MESH_WEIGHT_MAX, default 1 */
	uint32_t max_tunnels;	  /* direct tunnels at most; MESH_NO_LIMIT */
	enum mesh_method method;  /* of probes to this node */
	uint8_t dscp;		  /* likewise, 0..63 */
	unsigned line;		  /* of its [Node] in the file */
};

enum mesh_pin { MESH_FREE, MESH_PIN_HUB, MESH_PIN_DIRECT };

/* What [Pair] says of two nodes; a < b are indices into nodes. */
struct mesh_pair {
	size_t a, b;
	enum mesh_pin pin;
	bool has_weight;
	uint32_t weight; /* replaces the product of the nodes' weights */
	unsigned line;
};

/* The subnet that a region's nodes have their addresses from. */
struct mesh_region {
	char name[MESH_NAME_MAX];
	struct prefix subnet; /* no host bits */
	unsigned line;
};

struct mesh {
	char name[MESH_NAME_MAX];
	char collector[MESH_COLLECTOR_MAX]; /* base URL, no trailing slash; "" = none */
	char interface[IF_NAMESIZE];	    /* default wg0 */
	char direct_interface[IF_NAMESIZE]; /* default wgd0 */
	uint16_t direct_port;		    /* default MESH_DIRECT_PORT */
	/*
	 * Switching = in-place: the direct peers are on the hub interface itself, so
	 * direct_interface is interface, and there is no second port.
	 */
	bool in_place;
	uint32_t budget;	 /* default MESH_NO_LIMIT */
	uint16_t stamp_port;	 /* of STAMP reflectors; default MESH_STAMP_PORT */
	enum mesh_method method; /* of nodes that do not say; default MESH_ICMP */
	uint8_t dscp;		 /* likewise; default 0 */
	struct wgkey plan_key;	 /* Ed25519; zero = not said */
	struct mesh_node *nodes; /* owned, in the order of the file */
	size_t n_nodes;
	struct mesh_pair *pairs; /* owned, sorted by (a, b) */
	size_t n_pairs;
	uint16_t mtu;		     /* of nodes that do not say; 0 = not said */
	struct mesh_region *regions; /* owned, in the order of the file */
	size_t n_regions;
	size_t hub; /* index of the one hub */
};

/*
 * Read and judge: a mesh that this returns has passed every hard rule of mesh_lint.h.
 * On failure *out is NULL and err names file, line and field.  mesh_load() also refuses
 * a file that group or others may write.  Free with mesh_free().
 */
int mesh_load(const char *path, struct mesh **out, struct err *err);
/* The same from an open stream; name is used in messages only. */
int mesh_read(FILE *in, const char *name, struct mesh **out, struct err *err);
void mesh_free(struct mesh *mesh);

/* Indices into nodes, or SIZE_MAX. */
size_t mesh_find(const struct mesh *mesh, const char *name);
size_t mesh_find_address(const struct mesh *mesh, const struct addr *overlay);

/*
 * Which node is this machine?  The one whose overlay address is among addrs.
 * -EADDRNOTAVAIL when none is, -EEXIST when two are; err says so.
 */
int mesh_find_self(const struct mesh *mesh, const struct addr *addrs, size_t n,
    size_t *self, struct err *err);

/* NULL when the file says nothing of this pair.  a and b in any order. */
const struct mesh_pair *mesh_pair(const struct mesh *mesh, size_t a, size_t b);

/*
 * Who starts the handshake of the direct tunnel a-b: the one behind NAT, else the one
 * with the smaller public key.  Only this one holds the other's endpoint and keeps
 * alive: two ends that both start under traffic can collide for ever (measured: 0 of 25
 * pairs up in 45 s with two initiators, 10 of 10 under 1 s with one).
 */
size_t mesh_initiator(const struct mesh *mesh, size_t a, size_t b);

/* NULL when the file has no [Region] of that name. */
const struct mesh_region *mesh_region(const struct mesh *mesh, const char *name);

/*
 * The UDP port of the node's hub interface: ListenPort, else its Endpoint's, else
 * MESH_LISTEN_PORT.
 */
uint16_t mesh_listen_port(const struct mesh_node *node);
/* The UDP port at which the node takes its direct tunnels. */
uint16_t mesh_direct_port(const struct mesh *mesh, const struct mesh_node *node);
/*
 * How often the node sends a keepalive to a silent peer, in seconds, 0 = never:
 * Keepalive, else MESH_KEEPALIVE_S where the node starts the tunnel.  The other end has
 * no endpoint for it: without keepalives nobody could reach it before it speaks, nor,
 * behind NAT, once its mapping is forgotten.
 */
uint16_t mesh_keepalive(const struct mesh_node *node, bool starts);

const char *mesh_role_name(enum mesh_role role);

/* [a-z0-9][a-z0-9._-]{0,62}: safe in file names, JSON, metrics and terminals. */
bool mesh_name_ok(const char *name);

#endif
