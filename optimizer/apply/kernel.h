/* SPDX-License-Identifier: MIT */
/*
 * The kernel in our own words: everything that `meshopt apply` and netd read from it
 * and the few things that they change.  A handle knows the name of one interface, the
 * direct one, and the calls that change something take no other: the hub interface
 * cannot be written, which the real implementation also asserts on every message that
 * it sends.  Where the two are one, kernel_in_place() says which peers may be changed.
 *
 * The kernel_*.c implement it by netlink, and kernel_uapi.c for interfaces that
 * wireguard-go serves; tests/fakes/kernel.c stands in for them in unit tests.  Calls
 * return 0 or -errno.
 */
#ifndef OPTIMIZER_APPLY_KERNEL_H
#define OPTIMIZER_APPLY_KERNEL_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/wgkey.h"

/*
 * The routing protocol number that marks our routes: one that neither the kernel nor
 * Debian's rt_protos gives away (188 is OSPF's).  A route is ours if it has this
 * number and leaves by the direct interface.
 */
#define RTPROT_MESHOPT 213

#define KERNEL_CLAIMS_MAX 256 /* peers of ours on the hub interface */

struct kernel;

struct kernel_link {
	char name[IF_NAMESIZE];
	unsigned ifindex;
	bool wireguard; /* by its kind, not by its name */
	bool up;
	uint32_t mtu;
	bool
	    userspace; /* a TUN device with a UAPI socket; then wireguard is true too */
};

struct kernel_addr {
	unsigned ifindex;
	struct prefix prefix; /* the address with its mask */
	struct prefix peer;   /* the other end, if one was given; else family 0 */
	uint32_t lease_s;     /* until the kernel removes it; 0 = never */
};

struct kernel_peer {
	struct wgkey key;
	struct addr endpoint; /* family 0 = none known */
	uint16_t port;
	uint16_t keepalive_s;  /* 0 = off */
	struct wall handshake; /* the latest; 0 = never */
	uint64_t rx_bytes, tx_bytes;
	struct prefix *allowed; /* owned */
	size_t n_allowed;
};

/* A WireGuard interface.  Private and preshared keys are left in the kernel. */
struct kernel_device {
	bool has_key;
	struct wgkey key; /* public */
	uint16_t port;
	struct kernel_peer *peers; /* owned */
	size_t n_peers;
};

/* A unicast, blackhole or other route of the main table. */
struct kernel_route {
	struct prefix dst;
	uint8_t protocol;
	uint8_t type; /* RTN_* */
	uint8_t scope, tos;
	uint32_t metric;
	unsigned ifindex; /* 0: several ways or none */
	bool gateway;
	struct addr src;    /* preferred source, family 0 = none */
	uint32_t expires_s; /* IPv6: until the kernel removes it; 0 = never */
};

/*
 * A way to a prefix that the kernel itself takes away when nobody renews it.  IPv4 has
 * no route that expires, so it is our address once more, with the prefix as its other
 * end and a lifetime: the kernel makes the route with it, metric 0 and source and all,
 * and removes both.  IPv6: a route of ours that expires.
 */
struct kernel_lease {
	struct addr own;
	struct prefix prefix;
	uint32_t seconds;
};

/* A leased route wins over a permanent one while both are there: lower is better. */
#define KERNEL_LEASE_METRIC 40 /* IPv6; IPv4: 0 */
#define KERNEL_ROUTE_METRIC 50

/* What is to be added to a peer, or the peer itself; nothing is ever taken from it. */
struct kernel_peer_change {
	struct wgkey key;
	struct addr endpoint; /* family 0 = leave it */
	uint16_t port;
	bool set_keepalive;
	uint16_t keepalive_s;
	const struct prefix *allowed; /* borrowed; added to what it has */
	size_t n_allowed;
};

/*
 * direct: the one interface that this handle may change.  `meshopt peer`, the
 * operator's own hand, opens one for the hub interface; nothing that follows a plan
 * may.
 */
int kernel_open(const char *direct, struct kernel **out, struct err *err);
void kernel_close(struct kernel *k);

