/* SPDX-License-Identifier: MIT */
/*
 * A magic number before each record rather than a length alone: a length that is
 * damaged would take all the records behind it with it.
 */
#include "prober/spool_record.h"

#include <string.h>

#include "common/bigend.h"
#include "common/crc32c.h"
#include "common/report.h"

#define AT_ID  4
#define AT_LEN 12
#define AT_CRC 16

static const uint8_t magic[AT_ID] = { 'M', 'S', 'R', '1' };

static uint32_t
sum(const uint8_t *head, const uint8_t *body, size_t len)
{
	return crc32c(crc32c(0, head + AT_ID, AT_CRC - AT_ID), body, len);
}

void
spool_record_head(uint64_t id, const uint8_t *body, size_t len,
    uint8_t head[SPOOL_RECORD_HEAD])
{
	memcpy(head, magic, sizeof(magic));
	bigend_put(head + AT_ID, id, 8);
	bigend_put(head + AT_LEN, len, 4);
	bigend_put(head + AT_CRC, sum(head, body, len), 4);
}

/* The length of the body of the whole record at p, or SIZE_MAX. */
static size_t
whole(const uint8_t *p, size_t left)
{
	size_t len;

	if (left < SPOOL_RECORD_HEAD || memcmp(p, magic, sizeof(magic)) != 0)
		return SIZE_MAX;
	len = bigend_get(p + AT_LEN, 4);
	if (len > REPORT_BYTES_MAX || len > left - SPOOL_RECORD_HEAD ||
	    bigend_get(p + AT_ID, 8) > SPOOL_ID_MAX ||
	    bigend_get(p + AT_CRC, 4) != sum(p, p + SPOOL_RECORD_HEAD, len))
		return SIZE_MAX;
	return len;
}

bool
spool_record_next(const uint8_t *segment, size_t len, size_t *at,
    struct spool_record *out, uint64_t *damaged)
{
	for (; *at < len; ++*at, ++*damaged) {
		size_t body = whole(segment + *at, len - *at);

		if (body == SIZE_MAX)
			continue;
		out->id = bigend_get(segment + *at + AT_ID, 8);
		out->at = *at + SPOOL_RECORD_HEAD;
		out->len = body;
		*at = out->at + body;
		return true;
	}
	return false;
}

bool
spool_record_is(const uint8_t *record, uint64_t id, size_t len)
{
	return whole(record, SPOOL_RECORD_HEAD + len) == len &&
	       bigend_get(record + AT_ID, 8) == id;
}
