/* SPDX-License-Identifier: MIT */
/*
 * Reports that wait for the collector, on disk: append-only segments in a directory of
 * their own, so that neither kill -9 nor a power cut loses more than the record being
 * written.  The newest is handed out first, since decisions are made from fresh
 * figures; over the limit the oldest segment goes, and what it held is counted.
 *
 * A disk that is full or fails loses nothing either, at first: the reports then wait in
 * memory, up to SPOOL_MEMORY_MAX, as they do without a directory.
 */
#ifndef PROBER_SPOOL_H
#define PROBER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define SPOOL_BYTES_MAX	    (UINT64_C(64) << 20) /* days, in a mesh of 200 */
#define SPOOL_SEGMENT_BYTES (1u << 20)
#define SPOOL_MEMORY_MAX    1000 /* reports: 4 MB and 2.7 h in a mesh of 200 */

struct spool;

struct spool_item {
	uint64_t id;
	uint8_t *data; /* the caller's to free(); NULL = none waits */
	size_t len;
};

struct spool_stats {
	uint64_t bytes;	       /* on disk */
	uint64_t reports;      /* waiting, on disk and in memory */
	uint64_t in_memory;    /* of them */
	uint64_t dropped;      /* for want of room, ever */
	uint64_t damaged;      /* bytes of segments that were no records, ever */
	uint64_t write_errors; /* ever */
	int code;	       /* errno of the last write, 0 = it went well */
};

/*
 * dir is made if it is missing; NULL: memory only.  bytes_max: at least two segments.
 * -EBUSY if another process has it.  What a former run left is found again.
 */
int spool_open(const char *dir, uint64_t bytes_max, struct spool **out,
    struct err *err);
/* What waits on disk stays there. */
void spool_free(struct spool *s);

/* len: 1 to REPORT_BYTES_MAX.  Never fails: see above. */
void spool_put(struct spool *s, const uint8_t *data, size_t len);

/* The newest that waits, which goes on waiting until spool_done(). */
struct spool_item spool_newest(struct spool *s);
/* Delivered or refused.  An id that does not wait any more is fine. */
void spool_done(struct spool *s, uint64_t id);

struct spool_stats spool_stats(const struct spool *s);
/* The directory, or NULL. */
const char *spool_dir(const struct spool *s);

#endif
