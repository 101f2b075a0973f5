/* SPDX-License-Identifier: MIT */
/*
 * ICMP echo to many targets from one socket per family, with kernel time stamps: the
 * engine under the prober and under the verification of a tunnel.  It sends, matches,
 * and tells; when to send is the caller's business.  It holds no event loop: the caller
 * drains it on its own tick, and the stamps being the kernel's, a late drain does not
 * bend an RTT.
 *
 * Sockets: an unprivileged ping socket where net.ipv4.ping_group_range allows it, else
 * a raw socket with a filter (CAP_NET_RAW).
 */
#ifndef COMMON_PINGER_H
#define COMMON_PINGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/report.h"

#define PINGER_PAYLOAD_MIN 24	 /* what the tag and the counters take */
#define PINGER_PAYLOAD_MAX 65000 /* bytes after the ICMP header */

struct pinger;

struct pinger_opts {
	const char *device; /* send and receive by this interface only; NULL = any */
	int64_t timeout_ns; /* an answer after this is late, and the probe lost */
	bool dont_fragment; /* refuse to send what exceeds the path MTU (EMSGSIZE) */
};

enum pinger_fate {
	PINGER_ANSWERED, /* in time */
	PINGER_LOST,	 /* timeout passed; told once, after everything received by then
			    was read */
	PINGER_LATE,	 /* answered after it was told lost */
	PINGER_DUPLICATE /* answered again */
};

struct pinger_result {
	uint32_t slot; /* as given to pinger_send() */
	uint64_t seq;  /* as returned by pinger_send() */
	enum pinger_fate fate;
	int64_t rtt_ns;	  /* ANSWERED, LATE: > 0, or -1 if a clock step spoilt it */
	uint8_t ttl;	  /* TTL or hop limit of the answer; 0 = unknown */
	unsigned ifindex; /* interface the answer came in by; 0 = unknown */
	bool reordered;	  /* an answer to a later probe of this slot came first */
};

struct pinger_counts {
	uint64_t spoofed;    /* wrong tag, or an address that was not asked */
	uint64_t local_drop; /* no room in the socket buffer (SO_RXQ_OVFL) */
};

typedef void pinger_cb(const struct pinger_result *result, void *ctx);

/*
 * Opens both families; one that the host lacks only fails when it is sent to
 * (-EAFNOSUPPORT).  On failure err says what to do (ping_group_range, CAP_NET_RAW).
 */
int pinger_new(const struct pinger_opts *opts, struct pinger **out, struct err *err);
void pinger_free(struct pinger *p);

enum stamp pinger_stamp(const struct pinger *p);
/* "ping socket", "raw socket" or both, for the line at start. */
const char *pinger_mode(const struct pinger *p);
/*
 * Does pinger_send() return what an interface says of a packet, such as -ENOKEY?  Not
 * if the host grants no more than a ping socket for IPv6.
 */
bool pinger_hears(const struct pinger *p, const struct addr *to);

/*
 * Send one probe of payload bytes (PINGER_PAYLOAD_MIN..MAX).  scope is the interface
 * index for link-local targets.  slot is the caller's number for the target and comes
 * back with the result.  0 and *seq, or -errno: what the kernel said, such as -ENOKEY
 * (no WireGuard peer has this address), -EDESTADDRREQ (peer without endpoint),
 * -EMSGSIZE, -ENETUNREACH, -EPERM (firewall).  Nothing is pending after a failure.
 */
int pinger_send(struct pinger *p, uint32_t slot, const struct addr *to, unsigned scope,
    size_t payload, struct mono now, uint64_t *seq);

/*
 * Read what has come, then expire by now; calls cb once a result.  cb may send but not
 * free.  Returns the number of probes still in flight.
 */
size_t pinger_drain(struct pinger *p, struct mono now, pinger_cb *cb, void *ctx);

/* Cumulative since pinger_new(). */
struct pinger_counts pinger_counts(const struct pinger *p);

/*
 * File descriptors for callers that would rather wake on an answer than on a tick;
 * fills fds (room for 2) and returns how many.
 */
size_t pinger_fds(const struct pinger *p, int fds[2]);

#endif
