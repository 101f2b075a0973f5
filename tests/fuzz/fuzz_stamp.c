/* SPDX-License-Identifier: MIT */
/*
 * STAMP packets, as request and as reply: nothing is read beyond its end, and what is
 * accepted writes back to the same fields.
 *
 * Input: a byte, odd = authenticated with the key of the corpus, then the packet.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static const struct stamp_key key = { { 1, 2, 3, 4 } };

static void
as_request(const uint8_t *in, size_t len, const struct stamp_key *k)
{
	uint8_t again[STAMP_BYTES_MAX];
	struct stamp_request r, back;

	if (stamp_get_request(in, len, k, &r) < 0)
		return;
	stamp_put_request(&r, k, again, len);
	assert(stamp_get_request(again, len, k, &back) == 0);
	assert(r.seq == back.seq && r.when == back.when && r.error == back.error);
}

static void
as_reply(const uint8_t *in, size_t len, const struct stamp_key *k)
{
	uint8_t again[STAMP_BYTES_MAX];
	struct stamp_reply r, back;

	if (stamp_get_reply(in, len, k, &r) < 0)
		return;
	memcpy(again, in, len);
	stamp_put_reply(&r, k, again);
	assert(stamp_get_reply(again, len, k, &back) == 0);
	assert(r.seq == back.seq && r.when == back.when && r.error == back.error &&
	       r.received == back.received && r.sender_seq == back.sender_seq &&
	       r.sender_when == back.sender_when && r.ttl == back.ttl);
	assert(stamp_dwell_ns(&r) == stamp_dwell_ns(&back) && stamp_dwell_ns(&r) >= -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	const struct stamp_key *k;

	if (len < 1 || len > STAMP_BYTES_MAX)
		return 0;
	k = in[0] & 1 ? &key : NULL;
	as_request(in + 1, len - 1, k);
	as_reply(in + 1, len - 1, k);
	return 0;
}
