/* SPDX-License-Identifier: MIT */
/*
 * All pairs that are to become direct, at the same time: one loop over their state
 * machines.  What a machine asks for is done to the kernel here.
 */
#ifndef OPTIMIZER_APPLY_RUN_PAIRS_H
#define OPTIMIZER_APPLY_RUN_PAIRS_H

#include "optimizer/apply/pair.h"
#include "optimizer/apply/run_io.h"
#include "optimizer/apply/steps.h"

/* All borrowed.  pairs has one entry a goal; only those with active set are driven. */
struct run_pairs {
	struct kernel *k;
	const struct goals *goals;
	const struct steps *steps; /* of the kernel as it is, with the interface up */
	const struct run_io *io;
	unsigned ifindex; /* of the direct interface */
	struct pair *pairs;
	const bool *active;
	/* Its own while it runs. */
	struct mono next_look, next_word;
	bool *told; /* a failure was logged */
};

/* Returns when every active pair is over.  Logs as it goes. */
void run_pairs(struct run_pairs *d);

#endif
