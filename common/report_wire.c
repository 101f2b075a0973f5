/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a report; meshopt-report(5) has the layout.  Invariant: a report
 * has exactly one encoding (shortest varints, a flag set only where something follows,
 * no empty group, no peer in two groups that touch), so equal bytes mean equal reports
 * and a stored body can be compared without decoding it.
 */
#include "common/report.h"

#include <errno.h>
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
	w.end = out + (cap < REPORT_STORED_BYTES_MAX ? cap : REPORT_STORED_BYTES_MAX);
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

/* All of a report but its rows, of which *groups follow. */
static void
get_head(struct wire_in *in, struct report *r, uint64_t *groups)
{
	wire_get_string(in, r->node, sizeof(r->node));
	r->boot = wire_get_u64(in);
	r->seq = wire_get_uint(in, INT64_MAX);
	r->start.ns = (int64_t)wire_get_uint(in, INT64_MAX / NS_PER_MS) * NS_PER_MS;
	r->length_ms = get_u32(in);
	r->stamp = (enum stamp)wire_get_byte(in);
	r->spoofed = wire_get_uint(in, INT64_MAX);
	r->local_drop = wire_get_uint(in, INT64_MAX);
	*groups = wire_get_uint(in, REPORT_ROWS_MAX);
}

/* The head of a group: the peer of its rows, which is not that of the group before. */
static void
get_group(struct report_walk *w)
{
	char peer[MESH_NAME_MAX];
	int order;

	wire_get_string(&w->in, peer, sizeof(peer));
	w->rows = wire_get_uint(&w->in, REPORT_ROWS_MAX - w->n_rows);
	order = w->n_rows > 0 && !w->skip ? strcmp(peer, w->row.peer) : 1;
	if (w->rows == 0 || order == 0)
		w->in.bad = true;
	if (order < 0)
		w->ordered = false;
	memcpy(w->row.peer, peer, sizeof(peer));
	w->path_next = 0;
	w->groups--;
}

static int
cut_off(const struct report_walk *w, struct err *err)
{
	return err_set(err, "report: cut off or malformed at byte %zu of %zu",
	    (size_t)(w->in.p - w->begin), w->len);
}

int
report_walk_start(struct report_walk *w, const uint8_t *in, size_t len, struct err *err)
{
	const size_t magic = sizeof(MAGIC); /* with the version where C has its 0 */
	struct sketch kept = w->row.rtt;

	*w = (struct report_walk){ .begin = in, .len = len, .ordered = true };
	w->row.rtt = kept;
	if (len > REPORT_STORED_BYTES_MAX)
		return err_set(err, "report: %zu bytes are more than %d", len,
		    REPORT_STORED_BYTES_MAX);
	if (len < magic || memcmp(in, MAGIC, magic - 1) != 0)
		return err_set(err, "report: does not begin as a report (" MAGIC ")");
	if (in[magic - 1] != REPORT_VERSION)
		return err_set(err, "report: version %u: only %d is known here",
		    in[magic - 1], REPORT_VERSION);
	w->in = (struct wire_in){ .p = in + magic, .end = in + len };
	get_head(&w->in, &w->head, &w->groups);
	return w->in.bad ? cut_off(w, err) : report_check_head(&w->head, err);
}

static void
skip_uints(struct wire_in *in, uint64_t n)
{
	const uint8_t *p = in->p;

	for (; n > 0 && p < in->end; p++)
		n -= *p < 0x80; /* the last byte of a number */
	in->bad = in->bad || n > 0;
	in->p = p;
}

/* Pass over rows that are not wanted, as far as the group goes. */
static void
skip_rows(struct report_walk *w)
{
	struct wire_in *in = &w->in;

	while (w->rows > 0 && in->p < in->end && !in->bad &&
	       w->skip >> (*in->p & HEAD_PATH) & 1) {
		unsigned head = *in->p++;

		skip_uints(in, 1u + !!(head & HEAD_LOST) + (head & HEAD_ODD ? 3u : 0u));
		if (head & HEAD_TIMES) {
			skip_uints(in, 4);
			skip_uints(in, 2 * wire_get_uint(in, SKETCH_BUCKETS));
		}
		w->rows--;
		w->n_rows++;
	}
}

/* As report_walk_next(), without a look at whether a row was there twice. */
static int
step(struct report_walk *w, struct err *err)
{
	struct report_row *row = &w->row;

	if (w->trusted && w->skip) {
		skip_rows(w);
		while (w->rows == 0 && w->groups > 0 && !w->in.bad) {
			get_group(w);
			skip_rows(w);
		}
		if (w->in.bad)
			return cut_off(w, err);
	}

	if (w->rows == 0 && w->groups == 0) {
		if (w->in.p == w->in.end)
			return 0;
		return err_set(err, "report: %zu bytes after its end",
		    (size_t)(w->in.end - w->in.p));
	}
	if (w->rows == 0)
		get_group(w);
	w->rows--;
	row->lost = row->late = row->duplicate = row->reordered = 0;
	row->min_us = row->mean_us = row->max_us = row->jitter_us = 0;
	sketch_clear(&row->rtt);
	get_row(&w->in, row);
	if (w->in.bad)
		return cut_off(w, err);
	if ((unsigned)row->path < w->path_next)
		w->ordered = false;
	w->path_next = (unsigned)row->path + 1;
	if (!w->trusted && report_check_row(&w->head, row, w->n_rows, err) < 0)
		return -EINVAL;
	w->n_rows++;
	return 1;
}

int
report_walk_next(struct report_walk *w, struct err *err)
{
	struct report whole;
	int r = step(w, err);

	/* In order nothing can be there twice; else all of them must be looked at. */
	if (r != 0 || w->ordered || w->trusted)
		return r;
	r = report_decode(&whole, w->begin, w->len, err);
	report_fini(&whole);
	return r;
}

void
report_walk_fini(struct report_walk *w)
{
	sketch_fini(&w->row.rtt);
}

int
report_decode(struct report *r, const uint8_t *in, size_t len, struct err *err)
{
	struct report_walk w = { 0 };
	int rc = report_walk_start(&w, in, len, err);

	*r = w.head;
	while (rc >= 0 && (rc = step(&w, err)) > 0) {
		*report_add(r) = w.row;
		w.row.rtt = (struct sketch){ 0 }; /* moved */
	}
	if (rc == 0 && !w.ordered)
		rc = report_check_twice(r, err);
	if (rc < 0)
		report_fini(r);
	report_walk_fini(&w);
	return rc;
}
