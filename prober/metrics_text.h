/* SPDX-License-Identifier: MIT */
/*
 * The page of /metrics in Prometheus' text format, version 0.0.4.  Pure.
 */
#ifndef PROBER_METRICS_TEXT_H
#define PROBER_METRICS_TEXT_H

#include "common/stamp_reflector.h"
#include "prober/engine.h"
#include "prober/spool.h"
#include "prober/totals.h"

/*
 * A path is 40 series.  With more paths than this there is one row a path, over all
 * peers: in a large mesh every node has a row for every other, and n^2 series are more
 * than a Prometheus wants (cilium#32820).
 */
#define METRICS_ROWS_MAX 250u

/* What engine_stat() tells of one row. */
struct metrics_stat {
	const char *peer;
	enum path path;
	struct engine_stat stat;
};

struct metrics_page {
	const char *node, *mesh;
	const struct totals *totals;
	const struct metrics_stat *stats;
	size_t n_stats;
	struct spool_stats spool;
	const struct stamp_reflector_counts *reflector; /* NULL = there is none */
};

/* For the caller to free(); NULL without memory. */
char *metrics_text(const struct metrics_page *page, size_t *len);

#endif
