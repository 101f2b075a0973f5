/* SPDX-License-Identifier: MIT */
/*
 * What a query for the matrix sees: the rows of the last minutes, or the sums of what
 * the store has of a stretch of time.
 */
#ifndef COLLECTOR_API_VIEW_H
#define COLLECTOR_API_VIEW_H

#include "collector/api_reply.h"
#include "collector/tally.h"

/* All zero but job and out. */
struct api_view {
	struct api_job *job;
	FILE *out;
	struct store *store; /* if the answer comes from there */
	struct wall since;
	enum store_tier tier;
	int error;	       /* there is nothing more to be seen */
	struct report_row row; /* what was looked at last; its sketch owned */
	struct wall last;      /* likewise */
	bool any;	       /* the caller's: rows were printed */
	/* Its own. */
	struct tally *tally; /* sums of some sources, out of the store */
	size_t first, end;   /* those */
};

/* By the job's query.  0, or -errno, which is in error as well, with the job's err. */
int api_view_open(struct api_view *v, struct store *store);
void api_view_close(struct api_view *v);

/* Into v->row and v->last; false without a probe.  Sources are asked for in their
 * order. */
bool api_view_look(struct api_view *v, const struct matrix_key *key);

#endif
