/* SPDX-License-Identifier: MIT */
/*
 * Roll-ups against the samples themselves: reports are made of random RTTs, merged in
 * any order and over two tiers, and compared with one report of all the samples.
 * links: collector/rollup.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collector/rollup.h"
#include "tests/unit/random_report.h"

#define HOUR_MS	 3600000
#define START_NS (INT64_C(1767225600000) * NS_PER_MS)

enum { REPORTS = 60, PEERS = 9, SAMPLES = 8 };

/* One peer's samples of all the reports, in order. */
struct series {
	int64_t rtt_ns[REPORTS * SAMPLES];
	uint32_t n, sent, lost;
};

struct hour {
	struct report reports[REPORTS];
	struct series series[PEERS];
};

static void
fill(struct hour *hour, struct seed *seed)
{
	for (unsigned i = 0; i < REPORTS; i++) {
		struct report *r = &hour->reports[i];

		*r = (struct report){ .node = "hkg", .boot = 9, .seq = i };
		r->start.ns = START_NS + (int64_t)i * 60 * NS_PER_S;
		r->length_ms = 60000;
		r->stamp = i == 17 ? STAMP_KERNEL_RX : STAMP_KERNEL;
		r->spoofed = i;
		r->local_drop = 1;
		for (unsigned p = 0; p < PEERS; p++) {
			struct series *s = &hour->series[p];
			uint32_t n = seed_below(seed, SAMPLES + 1);
			struct report_row *row;

			if (seed_below(seed, 5) == 0)
				continue;
			row = report_add(r);
			(void)snprintf(row->peer, sizeof(row->peer), "n%u", p / 2);
			row->path = p % 2 ? PATH_PUBLIC : PATH_HUB;
			for (uint32_t k = 0; k < n; k++)
				s->rtt_ns[s->n + k] =
				    (int64_t)(NS_PER_MS * (20. - log(seed_unit(seed))));
			row->sent = SAMPLES;
			row->lost = SAMPLES - n;
			row->late = 1;
			row_of_samples(row, s->rtt_ns + s->n, n);
			s->n += n;
			s->sent += SAMPLES;
			s->lost += SAMPLES - n;
		}
		assert_int_equal(report_check(r, NULL), 0);
	}
}

static void
hour_free(struct hour *hour)
{
	for (unsigned i = 0; i < REPORTS; i++)
		report_fini(&hour->reports[i]);
	free(hour);
}

static const struct report_row *
find(const struct report *r, unsigned p)
{
	char peer[8];

	(void)snprintf(peer, sizeof(peer), "n%u", p / 2);
	for (size_t i = 0; i < r->n_rows; i++)
		if (strcmp(r->rows[i].peer, peer) == 0 &&
		    r->rows[i].path == (p % 2 ? PATH_PUBLIC : PATH_HUB))
			return &r->rows[i];
	return NULL;
}

/* A row of the roll-up is what a report of all its samples would have. */
static void
assert_sums(const struct report *r, const struct hour *hour)
{
	for (unsigned p = 0; p < PEERS; p++) {
		const struct series *s = &hour->series[p];
		const struct report_row *row = find(r, p);
		struct report_row want = { .sent = 0 };

		if (!row) {
			assert_int_equal(s->sent, 0);
			continue;
		}
		row_of_samples(&want, s->rtt_ns, s->n);
		assert_int_equal(row->sent, s->sent);
		assert_int_equal(row->lost, s->lost);
		assert_int_equal(row->late, s->sent / SAMPLES);
		assert_int_equal(row->min_us, want.min_us);
		assert_int_equal(row->max_us, want.max_us);
		assert_in_range(row->mean_us + 2, want.mean_us, want.mean_us + 4);
		assert_int_equal(row->rtt.n, want.rtt.n);
		for (uint32_t i = 0; i < row->rtt.n; i++) {
			assert_int_equal(row->rtt.buckets[i].index,
			    want.rtt.buckets[i].index);
			assert_int_equal(row->rtt.buckets[i].count,
			    want.rtt.buckets[i].count);
		}
		sketch_fini(&want.rtt);
	}
}

