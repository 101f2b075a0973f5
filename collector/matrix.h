/* SPDX-License-Identifier: MIT */
/*
 * What is known now: for each (source, destination, path) the rows of the last few
 * minutes, merged.  Time is cut into slots; a row goes into the slot in which its
 * window began, and a query merges the slots that it reaches back to, the oldest of
 * them whole. All times are the probers' own.
 *
 * Memory: 56 bytes and a small allocation (the sketch, typically 32 bytes) a slot, made
 * when the first row of a (source, destination, path) comes; see matrix_slots() for how
 * many there are.  That is 2.8 kB a triple up to 200 nodes (12 nodes, two paths: 0.8
 * MB; 200 nodes: 220 MB) and 0.7 kB above (1,000 nodes: 1.4 GB).
 */
#ifndef COLLECTOR_MATRIX_H
#define COLLECTOR_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/report.h"

#include "collector/roster.h"

struct matrix;

/* roster: borrowed.  window_ns: how far back a query may reach, above 0. */
struct matrix *matrix_new(const struct roster *roster, int64_t window_ns);
void matrix_free(struct matrix *m);

int64_t matrix_window_ns(const struct matrix *m);
/* Into how many slots the window of a mesh of so many nodes is cut. */
unsigned matrix_slots(size_t n_nodes);

/*
 * Take in the rows of a report of node src.  Rows of a peer that is not in the mesh are
 * left out; so are those older than the slots.  Not idempotent: the store knows twice.
 */
void matrix_add(struct matrix *m, size_t src, const struct report *r);

struct matrix_key {
	size_t src, dst;
	enum path path;
};

/*
 * Merge what began at `since` or later into *out, whose peer and path stay as they are
 * and whose sketch is cleared first; *last is the start of the newest row.  False, and
 * *out of no meaning, if no probe was sent.  The times are zero if the sketch is empty.
 * The mean is weighted by samples, and so is the jitter, in which the step from one
 * window to the next has no part.  The counts late, duplicate and reordered stay 0.
 */
bool matrix_get(const struct matrix *m, const struct matrix_key *key, struct wall since,
    struct report_row *out, struct wall *last);

#endif
