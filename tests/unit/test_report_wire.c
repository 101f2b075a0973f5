/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a report: round trips, the layout byte by byte, input that was
 * cut, bent or spelt otherwise, and what a row costs.
 */
#include "common/report_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/unit/random_report.h"

static uint8_t buf[REPORT_BYTES_MAX], again[REPORT_BYTES_MAX];

/* The layout of meshopt-report(5), so that it cannot change unnoticed. */
static void
layout_is_as_written_down(void **state)
{
	static const uint8_t want[] = {
		'M', 'O', 'R', 1,				/* magic, version */
		3, 'h', 'k', 'g',				/* node */
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, /* boot */
		7,						/* seq */
		0x80, 0xd0, 0xea, 0xb6, 0xb7, 0x33,		/* start, ms */
		0x90, 0x4e, 1, 0, 0, /* length, stamp, spoofed, local_drop */
		1,		     /* groups */
		3, 'n', 'r', 't', 2, /* peer, rows */
		0x11, 10,	     /* direct with times; sent */
		0xe8, 0xfe, 2,	     /* min 49000 */
		0xb2, 1, 0xe2, 8,    /* mean +178, max +1122 */
		0x90, 3,	     /* jitter 400 */
		2, 0xf2, 3, 8, 1, 1, /* 2 buckets: 498 has 8, 499 has 1 */
		0x04, 10, 10,	     /* hub with loss; sent; lost */
	};
	struct report r = small_report(), back;
	struct err err = { "" };
	size_t n = report_encode(&r, buf, sizeof(buf));

	(void)state;
	assert_memory_equal(buf, want, sizeof(want));
	assert_int_equal(n, sizeof(want));
	assert_int_equal(report_encode(&r, buf, n), n);
	assert_int_equal(report_encode(&r, buf, n - 1), 0);
	assert_int_equal(report_decode(&back, want, sizeof(want), &err), 0);
	assert_true(report_equal(&r, &back));
	report_fini(&r);
	report_fini(&back);
}

