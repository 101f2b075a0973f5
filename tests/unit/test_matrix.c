/* SPDX-License-Identifier: MIT */
/*
 * The matrix: what a query sees of the rows that came in, by time, against the rows
 * themselves; and the gaps and states of the nodes that sent them.
 * links: collector/matrix.c collector/packed.c collector/roster.c collector/nodes.c
 */
#include "collector/matrix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/nodes.h"
#include "tests/unit/random_report.h"

#define T0     (INT64_C(1767225600) * NS_PER_S)
#define WINDOW (300 * NS_PER_S)

static struct mesh_node nodes[] = { { .name = "hkg" }, { .name = "dub" },
	{ .name = "nrt" } };
static const struct mesh mesh = { .nodes = nodes, .n_nodes = 3 };
static struct roster roster;
enum { HKG, DUB, NRT };

/* One window of 10 s at second at, with the answers to sent probes. */
static void
add(struct matrix *m, int64_t at, uint32_t sent, const int64_t *rtt_ns, uint32_t n)
{
	struct report r = { .node = "hkg",
		.start.ns = T0 + at * NS_PER_S,
		.length_ms = 10000 };
	struct report_row *row = report_add(&r);

	(void)strcpy(row->peer, "nrt");
	row->sent = sent;
	row->lost = sent - n;
	row_of_samples(row, rtt_ns, n);
	matrix_add(m, HKG, &r);
	report_fini(&r);
}

static const struct matrix_key hkg_nrt = { HKG, NRT, PATH_HUB };

/* What is seen of hkg to nrt, over the window before second now. */
static bool
see(struct matrix *m, int64_t now, int64_t window_s, struct report_row *row)
{
	struct wall last, since = { T0 + (now - window_s) * NS_PER_S };

	return matrix_get(m, &hkg_nrt, since, row, &last);
}

static void
test_roster(void **state)
{
	(void)state;
	assert_int_equal(roster_find(&roster, "hkg"), HKG);
	assert_int_equal(roster_find(&roster, "dub"), DUB);
	assert_int_equal(roster_find(&roster, "nrt"), NRT);
	assert_int_equal(roster_find(&roster, "nr"), SIZE_MAX);
	assert_int_equal(roster_find(&roster, "nrtt"), SIZE_MAX);
	assert_int_equal(roster_find(&roster, ""), SIZE_MAX);
}

static void
test_merge(void **state)
{
	static const int64_t a[] = { 50000000, 52000000 }, b[] = { 40000000 };
	struct matrix *m = matrix_new(&roster, WINDOW);
	struct report_row row = { 0 };
	struct wall last, since = { T0 };
	struct matrix_key back = { NRT, HKG, PATH_HUB },
			  direct = { HKG, NRT, PATH_DIRECT };

	(void)state;
	assert_false(see(m, 10, 300, &row));
	add(m, 0, 4, a, 2);
	add(m, 10, 1, b, 1);
	add(m, 20, 5, NULL, 0);
	assert_true(matrix_get(m, &hkg_nrt, since, &row, &last));
	assert_int_equal(last.ns, T0 + 20 * NS_PER_S);
	assert_int_equal(row.sent, 10);
	assert_int_equal(row.lost, 7);
	assert_int_equal(row.min_us, 40000);
	assert_int_equal(row.max_us, 52000);
	assert_int_equal(row.mean_us, (50000 + 52000 + 40000) / 3);
	assert_int_equal(row.jitter_us, 2 * 2000 / 3);
	assert_int_equal(sketch_count(&row.rtt), 3);
	assert_in_range(report_quantile_us(&row, 0.5), 49450, 50550);
	assert_false(matrix_get(m, &back, since, &row, &last));
	assert_false(matrix_get(m, &direct, since, &row, &last));
	sketch_fini(&row.rtt);
	matrix_free(m);
	matrix_free(NULL);
}

