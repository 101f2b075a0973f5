/* SPDX-License-Identifier: MIT */
/*
 * What an HTTP status means for the report that was sent, and how long to wait before
 * the next attempt.  Pure: the randomness is a seed.
 */
#ifndef PROBER_RETRY_H
#define PROBER_RETRY_H

#include <stdint.h>

enum retry_fate {
	RETRY_DELIVERED,
	RETRY_REFUSED, /* this report will never do: drop it */
	RETRY_KEEP     /* try again after the pause */
};

struct retry {
	unsigned failures; /* in a row */
	uint64_t random;   /* seed, then state; any value but 0 */
};

struct retry_verdict {
	enum retry_fate fate;
	uint32_t pause_ms; /* of KEEP */
};

/*
 * status: of HTTP, 0 for a network error.  retry_after_s: of that header, 0 for none.
 *
 * 2xx delivered; 400, 413, 415 refused; 401, 403 keep, for a minute, since a person has
 * to act first; 429, 503 keep, for as long as the header says; all else keep, for a
 * pause that grows from 1 s to 60 s, with full jitter.
 */
struct retry_verdict retry_judge(struct retry *r, long status, int64_t retry_after_s);

#endif
