/* SPDX-License-Identifier: MIT */
/*
 * Reports for tests: made of random RTTs as a prober would make them, and compared
 * field by field.
 */
#ifndef TESTS_UNIT_RANDOM_REPORT_H
#define TESTS_UNIT_RANDOM_REPORT_H

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/report.h"
#include "tests/unit/seed.h"

static inline uint32_t
us_of_ns(int64_t ns)
{
	return (uint32_t)((ns + NS_PER_US / 2) / NS_PER_US);
}

/* Fills in the times of a row from its samples, one after the other. */
static inline void
row_of_samples(struct report_row *row, const int64_t *rtt_ns, uint32_t n)
{
	int64_t min = INT64_MAX, max = 0, sum = 0, turns = 0;

	for (uint32_t i = 0; i < n; i++) {
		min = rtt_ns[i] < min ? rtt_ns[i] : min;
		max = rtt_ns[i] > max ? rtt_ns[i] : max;
		sum += rtt_ns[i];
		turns += i ? llabs(rtt_ns[i] - rtt_ns[i - 1]) : 0;
		sketch_add(&row->rtt, rtt_ns[i], 1);
	}
	if (n == 0)
		return;
	row->min_us = us_of_ns(min);
	row->mean_us = us_of_ns(sum / n);
	row->max_us = us_of_ns(max);
	row->jitter_us = n > 1 ? us_of_ns(turns / (n - 1)) : 0;
}

/* Two rows that pass: ten answers, of which nine have an RTT; and all lost. */
static inline struct report
small_report(void)
{
	static const int64_t rtt_ns[9] = { 49000000, 49100000, 49000000, 49200000,
		49000000, 49000400, 49000000, 50300000, 49000000 };
	struct report r = { .node = "hkg",
		.boot = 0x0123456789abcdef,
		.seq = 7,
		.start = { 1767225600000 * NS_PER_MS },
		.length_ms = 10000,
		.stamp = STAMP_KERNEL_RX };
	struct report_row *row = report_add(&r);

	(void)strcpy(row->peer, "nrt");
	row->path = PATH_DIRECT;
	row->sent = 10;
	row_of_samples(row, rtt_ns, 9);
	row = report_add(&r);
	(void)strcpy(row->peer, "nrt");
	row->sent = row->lost = 10;
	return r;
}

/* Ten probes or fewer around base_ms, spread as a busy but sound path is. */
static inline void
random_row(struct report_row *row, struct seed *seed, double base_ms, uint32_t n)
{
	int64_t rtt_ns[64];

	for (uint32_t i = 0; i < n; i++)
		rtt_ns[i] =
		    (int64_t)(NS_PER_MS * (base_ms - 0.3 * log(seed_unit(seed))));
	row_of_samples(row, rtt_ns, n);
}

/* A report of n_peers, two rows each; rows with loss and oddities if odd. */
static inline struct report
random_report(struct seed *seed, unsigned n_peers, bool odd)
{
	struct report r = { .node = "hkg", .boot = seed_next(seed) };

	r.seq = seed_below(seed, 100000);
	r.start.ns =
	    (INT64_C(1700000000000) + seed_below(seed, 1000000000)) * NS_PER_MS;
	r.length_ms = 10000;
	r.stamp = (enum stamp)seed_below(seed, STAMP_COUNT);
	r.spoofed = odd ? seed_next(seed) >> 1 : 0;
	r.local_drop = odd ? seed_below(seed, 1000) : 0;
	for (unsigned i = 0; i < 2 * n_peers; i++) {
		struct report_row *row = report_add(&r);
		uint32_t n = odd ? seed_below(seed, 11) : 10;

		(void)snprintf(row->peer, sizeof(row->peer), "pop-%u", i / 2);
		row->path = i % 2 ? PATH_PUBLIC : PATH_HUB;
		row->sent = 10;
		row->lost = odd ? seed_below(seed, 11 - n) : 0;
		row->late = odd ? seed_below(seed, 3) : 0;
		row->duplicate = odd && seed_below(seed, 9) == 0 ? UINT32_MAX : 0;
		row->reordered = odd ? seed_below(seed, 2) : 0;
		random_row(row, seed, (i % 2 ? 20 : 200) * (1 + 2 * seed_unit(seed)),
		    n);
	}
	return r;
}

static inline bool
row_equal(const struct report_row *a, const struct report_row *b)
{
	if (strcmp(a->peer, b->peer) != 0 || a->path != b->path || a->sent != b->sent ||
	    a->lost != b->lost || a->late != b->late || a->duplicate != b->duplicate ||
	    a->reordered != b->reordered || a->min_us != b->min_us ||
	    a->mean_us != b->mean_us || a->max_us != b->max_us ||
	    a->jitter_us != b->jitter_us || a->rtt.n != b->rtt.n)
		return false;
	for (size_t i = 0; i < a->rtt.n; i++)
		if (a->rtt.buckets[i].index != b->rtt.buckets[i].index ||
		    a->rtt.buckets[i].count != b->rtt.buckets[i].count)
			return false;
	return true;
}

static inline bool
report_equal(const struct report *a, const struct report *b)
{
	if (strcmp(a->node, b->node) != 0 || a->boot != b->boot || a->seq != b->seq ||
	    a->start.ns != b->start.ns || a->length_ms != b->length_ms ||
	    a->stamp != b->stamp || a->spoofed != b->spoofed ||
	    a->local_drop != b->local_drop || a->n_rows != b->n_rows)
		return false;
	for (size_t i = 0; i < a->n_rows; i++)
		if (!row_equal(&a->rows[i], &b->rows[i]))
			return false;
	return true;
}

#endif