/* Probes without an answer are news; a row without samples has no times. */
static void
test_unknown(void **state)
{
	struct matrix *m = matrix_new(&roster, WINDOW);
	struct report_row row = { 0 };
	struct report r = { .node = "hkg", .start.ns = T0, .length_ms = 10000 };

	(void)state;
	add(m, 0, 10, NULL, 0);
	assert_true(see(m, 10, 300, &row));
	assert_int_equal(row.sent, 10);
	assert_int_equal(row.lost, 10);
	assert_int_equal(row.min_us, 0);
	assert_int_equal(report_quantile_us(&row, 0.5), -1);
	/* Nothing sent, a stranger, the node itself, a time before 1970. */
	(void)strcpy(report_add(&r)->peer, "nrt");
	(void)strcpy(report_add(&r)->peer, "mars");
	(void)strcpy(report_add(&r)->peer, "hkg");
	for (size_t i = 1; i < r.n_rows; i++)
		r.rows[i].sent = 1;
	matrix_add(m, HKG, &r);
	r.start.ns = -T0;
	matrix_add(m, HKG, &r);
	assert_true(see(m, 10, 300, &row));
	assert_int_equal(row.sent, 10);
	report_fini(&r);
	sketch_fini(&row.rtt);
	matrix_free(m);
}

/* The window moves: what began before it is out, and what the ring reuses is clean. */
static void
test_window(void **state)
{
	static const struct {
		int64_t now, window_s;
		uint32_t want; /* each row has one probe, at 0, 10, 20 ... 990 s */
	} rows[] = {
		{ 1000, 300, 30 },
		{ 1000, 10, 1 },
		{ 1000, 60, 6 },
		{ 1005, 10, 1 }, /* from 995 on: the slot that 990 is in */
		{ 1290, 300, 1 },
		{ 1300, 300, 0 },
		{ 999, 300, 31 },
	};
	static const int64_t rtt[] = { 1000000 };
	struct matrix *m = matrix_new(&roster, WINDOW);
	struct report_row row = { 0 };

	(void)state;
	for (int64_t at = 0; at < 1000; at += 10)
		add(m, at, 1, rtt, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool some = see(m, rows[i].now, rows[i].window_s, &row);

		assert_int_equal(some, rows[i].want > 0);
		if (some)
			assert_int_equal(row.sent, rows[i].want);
	}
	/* From a spool: inside the window it counts, before it it does not. */
	add(m, 905, 7, rtt, 1);
	add(m, 300, 100, rtt, 1);
	assert_true(see(m, 1000, 300, &row));
	assert_int_equal(row.sent, 37);
	sketch_fini(&row.rtt);
	matrix_free(m);
}

/* Random reports in any order: sums, extremes and quantiles as of one long row. */
static void
test_random(void **state)
{
	struct seed seed = seed_new("test_random");

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct matrix *m = matrix_new(&roster, WINDOW);
		struct report_row row = { 0 }, sum = { 0 };
		uint32_t n_sum = 0;

		for (int i = 0; i < 60; i++) {
			int64_t rtt[10];
			uint32_t n = seed_below(&seed, 11);
			struct report_row one = { 0 };

			for (uint32_t j = 0; j < n; j++)
				rtt[j] = (int64_t)(1e6 + 5e8 * seed_unit(&seed));
			add(m, seed_below(&seed, 300), 10, rtt, n);
			row_of_samples(&one, rtt, n);
			sketch_merge(&sum.rtt, &one.rtt);
			sum.sent += 10;
			sum.lost += 10 - n;
			if (n && (!n_sum || one.min_us < sum.min_us))
				sum.min_us = one.min_us;
			if (n && one.max_us > sum.max_us)
				sum.max_us = one.max_us;
			n_sum += n;
			sketch_fini(&one.rtt);
		}
		assert_true(see(m, 300, 300, &row));
		assert_int_equal(row.sent, sum.sent);
		assert_int_equal(row.lost, sum.lost);
		assert_int_equal(row.min_us, sum.min_us);
		assert_int_equal(row.max_us, sum.max_us);
		assert_in_range(row.mean_us, row.min_us, row.max_us);
		for (double q = 0; q <= 1; q += 0.05)
			assert_int_equal(report_quantile_us(&row, q),
			    report_quantile_us(&sum, q));
		sketch_fini(&row.rtt);
		sketch_fini(&sum.rtt);
		matrix_free(m);
	}
}

