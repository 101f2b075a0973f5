/* SPDX-License-Identifier: MIT */
/*
 * The probes that are under way, and those that were a short while ago.
 *
 * Sequence numbers are dense, so the table is a ring indexed by them and every
 * operation is O(1) amortised.  A probe is flying, answered or lost; it is remembered
 * for FLIGHT_LATE_NS beyond its timeout so that late answers and duplicates are known
 * for what they are.  The ring doubles as needed: no limit on rate or timeout.  16
 * bytes a probe, since 10,000 targets at one a second keep 130,000 of them.
 */
#ifndef COMMON_FLIGHT_H
#define COMMON_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

#define FLIGHT_LATE_NS	 (10 * NS_PER_S) /* an answer later than this is unknown */
#define FLIGHT_SLOTS_MAX (1u << 24)	 /* slots are the caller's small numbers */
#define FLIGHT_MARK_MAX	 63u		 /* six bits of the sender's own */

struct flight;

struct flight_probe {
	uint64_t seq;
	uint32_t slot;
	uint8_t mark;	  /* the sender's own, 0..FLIGHT_MARK_MAX, kept as given */
	struct mono sent; /* kept to the us */
	int64_t stamp_ns; /* the sender's own time stamp; 0 = none yet */
};

enum flight_fate { FLIGHT_ANSWERED, FLIGHT_LATE, FLIGHT_DUPLICATE };

struct flight_answer {
	enum flight_fate fate;
	bool expired;	/* LATE, and flight_expire() has not told it yet nor ever will:
			   tell the loss first */
	bool reordered; /* a later probe of this slot was answered before */
};

struct flight *flight_new(int64_t timeout_ns);
void flight_free(struct flight *f);

/* The sequence number that the next flight_add() will give; starts at 0. */
uint64_t flight_next(const struct flight *f);

/* Take off.  now must not go backwards; probe->seq is ignored, the new one returned. */
uint64_t flight_add(struct flight *f, const struct flight_probe *probe);

/* False for what never flew, was cancelled or is forgotten.  sent is not filled in. */
bool flight_find(const struct flight *f, uint32_t slot, uint64_t seq,
    struct flight_probe *out);

/* The time stamp of a probe that has none yet; what is unknown is passed over. */
void flight_stamp(struct flight *f, uint32_t slot, uint64_t seq, int64_t stamp_ns);

/* A probe that could not be sent after all: it never flew. */
void flight_cancel(struct flight *f, uint64_t seq);

/* An answer to a probe that flight_find() knows, elapsed_ns after it was sent. */
struct flight_answer flight_answer(struct flight *f, uint64_t seq, int64_t elapsed_ns);

/* The next probe that is lost by now, once each; false when there is no more. */
bool flight_expire(struct flight *f, struct mono now, uint32_t *slot, uint64_t *seq);

/* How many are flying. */
size_t flight_count(const struct flight *f);

#endif
