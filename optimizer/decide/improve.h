/* SPDX-License-Identifier: MIT */
/*
 * From a plan to a better one: drop what matters least and fill up again, swap one for
 * one, ruin and recreate, and round what the dual tends to choose.  Each keeps the best
 * network found; work is counted in rounds, never in seconds.
 */
#ifndef OPTIMIZER_DECIDE_IMPROVE_H
#define OPTIMIZER_DECIDE_IMPROVE_H

#include "optimizer/decide/bundle.h"
#include "optimizer/decide/dual.h"
#include "optimizer/decide/greedy.h"

struct improve {
	const struct model *m;
	struct greedy *greedy;
	struct network *best;
	struct network *work;
	struct network *here; /* where ruin and recreate goes on from; NULL before */
	uint64_t random;      /* state of the generator, never 0 */
	int64_t *key;	      /* scratch, one a tunnel */
	uint32_t *order;      /* likewise */
	struct bundle_scratch *bundle;
	bool *banned;  /* NULL, or for the next fill: not these */
	unsigned most; /* rounds of drop and refill; 0 = until nothing helps */
	bool bundles;
};

/* With the required tunnels in both networks; -EINVAL and err if they do not fit. */
int improve_init(struct improve *im, const struct model *m, uint64_t seed,
    struct err *err);
void improve_fini(struct improve *im);

/* Keep work if it is better than best; says whether it was. */
bool improve_keep(struct improve *im);
void improve_drop_refill(struct improve *im);
void improve_swap(struct improve *im, unsigned rounds);
void improve_ruin(struct improve *im, unsigned rounds);
/* A plan from the smoothed x; turn varies how far it is trusted.  Ends in work. */
void improve_round(struct improve *im, const struct dual *u, unsigned turn);

#endif
