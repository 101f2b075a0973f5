/* SPDX-License-Identifier: MIT */
/*
 * A kernel in memory behind optimizer/apply/kernel.h.  It keeps the rules that matter
 * to a switch: a peer shakes hands only if the other end is there, a prefix belongs to
 * one peer, an equal route is refused, the longest route wins.  What it is to do wrong
 * is set in struct fake_kernel.
 */
#ifndef TESTS_FAKES_KERNEL_H
#define TESTS_FAKES_KERNEL_H

#include "optimizer/apply/kernel.h"

#define FAKE_HUB_IFINDEX    5
#define FAKE_DIRECT_IFINDEX 9
#define FAKE_OTHER_IFINDEX  2
#define FAKE_MAX	    64

enum fake_call {
	FAKE_LINK_ADD,
	FAKE_LINK_UP,
	FAKE_LINK_DEL,
	FAKE_KEY_COPY,
	FAKE_ADDR_ADD,
	FAKE_PEER_SET,
	FAKE_ROUTE_ADD,
	FAKE_ROUTE_DEL,
	FAKE_PEER_REMOVE,
	FAKE_LEASE_SET,
	FAKE_LEASE_DEL,
	FAKE_PEER_REDUCE,
	FAKE_CALLS
};

struct fake_kernel {
	/* the world */
	struct mono now;
	struct kernel_link hub_link, direct_link; /* ifindex 0 = absent */
	struct kernel_device hub, direct;
	struct kernel_addr addrs[FAKE_MAX];
	struct mono addr_until[FAKE_MAX]; /* of leases; else 0 */
	size_t n_addrs;
	struct kernel_route routes[FAKE_MAX];
	struct mono route_until[FAKE_MAX];
	size_t n_routes;
	uint32_t rp_all, rp_hub, rp_direct, rp_default;
	bool v6_off, port_taken, no_forward, no_forward6;

	/* what goes wrong */
	bool no_cap, no_wireguard;
	int64_t handshake_after_ns; /* of setting a peer; below 0 = never */
	struct wgkey silent;	    /* this one never shakes hands */
	enum fake_call fail_call;   /* with fail_rc != 0: this call fails ... */
	int fail_rc;
	unsigned fail_after; /* ... after so many that succeed */
	bool deaf_peers;     /* PEER_SET and _REDUCE say yes and do nothing */
	bool deaf_removal;   /* PEER_REMOVE likewise */
	bool half_peers;     /* PEER_SET says yes and takes the first prefix only */
	bool deaf_routes;    /* ROUTE_ADD likewise */
	bool deaf_leases;    /* LEASE_SET likewise */
	bool claims_full;    /* no more peers can be claimed in place */
	bool rule_wins;	     /* lookups never leave by the direct interface */

	/* what was done */
	unsigned calls[FAKE_CALLS];
	struct mono set_at[FAKE_MAX]; /* by index of the direct peer */
	/*
	 * A kill: after so many more steps (changes, and what a test counts as one by
	 * fake_step()) the program is dead, and nothing that it does has any effect.
	 */
	bool mortal, dead;
	unsigned steps_left;
	unsigned fail_in;	/* the change after so many fails, once; 0 = none */
	unsigned read_fails_in; /* the same of what is read */
	bool lasting;		/* and so do all of its kind after it */
	unsigned failed;	/* how many did */
	int happened;		/* what kernel_monitor_read() says next */
};

struct kernel {
	char direct[IF_NAMESIZE];
	bool in_place;
	struct wgkey hub, mine[FAKE_MAX];
	size_t n_mine;
};

/* The kernel that calls go to; a test of two machines sets it to either. */
extern struct fake_kernel *fake_now;
#define fake (*fake_now)

void fake_fini_device(struct kernel_device *dev);

/* The hub tunnel's interface is the direct one as well; after fake_reset(). */
void fake_in_place(const struct wgkey *hub, const char *const *allowed, size_t n);

/* A node with its hub tunnel up and nothing else; frees what there was. */
void fake_reset(const struct wgkey *own, const char *hub_route);
void fake_fini(void);

void fake_add_route(const char *prefix, unsigned ifindex, uint8_t protocol);
unsigned fake_changes(void); /* of any kind */

/* Is this call the one that fails?  in: fail_in or read_fails_in. */
bool fake_fails(unsigned *in);

/* False when the program that would take this step is dead. */
bool fake_step(void);

/* Time has passed: leases that nobody renewed go, with their routes. */
void fake_expire(void);
/* Take away the route of that index, or the address; the order is kept. */
void fake_drop_route(size_t i);
void fake_drop_addr(size_t i);

#endif