static void
reports_survive_the_wire(void **state)
{
	struct seed seed = seed_new(__func__);
	struct err err;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct report r =
		    random_report(&seed, seed_below(&seed, 20), round % 4);
		struct report back;
		size_t n = report_encode(&r, buf, sizeof(buf));

		assert_true(n > 0);
		if (report_decode(&back, buf, n, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(report_equal(&r, &back));
		report_fini(&back);
		report_fini(&r);
	}
}

/* Accepted means canonical: the same bytes come out again.  True if accepted. */
static bool
decode_anything(const uint8_t *in, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* for ASan and valgrind to guard */
	struct report r;
	struct err err = { "" };
	bool ok;

	assert_non_null(exact);
	memcpy(exact, in, len);
	ok = report_decode(&r, exact, len, &err) == 0;
	free(exact);
	if (ok) {
		assert_int_equal(report_check(&r, &err), 0);
		assert_int_equal(report_encode(&r, again, sizeof(again)), len);
		assert_memory_equal(again, in, len);
	} else {
		assert_true(err.text[0] != '\0');
		assert_null(r.rows);
		assert_int_equal(r.n_rows, 0);
	}
	report_fini(&r);
	return ok;
}

/* A scan shows the rows of some paths of a sound report; others it may not survive, but
 * in an array of their own length it must not look beyond. */
static void
scan(const uint8_t *in, size_t len, const struct report *r, bool sound)
{
	static struct report_scan s;
	/* Any set, by turns. */
	static unsigned turn;
	unsigned paths = turn++ % (1u << PATH_COUNT);
	uint8_t *exact = mem_array(len, 1);
	size_t i = 0;
	int rc;

	memcpy(exact, in, len);
	rc = report_scan_start(&s, exact, len, paths);
	while (rc >= 0 && (rc = report_scan_next(&s)) > 0 && sound) {
		const struct report_row *row;

		while (i < r->n_rows && !(paths >> r->rows[i].path & 1))
			i++;
		assert_true(i < r->n_rows);
		row = &r->rows[i++];
		assert_int_equal(s.peer_len, strlen(row->peer));
		assert_memory_equal(s.peer, row->peer, s.peer_len);
		assert_int_equal(s.path, row->path);
		assert_int_equal(s.sent, row->sent);
		assert_int_equal(s.lost, row->lost);
		assert_int_equal(s.samples, sketch_count(&row->rtt));
		assert_int_equal(s.n, row->rtt.n);
		if (!s.n)
			continue;
		assert_int_equal(s.min_us, row->min_us);
		assert_int_equal(s.mean_us, row->mean_us);
		assert_int_equal(s.max_us, row->max_us);
		assert_int_equal(s.jitter_us, row->jitter_us);
		for (size_t k = 0; k < s.n; k++) {
			assert_int_equal(s.buckets[k].index, row->rtt.buckets[k].index);
			assert_int_equal(s.buckets[k].count, row->rtt.buckets[k].count);
		}
	}
	while (sound && i < r->n_rows && !(paths >> r->rows[i].path & 1))
		i++;
	assert_true(!sound || (rc == 0 && i == r->n_rows));
	free(exact);
}

/* A walk passes what decode passes, and shows the same rows. */
static bool
walks_like(const uint8_t *in, size_t len, struct report_walk *w)
{
	struct report r;
	struct err err = { "" }, walked = { "" };
	bool sound = report_decode(&r, in, len, &err) == 0;
	int rc = report_walk_start(w, in, len, &walked);
	size_t n = 0;

	while (rc >= 0 && (rc = report_walk_next(w, &walked)) > 0) {
		if (sound)
			assert_true(row_equal(&w->row, &r.rows[n]));
		n++;
	}
	assert_int_equal(rc == 0, sound);
	if (sound) {
		assert_int_equal(n, r.n_rows);
		assert_int_equal(w->head.seq, r.seq);
		assert_int_equal(w->head.start.ns, r.start.ns);
		assert_string_equal(w->head.node, r.node);
	} else {
		assert_string_equal(walked.text, err.text);
	}
	scan(in, len, &r, sound);
	report_fini(&r);
	return sound;
}

static void
walks_pass_what_decodes(void **state)
{
	struct seed seed = seed_new(__func__);
	struct report_walk w = { 0 };

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct report r =
		    random_report(&seed, 2 + seed_below(&seed, 20), round % 4);
		uint32_t a = seed_below(&seed, (uint32_t)r.n_rows),
			 b = seed_below(&seed, (uint32_t)r.n_rows);
		struct report_row swap = r.rows[a];
		size_t n;

		/* Two rows out of order, in most cases. */
		r.rows[a] = r.rows[b];
		r.rows[b] = swap;
		n = report_encode(&r, buf, sizeof(buf));
		assert_true(walks_like(buf, n, &w));
		if (a + 1 < b || b + 1 < a)
			assert_false(w.ordered);
		buf[seed_below(&seed, (uint32_t)n)] = (uint8_t)seed_next(&seed);
		(void)walks_like(buf, n, &w);
		(void)walks_like(buf, seed_below(&seed, (uint32_t)n), &w);
		report_fini(&r);
	}
	report_walk_fini(&w);
}

static void
bent_input_is_refused_or_sound(void **state)
{
	struct seed seed = seed_new(__func__);
	struct report r = random_report(&seed, 12, true);
	size_t n = report_encode(&r, buf, sizeof(buf)), accepted = 0;

	(void)state;
	assert_true(n > 200);
	for (size_t cut = 0; cut < n; cut++)
		assert_false(decode_anything(buf, cut));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		accepted += decode_anything(buf, n);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	printf("%zu of %zu flipped bits still make a report\n", accepted, 8 * n);
	buf[n] = 0;
	assert_false(decode_anything(buf, n + 1));
	for (int round = 0; round < 5000; round++) {
		memcpy(again, buf, n);
		for (int i = 0; i < 3; i++)
			again[4 + seed_below(&seed, (uint32_t)n - 4)] =
			    (uint8_t)seed_next(&seed);
		memcpy(again + n, again, n); /* decode_anything() writes to again */
		(void)decode_anything(again + n, n);
	}
	report_fini(&r);
}

