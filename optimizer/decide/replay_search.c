/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/replay_search.h"

#include <errno.h>

/* Multiples and steps that are told apart in real series; finer ones are noise. */
static const int64_t costs_us[] = { 0, 2000, 5000, 10000, 20000, 50000, 100000 };
static const int64_t dwells_s[] = { 0, 900, 3600, 21600, 86400, 259200 };
static const int64_t gains_us[] = { 1000, 10000, 20000, 50000 };

#define N(list) (sizeof(list) / sizeof((list)[0]))

struct best {
	bool found;
	int64_t realised;
	double flaps;
};

static int
try_policy(const struct replay_setup *setup, const struct policy *policy,
    struct replay_search *search, struct best *best, struct err *err)
{
	struct replay_setup set = *setup;
	struct replay_result result;
	double flaps;
	int r;

	set.policy = policy;
	set.no_oracle = true;
	r = replay_run(&set, &result, err);
	if (r < 0)
		return r;
	flaps = replay_flaps(&result);
	if (search->tried++ == 0 || flaps < search->fewest)
		search->fewest = flaps;
	if (flaps <= search->flaps_per_day) {
		search->met++;
		if (!best->found || result.realised > best->realised ||
		    (result.realised == best->realised && flaps < best->flaps)) {
			*best = (struct best){ true, result.realised, flaps };
			search->policy = *policy;
		}
	}
	replay_fini(&result);
	return 0;
}

/* A dwell below a slice, after another such, changes nothing. */
static bool
is_new_dwell(const struct replay_setup *setup, size_t i)
{
	return i == 0 || dwells_s[i] * NS_PER_S > setup->slice_ns;
}

int
replay_search(const struct replay_setup *setup, struct replay_search *search,
    struct err *err)
{
	struct best best = { 0 };
	int r = 0;

	search->tried = search->met = 0;
	for (size_t c = 0; c < N(costs_us) && r == 0; c++) {
		for (size_t d = 0; d < N(dwells_s) && r == 0; d++) {
			for (size_t g = 0; g < N(gains_us) && r == 0; g++) {
				struct policy policy = *setup->policy;

				if (!is_new_dwell(setup, d))
					continue;
				policy.change_cost_us = costs_us[c];
				policy.dwell_ns = dwells_s[d] * NS_PER_S;
				policy.gain_us = gains_us[g];
				r = try_policy(setup, &policy, search, &best, err);
			}
		}
	}
	if (r < 0 || best.found)
		return r;
	return err_code(err, ENOENT,
	    "none of %zu policies keeps every pair at %g switches a day or less; the "
	    "calmest comes to %.2f",
	    search->tried, search->flaps_per_day, search->fewest);
}
