/* SPDX-License-Identifier: MIT */
/*
 * The JSON form of a report, by jansson.  jansson builds a tree of everything it reads,
 * at up to 77 times the size of the input (measured with 2.14 on a list of empty
 * objects), and recurses for what is nested.  So the text is weighed before it is given
 * to jansson: the limits below hold the tree below 100 MB whatever the text.
 */
#include "common/report_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* A row of ten samples takes 250 bytes and 30 values here, 20 bytes in binary. */
#define TEXT_MAX    (4 * REPORT_BYTES_MAX)
#define OBJECTS_MAX (REPORT_ROWS_MAX + 1) /* one a row */
#define ARRAYS_MAX  (4 * REPORT_ROWS_MAX) /* one a bucket */
#define COMMAS_MAX  (512 * 1024) /* each stands for a value of about 35 bytes */
#define DEPTH_MAX   5		 /* report, rows, row, sketch, bucket */

/*
 * Digits of a real as written: ms since 1970 take 13, and with 15 every decimal still
 * comes out as it went in (0.1, not 0.10000000000000001).
 */
#define REAL_DIGITS 15

static json_t *
sketch_to_json(const struct sketch *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct sketch_bucket *b = &s->buckets[i];

		/* What fails here is missing from the size below. */
		(void)json_array_append_new(list,
		    json_pack("[iI]", (int)b->index, (json_int_t)b->count));
	}
	if (json_array_size(list) == s->n)
		return list;
	json_decref(list);
	return NULL;
}

static double
ms_of_us(int64_t us)
{
	return (double)us / US_PER_MS;
}

static json_t *
row_to_json(const struct report_row *row)
{
	json_t *o = json_pack("{ss ss sI sI sI sI sI}", "peer", row->peer, "path",
	    path_name(row->path), "sent", (json_int_t)row->sent, "lost",
	    (json_int_t)row->lost, "late", (json_int_t)row->late, "duplicate",
	    (json_int_t)row->duplicate, "reordered", (json_int_t)row->reordered);
	json_t *times;
	int rc;

	if (!o || row->rtt.n == 0)
		return o;
	times = json_pack("{sf sf sf sf sf sf so}", "min_ms", ms_of_us(row->min_us),
	    "mean_ms", ms_of_us(row->mean_us), "max_ms", ms_of_us(row->max_us),
	    "jitter_ms", ms_of_us(row->jitter_us), "p50_ms",
	    ms_of_us(report_quantile_us(row, 0.5)), "p95_ms",
	    ms_of_us(report_quantile_us(row, 0.95)), "sketch",
	    sketch_to_json(&row->rtt));
	rc = json_object_update(o, times);
	json_decref(times);
	if (rc == 0)
		return o;
	json_decref(o);
	return NULL;
}

char *
report_to_json(const struct report *r)
{
	json_t *rows = NULL, *o = NULL;
	char boot[17], *text = NULL;

	if (report_check(r, NULL) < 0)
		return NULL;
	rows = json_array();
	for (size_t i = 0; i < r->n_rows; i++)
		if (json_array_append_new(rows, row_to_json(&r->rows[i])) < 0)
			goto out;
	(void)snprintf(boot, sizeof(boot), "%016" PRIx64, r->boot); /* fits exactly */
	o = json_pack("{ss ss sI sf sI ss sI sI sO}", "node", r->node, "boot", boot,
	    "seq", (json_int_t)r->seq, "start",
	    (double)(r->start.ns / NS_PER_MS) / 1000, "length_ms",
	    (json_int_t)r->length_ms, "stamp", stamp_name(r->stamp), "spoofed",
	    (json_int_t)r->spoofed, "local_drop", (json_int_t)r->local_drop, "rows",
	    rows);
	if (o)
		text = json_dumps(o, JSON_REAL_PRECISION(REAL_DIGITS));
out:
	json_decref(o);
	json_decref(rows);
	return text;
}

