/* SPDX-License-Identifier: MIT */
/*
 * One pair on its way from the hub to its direct tunnel:
 *
 *	HUB -> STAGED -> VERIFIED -> DIRECT, or FAILED from any of them
 *
 * STAGED: the peer is set.  VERIFIED: it has shaken hands, and 10 of 10 small and 10 of
 *10 full-size probes came back in the tunnel, at the RTT that the plan promised.
 *DIRECT: the routes are in place.  Pure: it is told what happened and when, and says
 *what is to be done next; traffic goes by the hub until the last arrow and after a
 *failure.
 */
#ifndef OPTIMIZER_APPLY_PAIR_H
#define OPTIMIZER_APPLY_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

#define PAIR_PROBES	   10		     /* of each size, and all must come back */
#define PAIR_INTERVAL	   (100 * NS_PER_MS) /* between two probes of a pair */
#define PAIR_PROBE_TIMEOUT (2 * NS_PER_S)    /* four times the longest RTT expected */
#define PAIR_SMALL_BYTES   56		     /* as ping(8) */

enum pair_phase { PAIR_HUB, PAIR_STAGED, PAIR_VERIFIED, PAIR_DIRECT, PAIR_FAILED };

enum pair_act {
	PAIR_WAIT,	  /* nothing until pair_wake() */
	PAIR_STAGE,	  /* set the peer, then pair_staged() */
	PAIR_PROBE_SMALL, /* send one, then pair_sent() */
	PAIR_PROBE_FULL,
	PAIR_ROUTE /* add the routes and read them back, then pair_routed() */
};

enum pair_size { PAIR_SMALL, PAIR_FULL, PAIR_SIZES };

/* What it needs to know; text is borrowed. */
struct pair_opts {
	const char *name;     /* of the peer */
	const char *listener; /* of the end whose UDP port must be open */
	uint16_t port;	      /* that port */
	int64_t promise_us;   /* negative: unknown */
	int64_t wait_ns;      /* for the handshake */
	size_t full_bytes;    /* payload of a full-size probe */
	bool routes;	      /* false: the peer is all that was missing */
};

struct pair_count {
	unsigned sent, answered, lost; /* lost: or refused by the kernel */
};

struct pair {
	struct pair_opts opts;
	enum pair_phase phase;
	bool shaken;	   /* the handshake was seen */
	struct mono since; /* STAGED: since when */
	struct mono next_probe;
	struct mono verdict_by; /* no probe is awaited longer */
	struct pair_count count[PAIR_SIZES];
	int64_t rtt_us[PAIR_PROBES]; /* of the small ones, as they came */
	unsigned n_rtt;
	int send_errno; /* of a probe that was refused, negative */
	struct err why; /* FAILED */
};

void pair_init(struct pair *p, const struct pair_opts *opts);

/* What is to be done now.  Ask again after doing it, until PAIR_WAIT. */
enum pair_act pair_next(struct pair *p, struct mono now);

/* When to ask again; INT64_MAX when it has arrived. */
struct mono pair_wake(const struct pair *p);

bool pair_is_over(const struct pair *p);
bool pair_awaits_handshake(const struct pair *p);

void pair_staged(struct pair *p, struct mono now);
void pair_shaken(struct pair *p, struct mono now);
/* rc: 0 or -errno of sending. */
void pair_sent(struct pair *p, enum pair_size size, int rc, struct mono now);
/* rtt_us < 0: answered, but its time was spoilt. */
void pair_answered(struct pair *p, enum pair_size size, int64_t rtt_us);
void pair_lost(struct pair *p, enum pair_size size);
void pair_routed(struct pair *p);
void pair_fail(struct pair *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Median RTT in the tunnel, or -1. */
int64_t pair_median_us(const struct pair *p);

/* The longest RTT that keeps the promise, or -1 without one. */
int64_t pair_limit_us(int64_t promise_us);

const char *pair_phase_name(enum pair_phase phase);

#endif