static void
test_sums(void **state)
{
	struct seed seed = seed_new("test_sums");
	uint8_t first[65536], again[65536];
	size_t len = 0;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct hour *hour = calloc(1, sizeof(*hour));
		struct rollup *u, *v;
		const struct report *sum;

		fill(hour, &seed);
		u = rollup_new("hkg", (struct wall){ START_NS }, HOUR_MS);
		v = rollup_new("hkg", (struct wall){ START_NS }, HOUR_MS);
		for (unsigned i = 0; i < REPORTS; i++) {
			rollup_add(u, &hour->reports[i]);
			/* 7 and 60 have no common divisor: every one, in other order */
			rollup_add(v, &hour->reports[(i * 7 + 3) % REPORTS]);
		}
		assert_int_equal(rollup_count(u), REPORTS);
		sum = rollup_report(u);
		assert_sums(sum, hour);
		assert_int_equal(sum->seq, REPORTS - 1);
		assert_int_equal(sum->boot, 9);
		assert_int_equal(sum->stamp, STAMP_KERNEL_RX);
		assert_int_equal(sum->spoofed, REPORTS * (REPORTS - 1) / 2);
		assert_int_equal(sum->local_drop, REPORTS);
		len = report_encode(sum, first, sizeof(first));
		assert_true(len > 0);
		assert_int_equal(report_encode(rollup_report(v), again, sizeof(again)),
		    len);
		assert_memory_equal(first, again, len);
		rollup_free(u);
		rollup_free(v);
		hour_free(hour);
	}
}

/* Hours of five minutes are hours of reports. */
static void
test_tiers(void **state)
{
	struct seed seed = seed_new("test_tiers");
	struct hour *hour = calloc(1, sizeof(*hour));
	struct rollup *u = rollup_new("hkg", (struct wall){ START_NS }, HOUR_MS);

	(void)state;
	fill(hour, &seed);
	for (unsigned i = 0; i < REPORTS; i += 5) {
		struct rollup *five = rollup_new("hkg", hour->reports[i].start, 300000);
		const struct report *r;

		for (unsigned k = 0; k < 5; k++)
			rollup_add(five, &hour->reports[i + k]);
		r = rollup_report(five);
		assert_int_equal(report_check(r, NULL), 0);
		rollup_add(u, r);
		rollup_free(five);
	}
	assert_sums(rollup_report(u), hour);
	assert_int_equal(rollup_report(u)->seq, REPORTS - 1);
	rollup_free(u);
	hour_free(hour);
}

/* Whatever passes report_check() gives a roll-up that passes, at the limits too. */
static void
test_limits(void **state)
{
	struct rollup *u = rollup_new("hkg", (struct wall){ START_NS }, HOUR_MS);
	struct report r = { .node = "hkg",
		.start.ns = START_NS,
		.length_ms = 1,
		.spoofed = INT64_MAX };
	struct report_row *row = report_add(&r);
	struct err err = { "" };
	const struct report *sum;

	(void)state;
	(void)strcpy(row->peer, "nrt");
	row->sent = UINT32_MAX;
	row->duplicate = UINT32_MAX;
	row->min_us = row->mean_us = row->max_us = 60000000;
	sketch_add(&row->rtt, 60000000 * NS_PER_US, UINT32_MAX);
	assert_int_equal(report_check(&r, &err), 0);
	for (int i = 0; i < 3; i++)
		rollup_add(u, &r);
	row->lost = row->sent = 1;
	row->min_us = row->mean_us = row->max_us = 0;
	sketch_clear(&row->rtt);
	rollup_add(u, &r);
	sum = rollup_report(u);
	if (report_check(sum, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(sum->n_rows, 1);
	assert_true(sum->rows[0].sent == UINT32_MAX);
	assert_true(sum->rows[0].duplicate == UINT32_MAX);
	assert_true(sum->spoofed == INT64_MAX);
	rollup_free(u);
	/* More peers over time than one report may have rows. */
	u = rollup_new("hkg", (struct wall){ START_NS }, HOUR_MS);
	for (unsigned i = 0; i < REPORT_ROWS_MAX + 100; i++) {
		(void)snprintf(row->peer, sizeof(row->peer), "p%u", i);
		rollup_add(u, &r);
	}
	sum = rollup_report(u);
	assert_int_equal(sum->n_rows, REPORT_ROWS_MAX);
	assert_int_equal(report_check(sum, &err), 0);
	rollup_free(u);
	report_fini(&r);
	/* And none at all. */
	u = rollup_new("hkg", (struct wall){ START_NS }, HOUR_MS);
	assert_int_equal(report_check(rollup_report(u), &err), 0);
	rollup_free(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
