/* SPDX-License-Identifier: MIT */
/*
 * Carrying out: reads the kernel, checks, changes, reads back.  Words go to the log,
 * the outcome to the caller.
 */
#ifndef OPTIMIZER_APPLY_RUN_H
#define OPTIMIZER_APPLY_RUN_H

#include "optimizer/apply/goals.h"
#include "optimizer/apply/pair.h"
#include "optimizer/apply/run_io.h"
#include "optimizer/apply/steps.h"

struct run_opts {
	bool yes;	 /* else only say what would be done */
	int64_t wait_ns; /* for a handshake */
};

/* What became of a goal. */
struct run_pair {
	size_t goal;
	bool as_wanted;	   /* direct, or back by the hub */
	bool changed;	   /* by this run */
	int64_t median_us; /* measured in the tunnel, or -1 */
	struct err why;	   /* when not as_wanted, and acted upon */
};

struct run_result {
	struct steps steps;    /* what was to be done */
	bool refused;	       /* the node as a whole; nothing was touched */
	struct run_pair *pair; /* owned, one a goal */
	size_t n_pairs;
	size_t done;   /* pairs that are as wanted and needed it, now or before */
	size_t failed; /* pairs that are not */
};

/*
 * 0 if the pairs were looked at, each with its own outcome in *out; else -errno: a
 * fault of the node as a whole, with err in words unless they were logged (refused).
 * Clear *out with run_result_fini() in any case.
 */
int run_apply(struct kernel *k, const struct goals *goals, const struct run_opts *opts,
    const struct run_io *io, struct run_result *out, struct err *err);

/*
 * Delete our routes, all of them and nothing else.  goals is only asked for names.  The
 * steps tell what was, or would be, deleted.
 */
int run_undo(struct kernel *k, const struct goals *goals, const struct run_opts *opts,
    const struct run_io *io, struct run_result *out, struct err *err);

void run_result_fini(struct run_result *result);

#endif
