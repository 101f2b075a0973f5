/* SPDX-License-Identifier: MIT */
/*
 * The JSON form of a report, for people and for tests:
 *
 *   {"node": "hkg", "boot": "0123456789abcdef", "seq": 7,
 *    "start": 1767225600.000, "length_ms": 10000, "stamp": "kernel-rx",
 *    "spoofed": 0, "local_drop": 0,
 *    "rows": [{"peer": "nrt", "path": "hub", "sent": 10, "lost": 0, "late": 0,
 *              "duplicate": 0, "reordered": 0, "min_ms": 492.1, "mean_ms": 492.2,
 *              "max_ms": 492.4, "jitter_ms": 0.1, "p50_ms": 492.2, "p95_ms": 492.4,
 *              "sketch": [[605, 10]]}]}
 *
 * p50_ms and p95_ms are written for the reader and ignored when read; sketch lists
 * [bucket, count].  A row without an answer has no times and no sketch.
 */
#ifndef COMMON_REPORT_JSON_H
#define COMMON_REPORT_JSON_H

#include "common/report.h"

/* A new string, to be freed by the caller; NULL if report_check() refuses r. */
char *report_to_json(const struct report *r);
/*
 * Reads exactly len bytes; ends in report_check().  On failure *r is empty.  Refuses
 * more than 4 * REPORT_BYTES_MAX (about 15,000 rows), and whatever would cost jansson
 * more than 100 MB of memory; unknown members and members given twice are errors.
 */
int report_from_json(struct report *r, const char *in, size_t len, struct err *err);

#endif
