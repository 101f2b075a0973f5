/* SPDX-License-Identifier: MIT */
/*
 * Which policy would have kept the peace: a grid of variations of one policy, each
 * replayed over the same history.
 */
#ifndef OPTIMIZER_DECIDE_REPLAY_SEARCH_H
#define OPTIMIZER_DECIDE_REPLAY_SEARCH_H

#include "optimizer/decide/replay.h"

struct replay_search {
	double flaps_per_day; /* in: no pair may switch more often */
	struct policy policy; /* out: the best that meets it */
	size_t tried, met;    /* out: replays, and those that met it */
	double fewest;	      /* out: flaps a day of the calmest */
};

/*
 * Of the setup's policy with other change costs, dwells and gains, the one that saved
 * most within the budget; of equals the mildest.  -ENOENT if none meets it, and err
 * says how near the calmest came.
 */
int replay_search(const struct replay_setup *setup, struct replay_search *search,
    struct err *err);

#endif
