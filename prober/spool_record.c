/* SPDX-License-Identifier: MIT */
/*
 * A magic number before each record rather than a length alone: a length that is
 * damaged would take all the records behind it with it.
 */
#include "prober/spool_record.h"

#include <string.h>

#include "common/crc32c.h"
#include "common/report.h"

#define AT_ID  4
#define AT_LEN 12
#define AT_CRC 16

static const uint8_t magic[AT_ID] = { 'M', 'S', 'R', '1' };

static void
put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static uint64_t
get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

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
	put(head + AT_ID, id, 8);
	put(head + AT_LEN, len, 4);
	put(head + AT_CRC, sum(head, body, len), 4);
}

/* The length of the body of the whole record at p, or SIZE_MAX. */
static size_t
whole(const uint8_t *p, size_t left)
{
	size_t len;

	if (left < SPOOL_RECORD_HEAD || memcmp(p, magic, sizeof(magic)) != 0)
		return SIZE_MAX;
	len = get(p + AT_LEN, 4);
	if (len > REPORT_BYTES_MAX || len > left - SPOOL_RECORD_HEAD ||
	    get(p + AT_ID, 8) > SPOOL_ID_MAX ||
	    get(p + AT_CRC, 4) != sum(p, p + SPOOL_RECORD_HEAD, len))
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
		out->id = get(segment + *at + AT_ID, 8);
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
	       get(record + AT_ID, 8) == id;
}
