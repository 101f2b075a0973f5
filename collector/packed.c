/* SPDX-License-Identifier: MIT */
#include "collector/packed.h"

#include <assert.h>
#include <string.h>

/* In the lowest bits of a row's first number; above them is the step from place to
 * place, which then fits into the same byte. */
#define HAS_LOST  1u
#define HAS_TIMES 2u
#define HAS_OLD	  4u
#define FLAG_BITS 3

static uint32_t
add_u32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static uint64_t
add_u64(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* What the sum of the RTTs is at least: it is kept as what it has above that. */
static uint64_t
floor_us(const struct packed *row)
{
	uint64_t samples = sketch_count(&row->rtt);

	return row->min_us * (samples > UINT32_MAX ? UINT32_MAX : samples);
}

void
packed_put(struct wire_out *out, const struct packed *row, size_t *at)
{
	uint64_t flags = (row->lost ? HAS_LOST : 0) | (row->rtt.n ? HAS_TIMES : 0) |
			 (row->old_ms ? HAS_OLD : 0);
	uint64_t floor = floor_us(row);
	size_t n;

	wire_put_uint(out, (uint64_t)(row->at - *at) << FLAG_BITS | flags);
	*at = row->at;
	wire_put_uint(out, row->sent);
	if (row->lost)
		wire_put_uint(out, row->lost);
	if (row->old_ms)
		wire_put_uint(out, row->old_ms);
	if (!row->rtt.n)
		return;
	wire_put_uint(out, row->min_us);
	wire_put_uint(out, row->max_us - row->min_us);
	wire_put_uint(out, row->rtt_us > floor ? row->rtt_us - floor : 0);
	wire_put_uint(out, row->jitter_us);
	n = sketch_encode(&row->rtt, out->p, wire_out_left(out));
	assert(n > 0);
	out->p += n;
}

static uint32_t
get_u32(struct wire_in *in)
{
	return (uint32_t)wire_get_uint(in, UINT32_MAX);
}

bool
packed_get(struct wire_in *in, struct packed *row, size_t *at)
{
	uint64_t first, above;

	if (wire_in_left(in) == 0)
		return false;
	packed_clear(row);
	first = wire_get_uint(in, UINT64_MAX);
	*at = row->at = *at + (size_t)(first >> FLAG_BITS);
	row->sent = get_u32(in);
	if (first & HAS_LOST)
		row->lost = get_u32(in);
	if (first & HAS_OLD)
		row->old_ms = wire_get_uint(in, UINT64_MAX);
	if (first & HAS_TIMES) {
		row->min_us = get_u32(in);
		row->max_us = row->min_us + get_u32(in);
		above = wire_get_uint(in, UINT64_MAX);
		row->jitter_us = wire_get_uint(in, UINT64_MAX);
		in->p += sketch_decode(&row->rtt, in->p, wire_in_left(in));
		row->rtt_us = add_u64(above, floor_us(row));
	}
	assert(!in->bad);
	return true;
}

void
packed_from_row(struct packed *out, const struct report_row *row)
{
	uint64_t samples = sketch_count(&row->rtt);

	packed_clear(out);
	out->sent = row->sent;
	out->lost = row->lost;
	if (samples == 0)
		return;
	out->min_us = row->min_us;
	out->max_us = row->max_us;
	/* No more samples than answers, says report_check(): 32 bits times 26. */
	out->rtt_us = row->mean_us * samples;
	out->jitter_us = row->jitter_us * samples;
	sketch_merge(&out->rtt, &row->rtt);
}

void
packed_merge(struct packed *into, const struct packed *from)
{
	into->sent = add_u32(into->sent, from->sent);
	into->lost = add_u32(into->lost, from->lost);
	if (from->old_ms < into->old_ms)
		into->old_ms = from->old_ms; /* that the newer of the two has */
	if (!from->rtt.n)
		return;
	if (!into->rtt.n || from->min_us < into->min_us)
		into->min_us = from->min_us;
	if (!into->rtt.n || from->max_us > into->max_us)
		into->max_us = from->max_us;
	into->rtt_us = add_u64(into->rtt_us, from->rtt_us);
	into->jitter_us = add_u64(into->jitter_us, from->jitter_us);
	sketch_merge(&into->rtt, &from->rtt);
}

void
packed_to_row(const struct packed *in, struct report_row *out)
{
	uint64_t samples = sketch_count(&in->rtt), mean;

	sketch_clear(&out->rtt);
	out->sent = in->sent;
	out->lost = in->lost;
	out->late = out->duplicate = out->reordered = 0;
	out->min_us = out->mean_us = out->max_us = out->jitter_us = 0;
	if (samples == 0)
		return;
	out->min_us = in->min_us;
	out->max_us = in->max_us;
	/* Sums that saturated, and counts that did, may leave the range. */
	mean = in->rtt_us / samples;
	out->mean_us = mean > in->max_us   ? in->max_us
		       : mean < in->min_us ? in->min_us
					   : (uint32_t)mean;
	out->jitter_us = (uint32_t)(in->jitter_us / samples);
	sketch_merge(&out->rtt, &in->rtt);
}

void
packed_clear(struct packed *row)
{
	struct sketch kept = row->rtt;

	*row = (struct packed){ .at = 0 };
	sketch_clear(&kept);
	row->rtt = kept;
}

void
packed_fini(struct packed *row)
{
	sketch_fini(&row->rtt);
}
