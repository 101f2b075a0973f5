/* SPDX-License-Identifier: MIT */
/*
 * Reports added up, and the page that is made of them.
 *
 * links: prober/totals.c prober/metrics_text.c
 */
#include "prober/totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prober/metrics_text.h"
#include "tests/unit/seed.h"

static struct report_row *
add(struct report *r, const char *peer, enum path path)
{
	struct report_row *row = report_add(r);

	memcpy(row->peer, peer, strlen(peer) + 1);
	row->path = path;
	return row;
}

/* A report of one row with one sample. */
static void
one(struct totals *t, const char *peer, int64_t rtt_us)
{
	struct report r = { 0 };
	struct report_row *row = add(&r, peer, PATH_HUB);

	row->sent = 2;
	row->lost = 1;
	row->mean_us = (uint32_t)rtt_us;
	sketch_add(&row->rtt, rtt_us * NS_PER_US, 1);
	totals_add(t, &r);
	report_fini(&r);
}

static void
samples_go_to_their_buckets(void **state)
{
	static const struct {
		int64_t us;
		unsigned want;
	} rows[] = { { 1, 0 }, { 30, 0 }, { 48, 0 }, { 52, 1 }, { 98, 1 }, { 105, 2 },
		{ 49000, 10 }, { 120000, 12 }, { 60000000, TOTALS_BUCKETS - 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct totals t = { 0 };

		one(&t, "a", rows[i].us);
		for (unsigned b = 0; b < TOTALS_BUCKETS; b++)
			if (t.rows[0].buckets[b] != (b == rows[i].want))
				fail_msg("%lld us: bucket %u", (long long)rows[i].us,
				    b);
		totals_fini(&t);
	}
	assert_int_equal(totals_bound_us(0), 50);
	assert_int_equal(totals_bound_us(10), 51200);
}

/* Random reports: sums are those of a plain count, buckets add up to the samples. */
static void
random_reports_add_up(void **state)
{
	struct seed seed = seed_new("random_reports_add_up");
	struct totals t = { 0 };
	uint64_t sent[40] = { 0 }, answered[40] = { 0 }, all = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct report r = { .spoofed = 1, .local_drop = 2 };

		for (uint32_t p = 0; p < 40; p++) {
			struct report_row *row;
			char name[8];

			(void)snprintf(name, sizeof(name), "n%u", p / 2);
			row = add(&r, name, p % 2 ? PATH_DIRECT : PATH_PUBLIC);
			row->sent = seed_below(&seed, 20);
			row->lost = row->sent ? seed_below(&seed, row->sent) : 0;
			for (uint32_t k = 0; k < report_answered(row); k++)
				sketch_add(&row->rtt,
				    1 + (int64_t)seed_below(&seed, UINT32_MAX), 1);
			sent[p] += row->sent;
			answered[p] += report_answered(row);
			all += row->sent;
		}
		totals_add(&t, &r);
		report_fini(&r);
	}
	assert_int_equal(t.n, 40);
	assert_int_equal(t.spoofed, 200);
	assert_int_equal(t.local_drop, 400);
	for (uint32_t p = 0; p < 40; p++) {
		uint64_t sum = 0;

		for (unsigned b = 0; b < TOTALS_BUCKETS; b++)
			sum += t.rows[p].buckets[b];
		assert_int_equal(t.rows[p].sent, sent[p]);
		assert_int_equal(t.rows[p].answered, answered[p]);
		assert_int_equal(sum, answered[p]);
	}
	assert_int_equal(totals_of_path(&t, PATH_DIRECT).sent +
			     totals_of_path(&t, PATH_PUBLIC).sent,
	    all);
	assert_int_equal(totals_of_path(&t, PATH_HUB).sent, 0);
	totals_fini(&t);
}

static void
gone_rows_end(void **state)
{
	struct totals t = { 0 };

	(void)state;
	one(&t, "gone", 1000);
	for (unsigned i = 0; i < TOTALS_FORGET_REPORTS; i++) {
		assert_true(t.n == 1 + (i > 0));
		one(&t, "here", 1000);
	}
	assert_int_equal(t.n, 1);
	assert_string_equal(t.rows[0].peer, "here");
	assert_int_equal(t.rows[0].sent, 2 * TOTALS_FORGET_REPORTS);
	totals_fini(&t);
}

static char *
page_of(const struct totals *t)
{
	const struct metrics_stat stat = { "a", PATH_HUB, { .ttl = 61 } };
	const struct stamp_reflector_counts counts = { .strangers = 7 };
	const struct metrics_page page = { "me", "m", t, &stat, 1,
		{ .bytes = 5, .dropped = 3 }, &counts };
	size_t len;
	char *text = metrics_text(&page, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void
assert_line(const char *text, const char *line)
{
	char whole[256];

	(void)snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no line: %s", line);
}

static void
page_says_it(void **state)
{
	struct totals t = { 0 };
	char *text;

	(void)state;
	one(&t, "a", 1000);
	one(&t, "a", 3000);
	text = page_of(&t);
	assert_line(text, "meshopt_probe_requests_total{peer=\"a\",path=\"hub\"} 4");
	assert_line(text, "meshopt_probe_responses_total{peer=\"a\",path=\"hub\"} 2");
	assert_line(text, "meshopt_probe_rtt_seconds_bucket{peer=\"a\",path=\"hub\","
			  "le=\"0.0008\"} 0");
	assert_line(text, "meshopt_probe_rtt_seconds_bucket{peer=\"a\",path=\"hub\","
			  "le=\"0.0016\"} 1");
	assert_line(text, "meshopt_probe_rtt_seconds_bucket{peer=\"a\",path=\"hub\","
			  "le=\"+Inf\"} 2");
	assert_line(text,
	    "meshopt_probe_rtt_seconds_sum{peer=\"a\",path=\"hub\"} 0.004000");
	assert_line(text, "meshopt_probe_ttl{peer=\"a\",path=\"hub\"} 61");
	assert_null(strstr(text, "meshopt_probe_mtu_bytes{")); /* not known */
	assert_line(text, "meshopt_spool_bytes 5");
	assert_line(text, "meshopt_spool_dropped_total 3");
	assert_line(text, "meshopt_stamp_requests_total{result=\"stranger\"} 7");
	assert_line(text, "meshopt_node_info{node=\"me\",mesh=\"m\"} 1");
	free(text);
	totals_fini(&t);
}

static void
large_mesh_has_no_peers(void **state)
{
	struct totals t = { 0 };
	struct report r = { 0 };
	char *text;

	(void)state;
	for (unsigned i = 0; i <= METRICS_ROWS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		add(&r, name, PATH_HUB)->sent = 3;
	}
	totals_add(&t, &r);
	text = page_of(&t);
	assert_null(strstr(text, "peer="));
	assert_line(text, "meshopt_probe_requests_total{path=\"hub\"} 753");
	assert_true(strlen(text) < 10000);
	free(text);
	report_fini(&r);
	totals_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_go_to_their_buckets),
		cmocka_unit_test(random_reports_add_up),
		cmocka_unit_test(gone_rows_end),
		cmocka_unit_test(page_says_it),
		cmocka_unit_test(large_mesh_has_no_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
