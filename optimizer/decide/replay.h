/* SPDX-License-Identifier: MIT */
/*
 * A recorded history through a policy: at each slice a plan from what was known then,
 * judged by what the next slice really was.  Pure, and the same result for the same
 * history.
 */
#ifndef OPTIMIZER_DECIDE_REPLAY_H
#define OPTIMIZER_DECIDE_REPLAY_H

#include "common/err.h"
#include "optimizer/decide/history.h"
#include "optimizer/decide/instance.h"
#include "optimizer/decide/policy.h"

struct replay_setup {
	const struct history *history;
	size_t from, to;  /* slices, both included; at least two */
	size_t window;	  /* slices that a plan looks back on; 0 = all since from */
	int64_t slice_ns; /* length of a slice */
	const struct policy *policy;
	const struct instance
	    *nodes; /* nodes, hub and limits; its pairs are not read */
	const struct instance_opts *opts;
	bool once; /* one plan after slice cut, judged by the medians of the rest */
	size_t cut;
	bool medians;	/* plan by medians instead of confidence limits */
	bool no_oracle; /* leave out oracle and hindsight, which cost a plan each */
};

/* All sums are us x weight saved against the hub, over the pairs of one slice. */
struct replay_step {
	size_t slice; /* the one that judged, or the last of them */
	bool planned; /* by a new plan; else by the one before */
	size_t tunnels, added, dropped;
	size_t switched;   /* pairs whose path changed */
	int64_t predicted; /* at the limits that decided */
	int64_t realised;
	int64_t oracle;	 /* the best plan for this slice */
	int64_t fixed;	 /* the best plan for the medians of the whole history */
	int64_t hub_sum; /* us x weight of the measured pairs by the hub ... */
	int64_t weight;	 /* ... and their weight */
};

struct replay_result {
	struct replay_step *steps; /* owned; the slices after the first */
	size_t n_steps;
	int64_t predicted, realised, oracle, fixed; /* sums over the steps */
	size_t pairs;
	size_t replans;		   /* after the first plan */
	size_t switches;	   /* of pairs, after the first plan */
	size_t worst;		   /* switches of the pair that has most ... */
	uint32_t worst_a, worst_b; /* ... and its nodes */
	double churn;		   /* mean over the re-plans: changed of all tunnels */
	double days;		   /* from the first plan to the end */
};

/* -EINVAL as solve(); *out is then empty.  Free with replay_fini(). */
int replay_run(const struct replay_setup *setup, struct replay_result *out,
    struct err *err);
void replay_fini(struct replay_result *r);

/* Switches a day of the pair that has most: what a flap budget limits. */
double replay_flaps(const struct replay_result *r);

#endif