/* Refuse, unread by jansson, what no report needs. */
static int
weigh(const char *in, size_t len, struct err *err)
{
	size_t objects = 0, arrays = 0, commas = 0;
	int depth = 0;
	bool quoted = false;

	if (len > TEXT_MAX)
		return err_set(err, "report: %zu bytes of JSON are more than %d", len,
		    TEXT_MAX);
	for (size_t i = 0; i < len; i++) {
		char c = in[i];

		if (c == '"')
			quoted = !quoted;
		else if (quoted)
			i += c == '\\';
		else
			depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		if (depth > DEPTH_MAX)
			return err_set(err, "report: byte %zu: nested too deep", i);
		objects += !quoted && c == '{';
		arrays += !quoted && c == '[';
		commas += !quoted && c == ',';
	}
	if (objects > OBJECTS_MAX || arrays > ARRAYS_MAX || commas > COMMAS_MAX)
		return err_set(err, "report: more JSON values than a report can have");
	return 0;
}

/* jansson quotes the input in its messages, which end on someone's terminal. */
static const char *
printable(json_error_t *why)
{
	for (char *p = why->text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return why->text;
}

/* jansson's integers are signed. */
static bool
get_u32(json_int_t v, uint32_t *out)
{
	*out = (uint32_t)v;
	return v >= 0 && v <= UINT32_MAX;
}

/* Decimal ms to the nearest us.  Written so that a NaN fails. */
static bool
get_ms(double ms, uint32_t *us)
{
	if (!(ms >= 0 && ms <= (double)REPORT_RTT_MAX_US / US_PER_MS))
		return false;
	*us = (uint32_t)llround(ms * US_PER_MS);
	return true;
}

static bool
get_sketch(json_t *list, struct sketch *s)
{
	json_int_t index, count, last = -1;
	json_t *bucket;
	size_t i;

	json_array_foreach(list, i, bucket)
	{
		if (json_unpack(bucket, "[II!]", &index, &count) < 0)
			return false;
		if (index <= last || index >= SKETCH_BUCKETS || count < 1 ||
		    count > UINT32_MAX)
			return false;
		sketch_add(s, sketch_bound_ns((unsigned)index), (uint32_t)count);
		last = index;
	}
	return json_array_size(list) > 0;
}

/* All of them, or none and no sketch. */
static bool
get_times(json_t *o, struct report_row *row)
{
	double min = -1, mean = -1, max = -1, jitter = -1;
	json_t *sketch = NULL;

	if (json_unpack(o, "{s?F s?F s?F s?F s?o}", "min_ms", &min, "mean_ms", &mean,
		"max_ms", &max, "jitter_ms", &jitter, "sketch", &sketch) < 0)
		return false;
	if (!sketch)
		return min < 0 && mean < 0 && max < 0 && jitter < 0;
	return get_ms(min, &row->min_us) && get_ms(mean, &row->mean_us) &&
	       get_ms(max, &row->max_us) && get_ms(jitter, &row->jitter_us) &&
	       get_sketch(sketch, &row->rtt);
}

static int
get_row(json_t *o, struct report *r, struct err *err)
{
	size_t at = r->n_rows;
	struct report_row *row = report_add(r);
	json_int_t sent, lost, late, duplicate, reordered;
	const char *peer, *path;
	json_t *skip;
	json_error_t why;

	if (json_unpack_ex(o, &why, 0,
		"{ss ss sI sI sI sI sI s?o s?o s?o s?o s?o s?o s?o !}", "peer", &peer,
		"path", &path, "sent", &sent, "lost", &lost, "late", &late, "duplicate",
		&duplicate, "reordered", &reordered, "min_ms", &skip, "mean_ms", &skip,
		"max_ms", &skip, "jitter_ms", &skip, "p50_ms", &skip, "p95_ms", &skip,
		"sketch", &skip) < 0)
		return err_set(err, "report: row %zu: %s", at, printable(&why));
	if (strlen(peer) >= sizeof(row->peer))
		return err_set(err, "report: row %zu: peer: longer than %zu characters",
		    at, sizeof(row->peer) - 1);
	memcpy(row->peer, peer, strlen(peer) + 1);
	if (path_parse(path, &row->path) < 0)
		return err_set(err, "report: row %zu: path: not hub, direct or public",
		    at);
	if (!get_u32(sent, &row->sent) || !get_u32(lost, &row->lost) ||
	    !get_u32(late, &row->late) || !get_u32(duplicate, &row->duplicate) ||
	    !get_u32(reordered, &row->reordered))
		return err_set(err, "report: row %zu: count below 0 or over 2^32-1",
		    at);
	if (!get_times(o, row))
		return err_set(err,
		    "report: row %zu: needs all of min_ms, mean_ms, max_ms, jitter_ms "
		    "(0..60000) and sketch ([[bucket, count], ...] in order), or none",
		    at);
	return 0;
}

/* Sixteen hexadecimal digits: one spelling, like the rest. */
static bool
get_boot(const char *text, uint64_t *out)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return false;
	*out = strtoull(text, NULL, 16);
	return true;
}

