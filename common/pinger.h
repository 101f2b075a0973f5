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
#define PINGER_FDS	   4	 /* sockets at most */

struct pinger;

struct pinger_opts {
	const char *device; /* send and receive by this interface only; NULL = any */
	int64_t timeout_ns; /* an answer after this is late, and the probe lost */
	bool dont_fragment; /* refuse to send what exceeds the path MTU (EMSGSIZE) */
	/*
	 * Ask the kernel to stamp what is sent, and for ICMP errors; takes up to 50 ms
	 * a socket to see whether it does.  A file descriptor then also polls as
	 * POLLERR when there is such a stamp to drain.
	 */
	bool tx_stamps;
};

struct pinger_probe {
	uint32_t slot; /* the caller's number for the target, comes back in results */
	struct addr to;
	unsigned scope;	    /* interface index of a link-local target, else 0 */
	size_t payload;	    /* bytes, PINGER_PAYLOAD_MIN..MAX */
	bool overlay;	    /* by a tunnel: stamped when it enters the device, since the
			       driver of WireGuard makes no stamp; else by the driver */
	uint8_t tos;	    /* traffic class, 0 = the host's own */
	struct addr source; /* family 0 = as routed */
	unsigned ifindex;   /* leave by this interface; 0 = as routed */
};

enum pinger_fate {
	PINGER_ANSWERED, /* in time */
	PINGER_LOST,	 /* timeout passed; told once, after everything received by then
			    was read */
	PINGER_LATE,	 /* answered after it was told lost */
	PINGER_DUPLICATE,   /* answered again */
	PINGER_UNREACHABLE, /* an ICMP error came about it; its fate is open still */
	PINGER_UNSENT /* queued, and the kernel refused it: there is no other fate */
};

struct pinger_result {
	uint32_t slot; /* as given with the probe */
	uint64_t seq;  /* as returned then */
	enum pinger_fate fate;
	int64_t rtt_ns;	  /* ANSWERED, LATE: > 0, or -1: a clock step spoilt it, or it
			     lacks the stamp that the others have */
	uint8_t ttl;	  /* TTL or hop limit of the answer; 0 = unknown */
	unsigned ifindex; /* interface the answer came in by; 0 = unknown */
	bool reordered;	  /* an answer to a later probe of this slot came first */
	int error;	  /* UNSENT: the errno */
	uint8_t icmp_type, icmp_code; /* UNREACHABLE: what was said, */
	struct addr by;		      /* and by whom; family 0 = this machine */
};

struct pinger_counts {
	uint64_t spoofed;     /* wrong tag, or an address that was not asked */
	uint64_t local_drop;  /* no room in the socket buffer (SO_RXQ_OVFL) */
	uint64_t unsent;      /* refused by the kernel */
	uint64_t unreachable; /* ICMP errors about a probe of ours */
	uint64_t clock_step;  /* times that somebody set the clock */
	uint64_t unstamped;   /* answered, without the stamp that gives an RTT */
};

typedef void pinger_cb(const struct pinger_result *result, void *ctx);

/*
 * Opens both families; one that the host lacks only fails when it is sent to
 * (-EAFNOSUPPORT).  On failure err says what to do (ping_group_range, CAP_NET_RAW).
 */
int pinger_new(const struct pinger_opts *opts, struct pinger **out, struct err *err);
void pinger_free(struct pinger *p);

/*
 * Where the stamps come from, now and until pinger_settle(): of all sockets the
 * weakest. A probe whose RTT would have another source has none.
 */
enum stamp pinger_stamp(const struct pinger *p);
/*
 * Between two windows: where the stamps of a source fail to come, go over to the next.
 * True if that changed anything; the probes that are under way then get no RTT.
 */
bool pinger_settle(struct pinger *p);

/* "ping socket", "raw socket" or both, for the line at start. */
const char *pinger_mode(const struct pinger *p);
/*
 * Does pinger_send() return what an interface says of a packet, such as -ENOKEY?  Not
 * if the host grants no more than a ping socket for IPv6.
 */
bool pinger_hears(const struct pinger *p, const struct addr *to);

/*
 * Send one probe.  0 and *seq, or -errno: what the kernel said, such as -ENOKEY
 * (no WireGuard peer has this address), -EDESTADDRREQ (peer without endpoint),
 * -EMSGSIZE, -ENETUNREACH, -EPERM (firewall).  Nothing is pending after a failure.
 */
int pinger_send(struct pinger *p, const struct pinger_probe *probe, struct mono now,
    uint64_t *seq);

/*
 * Many probes: pinger_queue() counts one as sent now, pinger_flush() hands all of them
 * to the kernel in few system calls and calls cb, as pinger_drain() does, with those
 * that are UNSENT.  A full queue flushes itself, so the same cb belongs to both.
 * Returns the sequence.  The host must have the family (-EAFNOSUPPORT is told as UNSENT
 * as well).
 */
uint64_t pinger_queue(struct pinger *p, const struct pinger_probe *probe,
    struct mono now, pinger_cb *cb, void *ctx);
void pinger_flush(struct pinger *p, pinger_cb *cb, void *ctx);

/*
 * Read what has come, then expire by now; calls cb once a result.  cb may send but not
 * free.  Returns the number of probes still in flight.
 */
size_t pinger_drain(struct pinger *p, struct mono now, pinger_cb *cb, void *ctx);

/* Cumulative since pinger_new(). */
struct pinger_counts pinger_counts(const struct pinger *p);

/*
 * File descriptors for callers that would rather wake on an answer than on a tick;
 * fills fds and returns how many.
 */
size_t pinger_fds(const struct pinger *p, int fds[PINGER_FDS]);

#endif
