/* SPDX-License-Identifier: MIT */
/*
 * Many reports of one node made one: the roll-up of a bucket of time.  It is a report
 * itself and obeys report_check(), so a roll-up of roll-ups is made the same way, and
 * the hour made of twelve times five minutes is the hour made of its reports: counts,
 * minimum, maximum and sketch exactly, mean and jitter but for rounding.  The order of
 * the reports does not matter.
 */
#ifndef COLLECTOR_ROLLUP_H
#define COLLECTOR_ROLLUP_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/report.h"

struct rollup;

/* node: as the store knows it, below MESH_NAME_MAX.  start, length_ms: the bucket. */
struct rollup *rollup_new(const char *node, struct wall start, uint32_t length_ms);
void rollup_free(struct rollup *rollup); /* NULL is fine */

/*
 * Rows that would take a count over 2^32 or the roll-up over REPORT_ROWS_MAX are left
 * out, which no prober's reports come near.
 */
void rollup_add(struct rollup *rollup, const struct report *r);

/*
 * The same for a report in binary form, in the memory of one row; *n_rows tells how
 * many it has.  0, or -EINVAL if report_decode() refuses it: then nothing was added.
 */
int rollup_add_body(struct rollup *rollup, const uint8_t *body, size_t len,
    size_t *n_rows);

/* Reports that were added. */
size_t rollup_count(const struct rollup *rollup);
/*
 * The sum: rows in order of (peer, path); boot and seq of the report that ended last;
 * the least precise of the stamps.  Belongs to the roll-up; add no more after it.
 */
const struct report *rollup_report(struct rollup *rollup);

#endif