/*
 * The direct interface is the hub's own: from now on this handle adds link-local
 * addresses, and changes peers that were claimed, and nothing else there is.  Nobody
 * can claim the hub's key, and no prefix can be given to a peer but one strictly inside
 * of `cover`, so that none of the hub's is taken from it.  Both borrowed by content,
 * cover until the next call or kernel_close().  Drops all claims.
 */
void kernel_in_place(struct kernel *k, const struct wgkey *hub,
    const struct prefix *cover, size_t n_cover);
/* This peer is of our making; -EPERM for the hub's, -ENOSPC. */
int kernel_claim(struct kernel *k, const struct wgkey *key);
void kernel_disclaim(struct kernel *k, const struct wgkey *key);

/* --- reading --- */

bool kernel_may_change(struct kernel *k); /* CAP_NET_ADMIN is in effect */

/* Its generic netlink family exists, or else wireguard-go is installed. */
bool kernel_has_wireguard(struct kernel *k);
int kernel_link(struct kernel *k, const char *name, struct kernel_link *out);

/* Of all interfaces, if ifindex is 0.  *out is for free(). */
int kernel_addrs(struct kernel *k, unsigned ifindex, struct kernel_addr **out,
    size_t *n);

/* Free with kernel_device_free().  Needs CAP_NET_ADMIN. */
int kernel_device(struct kernel *k, const char *name, struct kernel_device **out);
void kernel_device_free(struct kernel_device *dev);

/* The main table, IPv4 then IPv6.  *out is for free(). */
int kernel_routes(struct kernel *k, struct kernel_route **out, size_t *n);

/* By which interface would a packet to addr leave? */
int kernel_lookup(struct kernel *k, const struct addr *addr, unsigned *ifindex);

/* name as in /proc/sys, "net/ipv4/conf/all/rp_filter". */
int kernel_sysctl(struct kernel *k, const char *name, uint32_t *out);

/* Could a socket be bound to this UDP port?  -EADDRINUSE if not. */
int kernel_port_free(struct kernel *k, uint16_t port);

/* --- changing; all of it on the direct interface --- */

int kernel_link_add(struct kernel *k, uint32_t mtu);
int kernel_link_up(struct kernel *k);
int kernel_link_del(struct kernel *k);

/* Give it the private key of the interface from, which never leaves this layer. */
int kernel_key_copy(struct kernel *k, const char *from, uint16_t port);
int kernel_addr_add(struct kernel *k, const struct prefix *prefix);

/* One message, no REPLACE flag. */
int kernel_peer_set(struct kernel *k, const struct kernel_peer_change *change);

/* -EEXIST when the table has that prefix already.  ifindex is filled in here. */
int kernel_route_add(struct kernel *k, const struct kernel_route *route);
/* One that is just so; of metric 0 means of any.  -ESRCH when there is none. */
int kernel_route_del(struct kernel *k, const struct kernel_route *route);

/* Take this one peer away, with its prefixes; success if it is not there. */
int kernel_peer_remove(struct kernel *k, const struct wgkey *key);

/*
 * In place only: take from this peer, if it is there, all prefixes but its link-local
 * address `keep`.  They fall to the hub's wider one.  This is the one message with a
 * REPLACE flag, and it can only make a peer of ours smaller.
 */
int kernel_peer_reduce(struct kernel *k, const struct wgkey *key,
    const struct prefix *keep);

/* Make it or renew it. */
int kernel_lease_set(struct kernel *k, const struct kernel_lease *lease);
/* -EADDRNOTAVAIL or -ESRCH when there is none.  seconds is not looked at. */
int kernel_lease_del(struct kernel *k, const struct kernel_lease *lease);

/* How many messages that change something were sent since kernel_open(). */
uint64_t kernel_changes(struct kernel *k);

/* --- being told --- */

/*
 * Links, addresses and routes as they change; WireGuard tells nobody anything.  *fd is
 * for poll(2) and belongs to k.
 */
int kernel_monitor(struct kernel *k, int *fd);

/*
 * Read what there is: 1 = something happened to a link or to one of these two
 * interfaces, 0 = nothing of the sort, -ENOBUFS = some of it was lost, read all anew.
 */
int kernel_monitor_read(struct kernel *k, const unsigned ifindex[2]);

#endif
