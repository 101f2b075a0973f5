/* SPDX-License-Identifier: MIT */
/*
 * Sums over stored reports: for each (source, destination, path) the rows of all the
 * reports that were added, merged, whatever their lengths.  Made for a hundred thousand
 * reports at a time: no allocation a row, and counts in an array.
 */
#ifndef COLLECTOR_TALLY_H
#define COLLECTOR_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/matrix.h"
#include "collector/roster.h"

struct tally;

struct tally_opts {
	const struct roster *roster; /* borrowed */
	size_t first, n;	     /* sources from first on that it has room for */
	unsigned paths;		     /* set of 1 << enum path that are summed */
};

struct tally *tally_new(const struct tally_opts *opts);
void tally_free(struct tally *t); /* NULL is fine */

/*
 * A stored body of node src, which is one of first .. first + n - 1.  Rows of peers
 * that are not in the mesh are left out.  -EBADMSG if it is no report.
 */
int tally_add(struct tally *t, size_t src, const uint8_t *body, size_t len);

/* As matrix_get(), over everything that was added; *last is the end of the newest
 * report. */
bool tally_get(const struct tally *t, const struct matrix_key *key,
    struct report_row *out, struct wall *last);

#endif
