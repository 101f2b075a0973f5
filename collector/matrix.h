/* SPDX-License-Identifier: MIT */
/*
 * What is known now: for each (source, destination, path) the rows of the last few
 * minutes, merged.  Time is cut into slots; a row goes into the slot in which its
 * window began, and a query merges the slots that it reaches back to, the oldest of
 * them whole.  All times are the probers' own.
 *
 * One thread adds, any may ask at the same time: each row is of one moment.
 *
 * Memory: a slot of a source is one block, 20 to 30 bytes a row (packed.h), and the
 * slots are as many as some 100 MB hold of a full mesh over two paths, see
 * matrix_slots(): 30 up to 250 nodes, 2 for 1,000.  It costs a large mesh the sharp
 * edge of its window and not the window.
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
/* The same from the binary form of a report that has been decoded once. */
void matrix_add_body(struct matrix *m, size_t src, const uint8_t *body, size_t len);

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
 *
 * Ask source by source: the rows of the one asked last are at hand, those of another
 * have to be unpacked.
 */
bool matrix_get(struct matrix *m, const struct matrix_key *key, struct wall since,
    struct report_row *out, struct wall *last);

#endif
