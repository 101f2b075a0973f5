/* SPDX-License-Identifier: MIT */
/*
 * What the kernel of this node says now, read once, so that everything that is decided
 * from it is a pure function.
 */
#ifndef OPTIMIZER_APPLY_STATE_H
#define OPTIMIZER_APPLY_STATE_H

#include "common/mesh.h"
#include "optimizer/apply/kernel.h"

struct state {
	struct wall now;
	bool may_change;
	bool has_wireguard;
	struct kernel_link hub_link, direct_link; /* ifindex 0 = absent */
	struct kernel_device *hub, *direct; /* owned; NULL = absent or not WireGuard */
	struct kernel_addr *addrs;	    /* owned; of the direct interface */
	size_t n_addrs;
	struct kernel_route *routes; /* owned; main table */
	size_t n_routes;
	uint32_t rp_all, rp_hub, rp_direct; /* the last as it will be, if absent */
	bool v6_off;			    /* on the direct interface, likewise */
	bool port_free;			    /* true if the direct interface exists */
	bool forwards;			    /* for others; see state_forward_key() */
};

/* A NAT forgets UDP after 30 s of silence: the end that starts keeps its session alive.
 */
#define STATE_KEEPALIVE_S 25

/* *out is to be cleared with state_fini() in any case. */
int state_read(struct kernel *k, const struct mesh *mesh, struct wall now,
    struct state *out, struct err *err);
void state_fini(struct state *state);

/* The sysctl that lets this machine forward what is of the overlay's family. */
const char *state_forward_key(const struct mesh *mesh);

/* A peer of the direct interface, or NULL. */
const struct kernel_peer *state_peer(const struct state *state,
    const struct wgkey *key);

/* Does this peer have a session, by the age of its latest handshake? */
bool state_alive(const struct kernel_peer *peer, struct wall now);

/*
 * By how much the latest handshake lies ahead, in ns, when the clock went back; else 0.
 * An initiation carries the time, and a peer refuses one that is not later than the
 * last: such a node is cut off from each peer that does not start, until it has caught
 * up.
 */
int64_t state_clock_back(const struct state *state);

/* Is this route one that we made?  Leases of IPv4 are the kernel's own routes. */
bool state_ours(const struct state *state, const struct kernel_route *route);

/* Did it come with an address of ours that has this prefix as its other end? */
bool state_leased(const struct state *state, const struct kernel_route *route);

/* Our route for exactly this prefix, or NULL; no lease of IPv4. */
const struct kernel_route *state_route(const struct state *state,
    const struct prefix *prefix);

/* The route that carries this prefix without ours: the longest shorter one, or NULL. */
const struct kernel_route *state_fallback(const struct state *state,
    const struct prefix *prefix);

/* A lease has our address too, but only for a while: it does not count. */
bool state_has_addr(const struct state *state, const struct addr *addr);

#endif
