/* SPDX-License-Identifier: MIT */
/*
 * All reports of this run added up, for /metrics.  Pure.
 */
#ifndef PROBER_TOTALS_H
#define PROBER_TOTALS_H

#include "common/report.h"

/* A path of which nothing was reported for so many reports is forgotten: its series end
 * rather than stand still. */
#define TOTALS_FORGET_REPORTS 30u

/* 50 us x 2^n, 50 us to 52 s; what is above is in the last, which has no bound. */
#define TOTALS_BUCKETS 22

struct totals_row {
	char peer[MESH_NAME_MAX];
	enum path path;
	uint64_t last; /* report that last had it */
	uint64_t sent, answered, late, duplicate, reordered;
	uint64_t samples, sum_us;
	uint64_t buckets[TOTALS_BUCKETS]; /* not cumulative */
};

struct totals {
	uint64_t reports, spoofed, local_drop;
	struct totals_row *rows; /* owned */
	size_t n, cap;
};

void totals_fini(struct totals *t); /* zeroed is the start */
void totals_add(struct totals *t, const struct report *r);

/* Upper bound of a bucket but the last. */
int64_t totals_bound_us(unsigned bucket);

/* All rows of a path as one, without a peer. */
struct totals_row totals_of_path(const struct totals *t, enum path path);

#endif
