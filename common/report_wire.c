/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a report; meshopt-report(5) has the layout.  Invariant: a report
 * has exactly one encoding (shortest varints, a flag set only where something follows,
 * no empty group, no peer in two groups that touch), so equal bytes mean equal reports
 * and a stored body can be compared without decoding it.
 */
#include "common/report.h"

#include <string.h>

#include "common/wire.h"

#define MAGIC "MOR"

/* The first byte of a row: its path, and which parts follow. */
#define HEAD_PATH  0x03u
#define HEAD_LOST  0x04u
#define HEAD_ODD   0x08u /* late, duplicate, reordered: all 0 on a sound network */
#define HEAD_TIMES 0x10u

static bool
has_odd(const struct report_row *row)
{
	return row->late || row->duplicate || row->reordered;
}

static void
put_row(struct wire_out *out, const struct report_row *row)
{
	unsigned head = row->path;
	size_t n;

	head |= row->lost ? HEAD_LOST : 0;
	head |= has_odd(row) ? HEAD_ODD : 0;
	head |= row->rtt.n ? HEAD_TIMES : 0;
	wire_put_byte(out, (uint8_t)head);
	wire_put_uint(out, row->sent);
	if (head & HEAD_LOST)
		wire_put_uint(out, row->lost);
	if (head & HEAD_ODD) {
		wire_put_uint(out, row->late);
		wire_put_uint(out, row->duplicate);
		wire_put_uint(out, row->reordered);
	}
	if (!(head & HEAD_TIMES))
		return;
	wire_put_uint(out, row->min_us);
	wire_put_uint(out, row->mean_us - row->min_us);
	wire_put_uint(out, row->max_us - row->mean_us);
	wire_put_uint(out, row->jitter_us);
	n = sketch_encode(&row->rtt, out->p, wire_out_left(out));
	out->bad = out->bad || n == 0;
	out->p += n;
}

/* How many rows from i on are of one peer. */
static size_t
group_size(const struct report *r, size_t i)
{
	size_t n = 1;

	while (i + n < r->n_rows && strcmp(r->rows[i].peer, r->rows[i + n].peer) == 0)
		n++;
	return n;
}

static void
put_rows(struct wire_out *out, const struct report *r)
{
	size_t groups = 0, n;

	for (size_t i = 0; i < r->n_rows; i += group_size(r, i))
		groups++;
	wire_put_uint(out, groups);
	for (size_t i = 0; i < r->n_rows; i += n) {
		n = group_size(r, i);
		wire_put_string(out, r->rows[i].peer);
		wire_put_uint(out, n);
		for (size_t k = i; k < i + n; k++)
			put_row(out, &r->rows[k]);
	}
}

size_t
report_encode(const struct report *r, uint8_t *out, size_t cap)
{
	struct wire_out w = { .p = out };

	if (report_check(r, NULL) < 0)
		return 0;
	w.end = out + (cap < REPORT_BYTES_MAX ? cap : REPORT_BYTES_MAX);
	for (const char *p = MAGIC; *p; p++)
		wire_put_byte(&w, (uint8_t)*p);
	wire_put_byte(&w, REPORT_VERSION);
	wire_put_string(&w, r->node);
	wire_put_u64(&w, r->boot);
	wire_put_uint(&w, r->seq);
	wire_put_uint(&w, (uint64_t)(r->start.ns / NS_PER_MS));
	wire_put_uint(&w, r->length_ms);
	wire_put_byte(&w, (uint8_t)r->stamp);
	wire_put_uint(&w, r->spoofed);
	wire_put_uint(&w, r->local_drop);
	put_rows(&w, r);
	return w.bad ? 0 : (size_t)(w.p - out);
}

static uint32_t
get_u32(struct wire_in *in)
{
	return (uint32_t)wire_get_uint(in, UINT32_MAX);
}

