/* SPDX-License-Identifier: MIT */
/*
 * A segment of the spool after a crash: whatever it holds, the walk ends, each record
 * lies within it and proves itself, and records and damage add up to the whole.
 *
 * links: prober/spool_record.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "prober/spool_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	uint64_t damaged = 0, seen = 0;
	struct spool_record r;
	size_t at = 0;

	while (spool_record_next(in, len, &at, &r, &damaged)) {
		uint8_t head[SPOOL_RECORD_HEAD];
		const uint8_t *record = in + r.at - SPOOL_RECORD_HEAD;

		assert(r.at + r.len == at && at <= len && r.id <= SPOOL_ID_MAX);
		assert(spool_record_is(record, r.id, r.len));
		spool_record_head(r.id, in + r.at, r.len, head);
		assert(memcmp(head, record, sizeof(head)) == 0);
		seen += SPOOL_RECORD_HEAD + r.len;
	}
	assert(seen + damaged == len);
	return 0;
}
