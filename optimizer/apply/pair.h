/* SPDX-License-Identifier: MIT */
/*
 * The test of one path: 10 of 10 small and 10 of 10 full-size probes come back in the
 * tunnel, at the RTT that the plan promised.  Pure: it is told what happened and when,
 * and says which probe is next.
 */
#ifndef OPTIMIZER_APPLY_PAIR_H
#define OPTIMIZER_APPLY_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

#define PAIR_PROBES	   10		     /* of each size, and all must come back */
#define PAIR_INTERVAL	   (100 * NS_PER_MS) /* between two probes of a pair */
#define PAIR_PROBE_TIMEOUT (2 * NS_PER_S)    /* four times the longest RTT expected */
#define PAIR_SMALL_BYTES   56		     /* as ping(8) */

enum pair_phase { PAIR_PROBING, PAIR_VERIFIED, PAIR_FAILED };

/* What to send, and then pair_sent(); or nothing until pair_wake(). */
enum pair_act { PAIR_WAIT, PAIR_PROBE_SMALL, PAIR_PROBE_FULL };

enum pair_size { PAIR_SMALL, PAIR_FULL, PAIR_SIZES };

/* What it needs to know; text is borrowed. */
struct pair_opts {
	const char *name;   /* of the peer */
	int64_t promise_us; /* negative: unknown */
	size_t full_bytes;  /* payload of a full-size probe */
};

struct pair_count {
	unsigned sent, answered, lost; /* lost: or refused by the kernel */
};

struct pair {
	struct pair_opts opts;
	enum pair_phase phase;
	struct mono next_probe;
	struct mono verdict_by; /* no probe is awaited longer */
	struct pair_count count[PAIR_SIZES];
	int64_t rtt_us[PAIR_PROBES]; /* of the small ones, as they came */
	unsigned n_rtt;
	int send_errno; /* of a probe that was refused, negative */
	struct err why; /* FAILED */
};

void pair_begin(struct pair *p, const struct pair_opts *opts, struct mono now);

/* Ask again after sending, until PAIR_WAIT. */
enum pair_act pair_next(struct pair *p, struct mono now);

/* When to ask again; INT64_MAX when it is over. */
struct mono pair_wake(const struct pair *p);

/* rc: 0 or -errno of sending. */
void pair_sent(struct pair *p, enum pair_size size, int rc, struct mono now);
/* rtt_us < 0: answered, but its time was spoilt. */
void pair_answered(struct pair *p, enum pair_size size, int64_t rtt_us);
void pair_lost(struct pair *p, enum pair_size size);
/* Median RTT in the tunnel, or -1. */
int64_t pair_median_us(const struct pair *p);

/* The longest RTT that keeps the promise, or -1 without one. */
int64_t pair_limit_us(int64_t promise_us);

#endif