static void
get_times(struct wire_in *in, struct report_row *row)
{
	size_t n;

	/* Sums of three numbers below 2^26 cannot overflow. */
	row->min_us = (uint32_t)wire_get_uint(in, REPORT_RTT_MAX_US);
	row->mean_us = row->min_us + (uint32_t)wire_get_uint(in, REPORT_RTT_MAX_US);
	row->max_us = row->mean_us + (uint32_t)wire_get_uint(in, REPORT_RTT_MAX_US);
	row->jitter_us = (uint32_t)wire_get_uint(in, REPORT_RTT_MAX_US);
	n = sketch_decode(&row->rtt, in->p, wire_in_left(in));
	in->bad = in->bad || n == 0 || row->rtt.n == 0;
	in->p += n;
}

static void
get_row(struct wire_in *in, struct report_row *row)
{
	unsigned head = wire_get_byte(in);

	if (head & ~(HEAD_PATH | HEAD_LOST | HEAD_ODD | HEAD_TIMES))
		in->bad = true;
	row->path = (enum path)(head & HEAD_PATH);
	row->sent = get_u32(in);
	if (head & HEAD_LOST) {
		row->lost = get_u32(in);
		in->bad = in->bad || row->lost == 0;
	}
	if (head & HEAD_ODD) {
		row->late = get_u32(in);
		row->duplicate = get_u32(in);
		row->reordered = get_u32(in);
		in->bad = in->bad || !has_odd(row);
	}
	if (head & HEAD_TIMES)
		get_times(in, row);
}

static void
get_rows(struct wire_in *in, struct report *r)
{
	char peer[MESH_NAME_MAX] = "";
	uint64_t groups = wire_get_uint(in, REPORT_ROWS_MAX);

	for (uint64_t i = 0; i < groups && !in->bad; i++) {
		uint64_t n;

		wire_get_string(in, peer, sizeof(peer));
		n = wire_get_uint(in, REPORT_ROWS_MAX - r->n_rows);
		if (n == 0 || (i > 0 && strcmp(r->rows[r->n_rows - 1].peer, peer) == 0))
			in->bad = true;
		for (; n > 0 && !in->bad; n--) {
			struct report_row *row = report_add(r);

			memcpy(row->peer, peer, sizeof(row->peer));
			get_row(in, row);
		}
	}
}

static void
get_report(struct wire_in *in, struct report *r)
{
	wire_get_string(in, r->node, sizeof(r->node));
	r->boot = wire_get_u64(in);
	r->seq = wire_get_uint(in, INT64_MAX);
	r->start.ns = (int64_t)wire_get_uint(in, INT64_MAX / NS_PER_MS) * NS_PER_MS;
	r->length_ms = get_u32(in);
	r->stamp = (enum stamp)wire_get_byte(in);
	r->spoofed = wire_get_uint(in, INT64_MAX);
	r->local_drop = wire_get_uint(in, INT64_MAX);
	get_rows(in, r);
}

int
report_decode(struct report *r, const uint8_t *in, size_t len, struct err *err)
{
	const size_t head = sizeof(MAGIC); /* with the version where C has its 0 */
	struct wire_in w;
	int rc = 0;

	*r = (struct report){ 0 };
	if (len > REPORT_BYTES_MAX)
		return err_set(err, "report: %zu bytes are more than %d", len,
		    REPORT_BYTES_MAX);
	if (len < head || memcmp(in, MAGIC, head - 1) != 0)
		return err_set(err, "report: does not begin as a report (" MAGIC ")");
	if (in[head - 1] != REPORT_VERSION)
		return err_set(err, "report: version %u: only %d is known here",
		    in[head - 1], REPORT_VERSION);
	w = (struct wire_in){ .p = in + head, .end = in + len };
	get_report(&w, r);
	if (w.bad)
		rc = err_set(err, "report: cut off or malformed at byte %zu of %zu",
		    (size_t)(w.p - in), len);
	else if (w.p != w.end)
		rc = err_set(err, "report: %zu bytes after its end",
		    (size_t)(w.end - w.p));
	else
		rc = report_check(r, err);
	if (rc < 0)
		report_fini(r);
	return rc;
}