static bool
get_start(double s, struct wall *out)
{
	int64_t ms;

	if (!(s > 0 && s <= (double)INT64_MAX / NS_PER_S))
		return false;
	ms = llround(s * 1000);
	if (ms > INT64_MAX / NS_PER_MS)
		return false;
	out->ns = ms * NS_PER_MS;
	return true;
}

static int
get_report(json_t *o, struct report *r, struct err *err)
{
	json_int_t seq, length_ms, spoofed, local_drop;
	const char *node, *boot, *stamp;
	double start;
	json_error_t why;
	json_t *rows, *row;
	size_t i;
	int rc = 0;

	if (json_unpack_ex(o, &why, 0, "{ss ss sI sF sI ss sI sI so !}", "node", &node,
		"boot", &boot, "seq", &seq, "start", &start, "length_ms", &length_ms,
		"stamp", &stamp, "spoofed", &spoofed, "local_drop", &local_drop, "rows",
		&rows) < 0)
		return err_set(err, "report: %s", printable(&why));
	if (strlen(node) >= sizeof(r->node))
		return err_set(err, "report: node: longer than %zu characters",
		    sizeof(r->node) - 1);
	memcpy(r->node, node, strlen(node) + 1);
	if (!get_boot(boot, &r->boot))
		return err_set(err, "report: boot: not 16 hexadecimal digits (0-9a-f)");
	if (!get_start(start, &r->start))
		return err_set(err, "report: start: not seconds since 1970");
	if (stamp_parse(stamp, &r->stamp) < 0)
		return err_set(err, "report: stamp: not user, kernel-rx or kernel");
	if (!get_u32(length_ms, &r->length_ms))
		return err_set(err, "report: length_ms: below 0 or over 2^32-1");
	if (seq < 0 || spoofed < 0 || local_drop < 0)
		return err_set(err, "report: seq, spoofed or local_drop below 0");
	r->seq = (uint64_t)seq;
	r->spoofed = (uint64_t)spoofed;
	r->local_drop = (uint64_t)local_drop;
	if (!json_is_array(rows))
		return err_set(err, "report: rows: not an array");
	json_array_foreach(rows, i, row) if (rc == 0) rc = get_row(row, r, err);
	return rc;
}

int
report_from_json(struct report *r, const char *in, size_t len, struct err *err)
{
	json_error_t why;
	json_t *o = NULL;
	int rc;

	*r = (struct report){ 0 };
	rc = weigh(in, len, err);
	if (rc < 0)
		return rc;
	o = json_loadb(in, len, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		rc = err_set(err, "report: line %d: %s", why.line, printable(&why));
	else
		rc = get_report(o, r, err);
	json_decref(o);
	if (rc == 0)
		rc = report_check(r, err);
	if (rc < 0)
		report_fini(r);
	return rc;
}
