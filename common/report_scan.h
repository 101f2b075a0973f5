/* SPDX-License-Identifier: MIT */
/*
 * The rows of a report that has passed report_walk() before, as one out of a store has,
 * at half its cost: names stay where they are, what is not asked for is passed over
 * eight bytes at a time, and buckets come in an array.  Damage makes it fail and never
 * read beyond the end, but it is no judge: it passes more than report_walk() does.
 *
 *	r = report_scan_start(&s, in, len, 1u << PATH_HUB);
 *	while (r >= 0 && (r = report_scan_next(&s)) > 0)
 *		... s.walk.head, s.peer, s.path ...
 */
#ifndef COMMON_REPORT_SCAN_H
#define COMMON_REPORT_SCAN_H

#include "common/report.h"

struct report_scan {
	struct report_walk walk; /* its head */
	const char *peer;	 /* borrowed, without an end */
	size_t peer_len;	 /* below MESH_NAME_MAX */
	size_t group;		 /* changes with the peer; from 1 */
	enum path path;
	uint32_t sent, lost;
	uint32_t min_us, mean_us, max_us, jitter_us; /* if n */
	uint64_t samples;
	size_t n;
	struct sketch_bucket buckets[SKETCH_BUCKETS]; /* n of them, by rising index */
	/* Its own. */
	unsigned paths;
	const uint8_t *p, *end;
	uint64_t groups, rows;
};

/* paths: set of 1 << enum path to be shown.  in: borrowed.  0 or -EBADMSG. */
int report_scan_start(struct report_scan *s, const uint8_t *in, size_t len,
    unsigned paths);
/* 1: there is a row; 0: there was the last one; -EBADMSG. */
int report_scan_next(struct report_scan *s);

#endif
