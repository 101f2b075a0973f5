/* SPDX-License-Identifier: MIT */
/*
 * The records of a spool segment as bytes:
 *
 *   "MSR1"  id (8)  length (4)  CRC-32C (4) of id, length and body  body
 *
 * Numbers are big endian.  A record with a body is a report; one without says that the
 * report of that id has been dealt with.  A segment is a run of records; what is
 * between them is damage, and the next record is found behind it.  Pure.
 */
#ifndef PROBER_SPOOL_RECORD_H
#define PROBER_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_RECORD_HEAD 20
#define SPOOL_ID_MAX	  INT64_MAX /* ids only grow: there is always a next one */

struct spool_record {
	uint64_t id;
	size_t at;  /* of the body, from the start of the segment */
	size_t len; /* of the body; 0 = dealt with */
};

/* Write the head that goes before the body. */
void spool_record_head(uint64_t id, const uint8_t *body, size_t len,
    uint8_t head[SPOOL_RECORD_HEAD]);

/*
 * The next record from *at on, which is moved behind it; bytes that are none are
 * counted in *damaged.  False at the end of the segment.
 */
bool spool_record_next(const uint8_t *segment, size_t len, size_t *at,
    struct spool_record *out, uint64_t *damaged);

/* Is this, head and body, the record of that id and length, unharmed? */
bool spool_record_is(const uint8_t *record, uint64_t id, size_t len);

#endif
