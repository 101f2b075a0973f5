/* SPDX-License-Identifier: MIT */
/*
 * The report in memory, and the rules that every report obeys.  The rules are what the
 * collector and the optimizer build on: whatever passes here can be summed, compared
 * and written back without another look.
 */
#include "common/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/*
 * Times are rounded to us and the sketch is filled with ns: a bound that lies in
 * between may put a value next door.
 */
#define ROUNDING_NS NS_PER_US

static const char *const path_names[PATH_COUNT] = { "hub", "direct", "public" };
static const char *const stamp_names[STAMP_COUNT] = { "user", "kernel-rx", "kernel" };

const char *
path_name(enum path path)
{
	return (unsigned)path < PATH_COUNT ? path_names[path] : "?";
}

const char *
stamp_name(enum stamp stamp)
{
	return (unsigned)stamp < STAMP_COUNT ? stamp_names[stamp] : "?";
}

int
path_parse(const char *text, enum path *out)
{
	for (int i = 0; i < PATH_COUNT; i++) {
		if (strcmp(text, path_names[i]) == 0) {
			*out = (enum path)i;
			return 0;
		}
	}
	return -EINVAL;
}

int
stamp_parse(const char *text, enum stamp *out)
{
	for (int i = 0; i < STAMP_COUNT; i++) {
		if (strcmp(text, stamp_names[i]) == 0) {
			*out = (enum stamp)i;
			return 0;
		}
	}
	return -EINVAL;
}

void
report_fini(struct report *r)
{
	for (size_t i = 0; i < r->n_rows; i++)
		sketch_fini(&r->rows[i].rtt);
	free(r->rows);
	*r = (struct report){ 0 };
}

struct report_row *
report_add(struct report *r)
{
	size_t n = r->n_rows;

	/* The capacity is the next power of two, from 8 on, so it need not be kept. */
	if (n == 0 || (n >= 8 && (n & (n - 1)) == 0))
		r->rows = mem_grow(r->rows, n ? 2 * n : 8, sizeof(*r->rows));
	r->rows[n] = (struct report_row){ 0 };
	r->n_rows++;
	return &r->rows[n];
}

int64_t
report_quantile_us(const struct report_row *row, double q)
{
	int64_t us = sketch_quantile_ns(&row->rtt, q);

	if (us < 0)
		return -1;
	us = (us + NS_PER_US / 2) / NS_PER_US;
	if (us < row->min_us)
		return row->min_us;
	return us > row->max_us ? row->max_us : us;
}

int
report_check_head(const struct report *r, struct err *err)
{
	const int64_t start_ns = r->start.ns;

	if (!mesh_name_ok(r->node))
		return err_set(err, "report: node: not a name ([a-z0-9][a-z0-9._-]*)");
	if (start_ns <= 0 || start_ns % NS_PER_MS != 0)
		return err_set(err, "report of %s: start: not whole ms since 1970",
		    r->node);
	if (r->length_ms == 0 || r->length_ms > REPORT_LENGTH_MAX_MS)
		return err_set(err, "report of %s: length: %u ms is not in 1..%u",
		    r->node, r->length_ms, REPORT_LENGTH_MAX_MS);
	if ((unsigned)r->stamp >= STAMP_COUNT)
		return err_set(err, "report of %s: stamp: %u is not known", r->node,
		    (unsigned)r->stamp);
	if (r->seq > INT64_MAX || r->spoofed > INT64_MAX || r->local_drop > INT64_MAX)
		return err_set(err,
		    "report of %s: seq, spoofed or local_drop over 2^63-1", r->node);
	if (r->n_rows > REPORT_ROWS_MAX)
		return err_set(err, "report of %s: %zu rows are more than %u", r->node,
		    r->n_rows, REPORT_ROWS_MAX);
	return 0;
}

/* Can a value of about us be in this bucket? */
static bool
in_bucket(uint32_t us, unsigned index)
{
	int64_t ns = us * NS_PER_US;

	return ns - ROUNDING_NS <= sketch_bound_ns(index) &&
	       (index == 0 || ns + ROUNDING_NS > sketch_bound_ns(index - 1));
}

