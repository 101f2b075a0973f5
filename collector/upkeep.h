/* SPDX-License-Identifier: MIT */
/*
 * The store's housekeeping: makes the roll-ups that are due, then deletes what is older
 * than it is kept.  In small steps, for the thread that has reports to write between
 * them.  Knows no clock; all that must not be lost is in the store, so it may be begun
 * anew at any time.
 */
#ifndef COLLECTOR_UPKEEP_H
#define COLLECTOR_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

#include "collector/store.h"

struct upkeep_keep {
	int64_t ns[STORE_TIERS]; /* how long; events as long as the hours */
};

/*
 * 24 h, 30 d and 400 d up to 300 nodes; above, each shorter by the square of how many
 * times more there are (1,000 nodes: 2 h, 2.7 d, 36 d), but an hour, a day, a week.
 */
struct upkeep_keep upkeep_default(size_t n_nodes);

struct upkeep {
	struct upkeep_keep keep;
	/* Since the start. */
	uint64_t rollups, expired;
	uint64_t unsound; /* stored reports that do not decode: left out of roll-ups */
	int phase;	  /* its own */
};

void upkeep_init(struct upkeep *u, const struct upkeep_keep *keep);

/*
 * One step: some roll-ups, or some deletions, in one transaction.  1: there is more to
 * do; 0: done, until time has gone on; -errno.
 */
int upkeep_step(struct upkeep *u, struct store *store, struct wall now,
    struct err *err);

#endif