/* Counts that a stranger made up must not run over. */
static void
test_saturation(void **state)
{
	struct matrix *m = matrix_new(&roster, WINDOW);
	struct report r = { .node = "hkg", .start.ns = T0, .length_ms = 10000 };
	struct report_row row = { 0 }, *in = report_add(&r);

	(void)state;
	(void)strcpy(in->peer, "nrt");
	in->sent = UINT32_MAX;
	in->lost = 5;
	in->min_us = in->mean_us = in->max_us = REPORT_RTT_MAX_US;
	sketch_add(&in->rtt, REPORT_RTT_MAX_US * NS_PER_US, UINT32_MAX - 5);
	for (int i = 0; i < 400; i++)
		matrix_add(m, HKG, &r);
	assert_true(see(m, 10, 300, &row));
	assert_int_equal(row.sent, UINT32_MAX);
	assert_true(row.lost <= row.sent);
	assert_int_equal(row.max_us, REPORT_RTT_MAX_US);
	report_fini(&r);
	sketch_fini(&row.rtt);
	matrix_free(m);
}

/* As bytes, as a struct and with the rows out of order: it comes to the same. */
static void
test_body(void **state)
{
	struct seed seed = seed_new("test_body");
	struct matrix *a = matrix_new(&roster, WINDOW),
		      *b = matrix_new(&roster, WINDOW);
	static const char *const peers[] = { "dub", "nrt" };
	static uint8_t body[65536];

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct report r = { .node = "hkg",
			.start.ns = T0 + seed_below(&seed, 300) * NS_PER_S,
			.length_ms = 10000 };

		for (uint32_t k = seed_below(&seed, 2 * PATH_COUNT); k < 2 * PATH_COUNT;
		     k++) {
			struct report_row *row;

			if (seed_below(&seed, 3) == 0)
				continue;
			row = report_add(&r);
			(void)strcpy(row->peer, peers[k / PATH_COUNT]);
			row->path = (enum path)(k % PATH_COUNT);
			row->sent = 10;
			random_row(row, &seed, 50, seed_below(&seed, 11));
		}
		if (r.n_rows > 1 && i % 2) {
			struct report_row swap = r.rows[0];

			r.rows[0] = r.rows[r.n_rows - 1];
			r.rows[r.n_rows - 1] = swap;
		}
		matrix_add(a, HKG, &r);
		matrix_add_body(b, HKG, body, report_encode(&r, body, sizeof(body)));
		report_fini(&r);
	}
	for (size_t k = 0; k < 2 * PATH_COUNT; k++) {
		struct matrix_key key = { HKG, 1 + k / PATH_COUNT,
			(enum path)(k % PATH_COUNT) };
		struct report_row x = { 0 }, y = { 0 };
		struct wall xlast, ylast, since = { T0 };

		assert_true(matrix_get(a, &key, since, &x, &xlast));
		assert_true(matrix_get(b, &key, since, &y, &ylast));
		assert_true(row_equal(&x, &y));
		assert_true(x.sent > 100);
		assert_int_equal(xlast.ns, ylast.ns);
		sketch_fini(&x.rtt);
		sketch_fini(&y.rtt);
	}
	matrix_free(a);
	matrix_free(b);
}

/* Each row knows its own newest report, whatever came for its neighbours. */
static void
test_last(void **state)
{
	static const int64_t rtt[] = { 1000000 };
	static const int64_t at[] = { 5, 9, 1, 7 };
	struct matrix *m = matrix_new(&roster, WINDOW);
	struct report_row row = { 0 };
	struct wall last, since = { T0 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct report r = { .node = "hkg", .length_ms = 1000 };
		struct report_row *in = report_add(&r);

		r.start.ns = T0 + at[i] * NS_PER_S;
		(void)strcpy(in->peer, "dub");
		in->path = (enum path)(i % 2);
		in->sent = 1;
		row_of_samples(in, rtt, 1);
		matrix_add(m, HKG, &r);
		report_fini(&r);
	}
	for (size_t i = 0; i < 2; i++) {
		struct matrix_key key = { HKG, DUB, (enum path)i };

		assert_true(matrix_get(m, &key, since, &row, &last));
		assert_int_equal(row.sent, 2);
		assert_int_equal(last.ns, T0 + (i ? 9 : 5) * NS_PER_S);
	}
	sketch_fini(&row.rtt);
	matrix_free(m);
}

