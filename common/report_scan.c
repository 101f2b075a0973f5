/* SPDX-License-Identifier: MIT */
/*
 * The cursor is a local variable, which stays in a register where that of wire.h, being
 * part of a struct, goes through memory at every number.  No number of a row has more
 * than 32 bits, so all that were read are or-ed together and looked at once.
 */
#include "common/report_scan.h"

#include <errno.h>
#include <string.h>

/* As in report_wire.c. */
#define HEAD_PATH  0x03u
#define HEAD_LOST  0x04u
#define HEAD_ODD   0x08u
#define HEAD_TIMES 0x10u

#define TOPS UINT64_C(0x8080808080808080)

/* A number of any length; beyond the end it is one that no row has. */
static uint64_t
get_long(const uint8_t **at, const uint8_t *end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
		uint8_t byte = *(*at)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	*at = end;
	return UINT64_MAX;
}

static inline uint64_t
get(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	uint64_t v;

	if (end - p < 3)
		return get_long(at, end);
	v = p[0];
	if (v < 0x80) {
		*at = p + 1;
		return v;
	}
	v = (v & 0x7f) | (uint64_t)p[1] << 7;
	if (p[1] < 0x80) {
		*at = p + 2;
		return v;
	}
	if (p[2] >= 0x80)
		return get_long(at, end);
	*at = p + 3;
	return (v & 0x3fff) | (uint64_t)p[2] << 14;
}

/* Past n numbers; NULL if there are less.  Each ends in a byte without its top bit. */
static inline const uint8_t *
skip(const uint8_t *p, const uint8_t *end, uint64_t n)
{
	while (end - p >= 8) {
		uint64_t word, ends;
		unsigned here;

		memcpy(&word, p, sizeof(word));
		ends = ~word & TOPS;
		here = (unsigned)((ends >> 7) * UINT64_C(0x0101010101010101) >> 56);
		if (here >= n)
			break;
		n -= here;
		p += 8;
	}
	for (; n > 0 && p < end; p++)
		n -= *p < 0x80;
	return n > 0 ? NULL : p;
}

/* Past a row, its head byte read. */
static inline const uint8_t *
skip_row(const uint8_t *p, const uint8_t *end, unsigned head)
{
	uint64_t n = 1u + !!(head & HEAD_LOST) + (head & HEAD_ODD ? 3u : 0u);

	if (!(head & HEAD_TIMES))
		return skip(p, end, n);
	p = skip(p, end, n + 4);
	if (!p)
		return NULL;
	n = get(&p, end);
	return n > SKETCH_BUCKETS ? NULL : skip(p, end, 2 * n);
}

/* Buckets; NULL if they are not sound. */
static inline const uint8_t *
get_buckets(struct report_scan *s, const uint8_t *p, const uint8_t *end)
{
	uint64_t n = get(&p, end), index = 0, samples = 0, all = 0;

	if (n == 0 || n > SKETCH_BUCKETS)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		uint64_t step = get(&p, end), count = get(&p, end);

		all |= step | count;
		index += step;
		samples += count;
		if (index >= SKETCH_BUCKETS || (i > 0 && step == 0))
			return NULL;
		s->buckets[i] =
		    (struct sketch_bucket){ (uint16_t)index, (uint32_t)count };
	}
	s->n = (size_t)n;
	s->samples = samples;
	return all > UINT32_MAX ? NULL : p;
}

/* A row, its head byte read; NULL if it is not sound. */
static inline const uint8_t *
get_row(struct report_scan *s, const uint8_t *p, const uint8_t *end, unsigned head)
{
	uint64_t sent = get(&p, end), lost = 0, all = sent;
	uint64_t min, above, over, jitter;

	if (head & HEAD_LOST)
		all |= lost = get(&p, end);
	if (head & HEAD_ODD)
		for (int i = 0; i < 3; i++)
			all |= get(&p, end);
	s->path = (enum path)(head & HEAD_PATH);
	s->sent = (uint32_t)sent;
	s->lost = (uint32_t)lost;
	s->n = 0;
	s->samples = 0;
	if (!(head & HEAD_TIMES))
		return all > UINT32_MAX ? NULL : p;
	min = get(&p, end);
	above = get(&p, end);
	over = get(&p, end);
	jitter = get(&p, end);
	all |= min | above | over | jitter;
	s->min_us = (uint32_t)min;
	s->mean_us = (uint32_t)(min + above);
	s->max_us = (uint32_t)(min + above + over);
	s->jitter_us = (uint32_t)jitter;
	return all > UINT32_MAX ? NULL : get_buckets(s, p, end);
}

int
report_scan_start(struct report_scan *s, const uint8_t *in, size_t len, unsigned paths)
{
	s->walk.row.rtt = (struct sketch){ 0 }; /* is not used */
	if (report_walk_start(&s->walk, in, len, NULL) < 0)
		return -EBADMSG;
	s->paths = paths;
	s->p = s->walk.in.p;
	s->end = s->walk.in.end;
	s->groups = s->walk.groups;
	s->rows = 0;
	s->group = 0;
	return 0;
}

static inline const uint8_t *
get_group(struct report_scan *s, const uint8_t *p, const uint8_t *end)
{
	if (p == end || *p >= MESH_NAME_MAX || *p >= end - p)
		return NULL;
	s->peer_len = *p++;
	s->peer = (const char *)p;
	p += s->peer_len;
	s->rows = get(&p, end);
	s->group++;
	s->groups--;
	return s->rows == 0 || s->rows > REPORT_ROWS_MAX ? NULL : p;
}

int
report_scan_next(struct report_scan *s)
{
	const uint8_t *p = s->p, *end = s->end;
	unsigned head;

	for (;;) {
		if (s->rows == 0 && s->groups == 0)
			return p == end ? 0 : -EBADMSG;
		if (s->rows == 0)
			p = get_group(s, p, end);
		if (!p || p == end)
			return -EBADMSG;
		head = *p++;
		s->rows--;
		if (s->paths >> (head & HEAD_PATH) & 1)
			break;
		p = skip_row(p, end, head);
		if (!p)
			return -EBADMSG;
	}
	p = get_row(s, p, end, head);
	if (!p)
		return -EBADMSG;
	s->p = p;
	return 1;
}