static void
other_spellings_are_refused(void **state)
{
	/* small_report() in binary with bytes from at on replaced. */
	static const struct {
		const char *name;
		size_t at, cut, n;
		uint8_t put[8];
		const char *want;
	} rows[] = {
		{ "magic", 0, 1, 1, { 'm' }, "does not begin" },
		{ "version 2", 3, 1, 1, { 2 }, "version 2" },
		{ "version 0", 3, 1, 1, { 0 }, "version 0" },
		{ "long seq", 16, 1, 2, { 0x87, 0 }, "malformed" },
		{ "NUL in a name", 6, 1, 1, { 0 }, "malformed" },
		{ "unknown flag", 34, 1, 1, { 0x31 }, "malformed" },
		{ "path 3", 34, 1, 1, { 0x13 }, "path" },
		{ "times flag, no sample", 45, 6, 1, { 0 }, "malformed" },
		{ "loss flag, no loss", 53, 1, 1, { 0 }, "malformed" },
		{ "odd flag, nothing odd", 51, 3, 6, { 0x0c, 10, 10, 0, 0, 0 },
		    "malformed" },
		{ "odd flag", 51, 3, 6, { 0x0c, 10, 10, 0, 1, 0 }, NULL },
		{ "empty group", 28, 6, 7, { 2, 1, 'a', 0, 1, 'b', 2 }, "malformed" },
		{ "no row", 28, 26, 1, { 0 }, NULL },
		{ "tail", 54, 0, 2, { 0, 0 }, "2 bytes after its end" },
	};
	struct report r = small_report(), back;
	uint8_t good[128], bad[128];
	size_t n = report_encode(&r, good, sizeof(good));

	(void)state;
	assert_int_equal(n, 54);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t end = rows[i].at + rows[i].n;
		struct err err = { "" };
		int rc;

		memcpy(bad, good, rows[i].at);
		memcpy(bad + rows[i].at, rows[i].put, rows[i].n);
		memcpy(bad + end, good + rows[i].at + rows[i].cut,
		    n - rows[i].at - rows[i].cut);
		rc = report_decode(&back, bad, n + rows[i].n - rows[i].cut, &err);
		if ((rc == 0) != (rows[i].want == NULL) ||
		    (rc < 0 && !strstr(err.text, rows[i].want)))
			fail_msg("%s: %d, \"%s\"", rows[i].name, rc, err.text);
		report_fini(&back);
	}
	report_fini(&r);
}

/* One name in two groups that touch would be a second spelling of one group. */
static void
groups_that_touch_are_one(void **state)
{
	static const uint8_t tail[] = { 2, 3, 'n', 'r', 't', 1, 0x04, 1, 1, 3, 'n', 'r',
		't', 1, 0x05, 1, 1 };
	struct report r = small_report(), back;
	uint8_t bytes[128];
	struct err err;

	(void)state;
	(void)report_encode(&r, bytes, sizeof(bytes));
	memcpy(bytes + 28, tail, sizeof(tail));
	assert_true(report_decode(&back, bytes, 28 + sizeof(tail), &err) < 0);
	assert_non_null(strstr(err.text, "malformed"));
	bytes[28 + 11] = 'x';
	assert_int_equal(report_decode(&back, bytes, 28 + sizeof(tail), &err), 0);
	report_fini(&back);
	report_fini(&r);
}

/* What the store and the network pay for: ten samples, two rows a peer. */
static void
rows_are_small(void **state)
{
	struct seed seed = seed_new(__func__);
	struct report r = random_report(&seed, 99, false);
	size_t n = report_encode(&r, buf, sizeof(buf));
	double each = (double)n / (double)r.n_rows;

	(void)state;
	printf("%.1f bytes a row (%zu for %zu rows)\n", each, n, r.n_rows);
	assert_true(each <= 26);
	report_fini(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_is_as_written_down),
		cmocka_unit_test(reports_survive_the_wire),
		cmocka_unit_test(walks_pass_what_decodes),
		cmocka_unit_test(bent_input_is_refused_or_sound),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(groups_that_touch_are_one),
		cmocka_unit_test(rows_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
