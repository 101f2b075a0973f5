/* SPDX-License-Identifier: MIT */
/*
 * How sure the figures are.  Samples become a median with confidence limits, two paths
 * become a saving that is at least so much, and what is too thin to decide by is named,
 * by how much it could matter.  Pure: samples and sketches in, limits out.
 *
 * The limits are order statistics (Clopper-Pearson ranks of the median), which assume
 * nothing of the distribution: RTTs are skewed, and a mean with a deviation would lie.
 */
#ifndef OPTIMIZER_DECIDE_EVIDENCE_H
#define OPTIMIZER_DECIDE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sketch.h"
#include "optimizer/decide/instance.h"
#include "optimizer/decide/plan.h"

#define EVIDENCE_CONF_PCT 90 /* of the two limits together; a saving has it twice */
#define EVIDENCE_SAMPLES  30 /* the limits are then the 11th and the 20th */

/* lo <= mid <= hi; n == 0 is no evidence and the rest has no meaning. */
struct evidence {
	int64_t mid_us, lo_us, hi_us;
	uint64_t n; /* samples behind it */
};

/* Where the RTT of a path comes from. */
enum evidence_from {
	EVIDENCE_NONE,
	EVIDENCE_OVERLAY, /* hub: the pair's overlay addresses */
	EVIDENCE_LEGS,	  /* hub: the sum of the two legs */
	EVIDENCE_TUNNEL,  /* direct: probes in the tunnel */
	EVIDENCE_PUBLIC,  /* direct: between the public addresses */
};

struct evidence_pair {
	struct evidence hub, direct;
	struct evidence leg_a, leg_b; /* to the hub, from whichever path */
	enum evidence_from hub_from, direct_from;
	double hub_loss, direct_loss; /* share; negative = unknown */
	double age_s;		      /* of the older of the two; negative = unknown */
};

struct evidence_opts {
	unsigned conf_pct;     /* 50..99 */
	uint32_t samples_min;  /* fewer on either path are too thin */
	uint32_t loss_packets; /* packets of an exchange whose loss counts; 0 = off */
};

/*
 * 1-based ranks lo <= hi = n + 1 - lo, n > 0, between which the median lies with at
 * least this confidence; 1 and n where so few samples cannot give it.
 */
void evidence_ranks(uint64_t n, unsigned conf_pct, uint64_t *lo, uint64_t *hi);

struct evidence evidence_figure(int64_t us); /* one figure that speaks for itself */

/*
 * From single samples in the order of time, MATRIX_UNKNOWN where there is none.  A run
 * of one and the same figure counts as one sample: public series and slow probers hold
 * the last figure, and the limits would be too narrow.
 */
struct evidence evidence_series(const int32_t *us, size_t n, unsigned conf_pct);
/* Of hub - direct, where both are known; may be negative. */
struct evidence evidence_paired(const int32_t *hub, const int32_t *direct, size_t n,
    unsigned conf_pct);

/* From a sketch: its buckets' outer bounds, within [min, max]. */
struct evidence evidence_sketch(const struct sketch *s, int64_t min_us, int64_t max_us,
    unsigned conf_pct);

/*
 * From a summary alone: straight lines through minimum, median, p95 and maximum.  Above
 * the median of skewed samples these lie above the truth: pessimistic, as wanted.
 */
struct evidence_summary {
	uint64_t n;
	int64_t min_us, p50_us, p95_us, max_us;
};
struct evidence evidence_summary(const struct evidence_summary *s, unsigned conf_pct);

/* Of a path made of two; of one path measured from both its ends (the mean). */
struct evidence evidence_add(struct evidence x, struct evidence y);
struct evidence evidence_both(struct evidence there, struct evidence back);

/*
 * What a loss of share p adds to the length of a path: each packet of the exchange is
 * lost with p, and the sender waits 200 ms or a round trip and more for it (RFC 6298).
 */
int64_t evidence_loss_us(double p, uint32_t packets, int64_t rtt_us);

/* Samples that the thinner of the two paths still needs. */
uint32_t evidence_missing(const struct evidence_pair *e, uint32_t samples_min);

/*
 * Let the limits decide: sets the pairs' hub_lo_us and direct_hi_us, and bars those
 * too thin.  A tunnel that exists is not barred: silence is no reason to drop it.
 */
void evidence_apply(struct instance *in, const struct evidence_pair *pairs,
    const struct evidence_opts *opts);

/*
 * Tell the plan which pairs that were too thin could have changed it, the most first.
 * One that could not, even at its most favourable limits, is left out.
 */
void evidence_needs(const struct instance *in, const struct evidence_pair *pairs,
    uint32_t samples_min, struct plan *plan);

#endif