static void
test_slots(void **state)
{
	(void)state;
	assert_int_equal(matrix_slots(12), 30);
	assert_int_equal(matrix_slots(250), 30);
	assert_int_equal(matrix_slots(500), 8);
	assert_int_equal(matrix_slots(1000), 2);
	assert_int_equal(matrix_slots(10000), 1);
}

/* Sequences of (boot, seq, start in windows), and the gaps after them. */
static void
test_gaps(void **state)
{
	static const struct {
		const char *what;
		struct {
			uint64_t boot, seq;
			int64_t start;
		} in[8];
		size_t n;
		uint64_t want;
	} rows[] = {
		{ "none", { { 1, 0, 0 }, { 1, 1, 1 }, { 1, 2, 2 } }, 3, 0 },
		{ "first seen in the middle", { { 1, 70, 70 }, { 1, 71, 71 } }, 2, 0 },
		{ "one lost", { { 1, 0, 0 }, { 1, 2, 2 } }, 2, 1 },
		{ "backfilled, newest first",
		    { { 1, 0, 0 }, { 1, 4, 4 }, { 1, 3, 3 }, { 1, 2, 2 }, { 1, 1, 1 } },
		    5, 0 },
		{ "backfilled in part", { { 1, 0, 0 }, { 1, 4, 4 }, { 1, 2, 2 } }, 3,
		    2 },
		{ "from before the first seen", { { 1, 9, 9 }, { 1, 7, 7 } }, 2, 1 },
		{ "a restart is no gap", { { 1, 8, 8 }, { 2, 0, 9 }, { 2, 1, 10 } }, 3,
		    0 },
		{ "a gap outlives the boot", { { 1, 0, 0 }, { 1, 3, 3 }, { 2, 0, 4 } },
		    3, 2 },
		{ "spool of the boot before", { { 1, 0, 0 }, { 2, 0, 9 }, { 1, 5, 5 } },
		    3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct node_state node = { 0 };

		for (size_t j = 0; j < rows[i].n; j++) {
			struct report r = { .boot = rows[i].in[j].boot,
				.seq = rows[i].in[j].seq,
				.start.ns = T0 + rows[i].in[j].start * 10 * NS_PER_S,
				.length_ms = 10000 };

			nodes_accepted(&node, &r, 0);
		}
		if (nodes_gaps(&node) != rows[i].want)
			fail_msg("%s: %llu gaps", rows[i].what,
			    (unsigned long long)nodes_gaps(&node));
	}
}

static void
test_states(void **state)
{
	struct node_state node = { 0 };
	struct report r = { .start.ns = T0,
		.length_ms = 10000,
		.spoofed = 2,
		.local_drop = 3,
		.stamp = STAMP_KERNEL };

	(void)state;
	assert_string_equal(nodes_state_name(&node, (struct wall){ T0 }), "never");
	nodes_accepted(&node, &r, 7);
	r.start.ns -= 60 * NS_PER_S; /* older: the newest one's figures stay */
	r.stamp = STAMP_USER;
	nodes_accepted(&node, &r, 60 * NS_PER_S);
	assert_int_equal(node.start.ns, T0);
	assert_int_equal(node.skew_ns, 7);
	assert_int_equal(node.stamp, STAMP_KERNEL);
	assert_int_equal(node.spoofed, 4);
	assert_int_equal(node.local_drop, 6);
	assert_string_equal(nodes_state_name(&node, (struct wall){ T0 }), "reporting");
	assert_string_equal(nodes_state_name(&node,
				(struct wall){ T0 + 40 * NS_PER_S }),
	    "reporting");
	assert_string_equal(nodes_state_name(&node,
				(struct wall){ T0 + 41 * NS_PER_S }),
	    "late");
	nodes_duplicate(&node);
	nodes_refused(&node, "because", (struct wall){ T0 });
	assert_int_equal(node.duplicates, 1);
	assert_int_equal(node.refused, 1);
	assert_string_equal(node.reason, "because");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roster),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_saturation),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_last),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_states),
	};
	int failed;

	roster_init(&roster, &mesh);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	roster_fini(&roster);
	return failed;
}
