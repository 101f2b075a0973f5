/* SPDX-License-Identifier: MIT */
/*
 * Rows as the matrix keeps them: the sums of a slot, some 25 bytes each, in order of
 * their place (see matrix.c) and only to be read from the first on.  What is read here
 * was written here, so there is nothing to refuse.
 */
#ifndef COLLECTOR_PACKED_H
#define COLLECTOR_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/report.h"
#include "common/sketch.h"
#include "common/wire.h"

/* A sketch of all buckets with full counts, and the other fields. */
#define PACKED_BYTES_MAX (8 * SKETCH_BUCKETS + 80)

struct packed {
	size_t at; /* the place: above that of the row before */
	uint32_t sent, lost;
	uint32_t min_us, max_us;    /* if there are samples */
	uint64_t rtt_us, jitter_us; /* sums over the samples */
	uint64_t old_ms;   /* start of the slot's newest report minus the row's */
	struct sketch rtt; /* owned */
};

/* at: the place of the row before, 0 before the first; both move it on. */
void packed_put(struct wire_out *out, const struct packed *row, size_t *at);
/* False at the end. */
bool packed_get(struct wire_in *in, struct packed *row, size_t *at);

/* The row of a report that starts old_ms before the newest, at its place. */
void packed_from_row(struct packed *out, const struct report_row *row);
/* Counts and sums saturate. */
void packed_merge(struct packed *into, const struct packed *from);
/* All but peer and path; the sketch is copied into what out->rtt has. */
void packed_to_row(const struct packed *in, struct report_row *out);

void packed_clear(struct packed *row); /* empty, memory kept */
void packed_fini(struct packed *row);

#endif
