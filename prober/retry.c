/* SPDX-License-Identifier: MIT */
/*
 * Full jitter: the pause is anything up to the bound, so that the nodes of a mesh that
 * lost their collector together do not come back together.
 */
#include "prober/retry.h"

#define BACKOFF_MIN_MS	  1000u
#define BACKOFF_MAX_MS	  60000u
#define FORBIDDEN_MS	  60000u
#define RETRY_AFTER_MAX_S 600	/* a typing error over there must not silence us here */
#define SPREAD_MS	  1000u /* on top of Retry-After: all were told the same */

/* xorshift64: spreads retries, protects nothing. */
static uint32_t
random_below(struct retry *r, uint32_t bound)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return (uint32_t)(r->random % bound);
}

static uint32_t
backoff_ms(struct retry *r)
{
	uint32_t bound = BACKOFF_MAX_MS;

	if (r->failures < 6) /* 2^6 s is over the maximum */
		bound = BACKOFF_MIN_MS << r->failures;
	r->failures++;
	return 1 + random_below(r, bound);
}

struct retry_verdict
retry_judge(struct retry *r, long status, int64_t retry_after_s)
{
	struct retry_verdict v = { .fate = RETRY_KEEP };

	if (status >= 200 && status < 300)
		v.fate = RETRY_DELIVERED;
	else if (status == 400 || status == 413 || status == 415)
		v.fate = RETRY_REFUSED;
	if (v.fate != RETRY_KEEP) {
		r->failures = 0;
		return v;
	}
	if (retry_after_s > RETRY_AFTER_MAX_S)
		retry_after_s = RETRY_AFTER_MAX_S;
	if (status == 401 || status == 403)
		v.pause_ms = FORBIDDEN_MS + random_below(r, SPREAD_MS);
	else if ((status == 429 || status == 503) && retry_after_s > 0)
		v.pause_ms =
		    (uint32_t)retry_after_s * 1000 + random_below(r, SPREAD_MS);
	else
		v.pause_ms = backoff_ms(r);
	return v;
}
