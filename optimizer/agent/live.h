/* SPDX-License-Identifier: MIT */
/*
 * Is a path alive?  Counts what became of the probes of one path: misses in a row, the
 * share lost of the last minute, and an RTT that is too long for too long.  Pure.
 *
 * A probe is missed when no answer came within 1.5 x RTT + 20 ms, at least 100 and at
 * most 400 ms; paths whose own RTT is near that or beyond get 1.1 x RTT + 50 ms, or
 * each of their probes would be a miss.
 *
 * A lenient path, the hub's, is not silent while late answers come: slow is not gone,
 * and what one does when the hub is gone is drastic.
 */
#ifndef OPTIMIZER_AGENT_LIVE_H
#define OPTIMIZER_AGENT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

#define LIVE_MISSES    3	       /* in a row: the path is silent */
#define LIVE_FLIGHTS   32	       /* under way; at 200 ms more than 6 s */
#define LIVE_BUCKETS   12	       /* of the window of losses ... */
#define LIVE_BUCKET_NS (5 * NS_PER_S)  /* ... of 60 s */
#define LIVE_UNKNOWN   INT64_C(-1)     /* an RTT */
#define LIVE_FIRST_NS  (1 * NS_PER_S)  /* patience before any RTT is known */
#define LIVE_NEVER     (INT64_MIN / 2) /* before all times, and safe to subtract */

struct live_flight {
	uint64_t seq;
	struct mono sent;
};

struct live {
	bool lenient; /* kept by live_restart() */
	struct live_flight flight[LIVE_FLIGHTS];
	size_t n;
	unsigned misses;	/* in a row, until now */
	unsigned good;		/* answered in a row */
	struct mono first_miss; /* when the first of these misses was sent */
	uint64_t first_miss_seq;
	struct mono answer_sent;  /* when the newest answered probe was sent */
	int64_t rtt_us;		  /* smoothed, or LIVE_UNKNOWN */
	struct mono bucket_since; /* the present one */
	unsigned sent[LIVE_BUCKETS], lost[LIVE_BUCKETS]; /* [0] is the present one */
	unsigned filled;				 /* whole buckets before it */
};

void live_init(struct live *l, bool lenient);

/* It becomes another path: what is known of its losses and RTT says nothing now. */
void live_restart(struct live *l, int64_t rtt_us);

/* sent: it left, or could not leave, which is a miss in time. */
void live_sent(struct live *l, uint64_t seq, struct mono now);

/* rtt_us < 0: its time was spoilt by the clock. */
void live_answered(struct live *l, uint64_t seq, int64_t rtt_us);

/* Count what is missed by now. */
void live_expire(struct live *l, struct mono now);

/* When the next one will be missed; INT64_MAX without one under way. */
struct mono live_deadline(const struct live *l);

int64_t live_timeout_ns(const struct live *l);

static inline bool
live_is_silent(const struct live *l)
{
	return l->misses >= LIVE_MISSES;
}

/* Has a probe been answered that was sent at `since` or later? */
static inline bool
live_answers_since(const struct live *l, struct mono since)
{
	return l->answer_sent.ns >= since.ns;
}

/* What was lost until now is not this path's fault. */
void live_forgive(struct live *l);

/* Lost of the last minute in 1/1000, or -1 before a minute was watched. */
int live_loss_permille(const struct live *l);

#endif