/* What is wrong with the times of a row; NULL if nothing. */
static const char *
times_fault(const struct report_row *row)
{
	const struct sketch *rtt = &row->rtt;
	uint64_t samples = sketch_count(rtt);

	if (samples > report_answered(row))
		return "more samples in the sketch than answers";
	if (samples == 0)
		return row->min_us || row->mean_us || row->max_us || row->jitter_us
			   ? "times without a sample"
			   : NULL;
	if (row->min_us > row->mean_us || row->mean_us > row->max_us)
		return "not minimum <= mean <= maximum";
	if (row->max_us > REPORT_RTT_MAX_US)
		return "maximum over 60 s";
	if (samples == 1 && (row->min_us != row->max_us || row->jitter_us))
		return "one sample with a spread";
	/* 1: the three are rounded apart from each other. */
	if (row->jitter_us > row->max_us - row->min_us + 1)
		return "jitter over maximum - minimum";
	if (!in_bucket(row->min_us, rtt->buckets[0].index))
		return "minimum outside the first bucket of the sketch";
	if (!in_bucket(row->max_us, rtt->buckets[rtt->n - 1].index))
		return "maximum outside the last bucket of the sketch";
	return NULL;
}

int
report_check_row(const struct report *r, const struct report_row *row, size_t at,
    struct err *err)
{
	const char *fault = NULL;

	if (!mesh_name_ok(row->peer))
		return err_set(err, "report of %s: row %zu: peer: not a name", r->node,
		    at);
	if ((unsigned)row->path >= PATH_COUNT)
		return err_set(err, "report of %s: row %zu (%s): path: %u is not known",
		    r->node, at, row->peer, (unsigned)row->path);
	if (strcmp(row->peer, r->node) == 0)
		fault = "the node itself";
	else if (row->lost > row->sent)
		fault = "more lost than sent";
	else
		fault = times_fault(row);
	if (fault)
		return err_set(err, "report of %s: row %zu (%s, %s): %s", r->node, at,
		    row->peer, path_name(row->path), fault);
	return 0;
}

int
report_row_order(const struct report_row *a, const struct report_row *b)
{
	int order = strcmp(a->peer, b->peer);

	return order ? order : (int)a->path - (int)b->path;
}

static int
row_order_cb(const void *a, const void *b)
{
	return report_row_order(*(const struct report_row *const *)a,
	    *(const struct report_row *const *)b);
}

/* A row whose peer and path another row has too, or NULL. */
static const struct report_row *
find_twice(const struct report *r)
{
	const struct report_row *twice = NULL, **sorted;
	size_t i;

	/* The prober writes its rows in order, so this is all there is to do mostly. */
	for (i = 1; i < r->n_rows && report_row_order(&r->rows[i - 1], &r->rows[i]) < 0;
	     i++)
		;
	if (i >= r->n_rows)
		return NULL;
	sorted = mem_array(r->n_rows, sizeof(*sorted));
	for (i = 0; i < r->n_rows; i++)
		sorted[i] = &r->rows[i];
	qsort(sorted, r->n_rows, sizeof(*sorted), row_order_cb);
	for (i = 1; i < r->n_rows && !twice; i++)
		if (report_row_order(sorted[i - 1], sorted[i]) == 0)
			twice = sorted[i];
	free(sorted);
	return twice;
}

int
report_check_twice(const struct report *r, struct err *err)
{
	const struct report_row *twice = find_twice(r);

	if (twice)
		return err_set(err, "report of %s: two rows for (%s, %s)", r->node,
		    twice->peer, path_name(twice->path));
	return 0;
}

int
report_check(const struct report *r, struct err *err)
{
	int rc = report_check_head(r, err);

	for (size_t i = 0; rc == 0 && i < r->n_rows; i++)
		rc = report_check_row(r, &r->rows[i], i, err);
	return rc < 0 ? rc : report_check_twice(r, err);
}
