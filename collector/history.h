/* SPDX-License-Identifier: MIT */
/*
 * A stretch of time out of the store's tiers, so that nothing is counted twice: the
 * roll-ups of the coarsest tier that fits, and behind the newest of each source, where
 * none is made yet, the finer ones and the reports themselves.
 */
#ifndef COLLECTOR_HISTORY_H
#define COLLECTOR_HISTORY_H

#include "collector/roster.h"
#include "collector/store.h"

struct history_query {
	const struct roster *roster; /* borrowed; others than its nodes are left out */
	struct store_window window;
	enum store_tier tier; /* of the coarsest to take */
	size_t first, n;      /* sources by their index; n == 0: all */
};

/* src is an index into the mesh.  Returns 0 to go on. */
typedef int history_cb(size_t src, const struct store_report *report, void *ctx);

/*
 * Of each source in order of start.  The window begins where a bucket of the tier does:
 * see history_align().
 */
int history_scan(struct store *store, const struct history_query *query, history_cb *cb,
    void *ctx, struct err *err);

/* The tier from which a window of that length is answered. */
enum store_tier history_tier(int64_t span_ns);
/* The tier whose buckets fill steps of that length. */
enum store_tier history_step_tier(int64_t step_ns);
/* t, or the start of the bucket that it is in. */
struct wall history_align(struct wall t, enum store_tier tier);

#endif
