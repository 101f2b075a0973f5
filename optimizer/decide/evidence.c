/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/evidence.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"

#define EXACT_MAX                                                           \
	1000 /* 2^-n is a double up to here; above, the normal law is close \
	      */

#define RTO_MIN_US (200 * US_PER_MS) /* Linux; RFC 6298 says 1 s, nobody follows it */

/* z such that a standard normal lies below -z with this probability, 0 < tail < 0.5. */
static double
normal_z(double tail)
{
	double lo = 0, hi = 10;

	for (int i = 0; i < 60; i++) {
		double z = (lo + hi) / 2;

		if (erfc(z / sqrt(2)) / 2 > tail)
			lo = z;
		else
			hi = z;
	}
	return hi;
}

void
evidence_ranks(uint64_t n, unsigned conf_pct, uint64_t *lo, uint64_t *hi)
{
	double tail = (100 - (double)conf_pct) / 200, sum, term;
	uint64_t rank = 0;

	assert(n > 0 && conf_pct >= 50 && conf_pct < 100);
	if (n <= EXACT_MAX) {
		/* Largest rank with P(Binomial(n, 1/2) < rank) <= tail. */
		sum = term = ldexp(1, -(int)n);
		while (sum <= tail) {
			term *= (double)(n - rank) / (double)(rank + 1);
			sum += term;
			rank++;
		}
	} else {
		sum = ((double)n - normal_z(tail) * sqrt((double)n)) / 2;
		rank = (uint64_t)sum;
	}
	*lo = rank ? rank : 1;
	*hi = n + 1 - *lo;
}

struct evidence
evidence_figure(int64_t us)
{
	return (struct evidence){ us, us, us, 1 };
}

static int
by_size(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

/* Takes the samples, in the order of time; a run of one figure is one sample. */
static struct evidence
from_samples(int64_t *us, size_t n, unsigned conf_pct)
{
	struct evidence e = { .n = n };
	uint64_t runs = n > 0, lo, hi;

	if (n == 0)
		return e;
	for (size_t i = 1; i < n; i++)
		runs += us[i] != us[i - 1];
	qsort(us, n, sizeof(*us), by_size);
	evidence_ranks(runs, conf_pct, &lo, &hi);
	lo = (lo - 1) * n / runs + 1; /* a rank among the runs, among the samples */
	hi = n + 1 - lo;
	e.lo_us = us[lo - 1];
	e.hi_us = us[hi - 1];
	e.mid_us = us[(n - 1) / 2];
	if (n % 2 == 0) /* between two neighbours: limits still enclose it */
		e.mid_us += (us[n / 2] - us[n / 2 - 1]) / 2;
	return e;
}

struct evidence
evidence_series(const int32_t *us, size_t n, unsigned conf_pct)
{
	int64_t *known = mem_array(n, sizeof(*known));
	struct evidence e;
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (us[i] != MATRIX_UNKNOWN)
			known[k++] = us[i];
	e = from_samples(known, k, conf_pct);
	free(known);
	return e;
}

struct evidence
evidence_paired(const int32_t *hub, const int32_t *direct, size_t n, unsigned conf_pct)
{
	int64_t *known = mem_array(n, sizeof(*known));
	struct evidence e;
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (hub[i] != MATRIX_UNKNOWN && direct[i] != MATRIX_UNKNOWN)
			known[k++] = (int64_t)hub[i] - direct[i];
	e = from_samples(known, k, conf_pct);
	free(known);
	return e;
}

static int64_t
clamp(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* The bucket that holds this rank, from 1. */
static unsigned
bucket_of_rank(const struct sketch *s, uint64_t rank)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < s->n; i++) {
		seen += s->buckets[i].count;
		if (seen >= rank)
			return s->buckets[i].index;
	}
	return s->buckets[s->n - 1].index;
}

struct evidence
evidence_sketch(const struct sketch *s, int64_t min_us, int64_t max_us,
    unsigned conf_pct)
{
	struct evidence e = { .n = sketch_count(s) };
	uint64_t lo, hi;
	unsigned index;

	if (e.n == 0)
		return e;
	evidence_ranks(e.n, conf_pct, &lo, &hi);
	index = bucket_of_rank(s, lo);
	if (index > 0)
		e.lo_us = sketch_bound_ns(index - 1) / NS_PER_US;
	e.hi_us = sketch_bound_ns(bucket_of_rank(s, hi)) / NS_PER_US + 1;
	e.mid_us = sketch_quantile_ns(s, 0.5) / NS_PER_US;
	e.lo_us = clamp(e.lo_us, min_us, max_us);
	e.hi_us = clamp(e.hi_us, min_us, max_us);
	e.mid_us = clamp(e.mid_us, e.lo_us, e.hi_us);
	return e;
}

static int64_t
between(int64_t from, int64_t to, double share)
{
	return from + (int64_t)((double)(to - from) * share);
}

struct evidence
evidence_summary(const struct evidence_summary *s, unsigned conf_pct)
{
	struct evidence e = { .n = s->n };
	uint64_t lo, hi;
	double q;

	if (s->n == 0)
		return e;
	evidence_ranks(s->n, conf_pct, &lo, &hi);
	/* Rank r of n as a quantile, so that 1 is the minimum and n the maximum. */
	q = s->n > 1 ? (double)(lo - 1) / (double)(s->n - 1) : 0;
	e.mid_us = s->p50_us;
	e.lo_us = between(s->min_us, s->p50_us, q / 0.5);
	q = 1 - q;
	if (q <= 0.95)
		e.hi_us = between(s->p50_us, s->p95_us, (q - 0.5) / 0.45);
	else
		e.hi_us = s->n > 1 ? s->max_us : s->p50_us;
	if (s->n == 1)
		e.lo_us = s->p50_us;
	e.lo_us = clamp(e.lo_us, 0, e.mid_us);
	e.hi_us = e.hi_us < e.mid_us ? e.mid_us : e.hi_us;
	return e;
}

struct evidence
evidence_add(struct evidence x, struct evidence y)
{
	if (x.n == 0 || y.n == 0)
		return (struct evidence){ 0 };
	return (struct evidence){
		.mid_us = x.mid_us + y.mid_us,
		.lo_us = x.lo_us + y.lo_us,
		.hi_us = x.hi_us + y.hi_us,
		.n = x.n < y.n ? x.n : y.n,
	};
}

struct evidence
evidence_both(struct evidence there, struct evidence back)
{
	if (there.n == 0 || back.n == 0)
		return there.n ? there : back;
	return (struct evidence){
		.mid_us = (there.mid_us + back.mid_us) / 2,
		.lo_us = (there.lo_us + back.lo_us) / 2,
		.hi_us = (there.hi_us + back.hi_us) / 2,
		.n = there.n + back.n,
	};
}

int64_t
evidence_loss_us(double p, uint32_t packets, int64_t rtt_us)
{
	int64_t wait = rtt_us > RTO_MIN_US ? rtt_us : RTO_MIN_US;

	if (!(p > 0) || packets == 0)
		return 0;
	return (int64_t)((p < 1 ? p : 1) * (double)packets * (double)wait);
}

uint32_t
evidence_missing(const struct evidence_pair *e, uint32_t samples_min)
{
	uint64_t n = e->hub.n < e->direct.n ? e->hub.n : e->direct.n;

	return n < samples_min ? (uint32_t)(samples_min - n) : 0;
}

void
evidence_apply(struct instance *in, const struct evidence_pair *pairs,
    const struct evidence_opts *opts)
{
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct evidence_pair *e = &pairs[i];
		struct pair *p = &in->pairs[i];

		if (p->hub_us != PLAN_UNKNOWN && e->hub.n) {
			p->hub_lo_us =
			    e->hub.lo_us < p->hub_us ? e->hub.lo_us : p->hub_us;
			p->hub_lo_us += evidence_loss_us(e->hub_loss,
			    opts->loss_packets, p->hub_us);
		}
		if (p->direct_us != PLAN_UNKNOWN && e->direct.n) {
			p->direct_hi_us = e->direct.hi_us > p->direct_us
					      ? e->direct.hi_us
					      : p->direct_us;
			p->direct_hi_us += evidence_loss_us(e->direct_loss,
			    opts->loss_packets, p->direct_us);
		}
		if (!p->present && evidence_missing(e, opts->samples_min))
			p->barred = true;
	}
}

/*
 * The most that a tunnel for this pair could be worth.  A direct RTT that nobody has
 * measured is taken to be the difference of the legs, the least that the triangle
 * allows; a hub RTT, to be the largest of the mesh.
 */
static int64_t
best_case(const struct pair *p, const struct evidence_pair *e, int64_t worst_hub_us)
{
	int64_t hub = e->hub.n ? e->hub.hi_us : worst_hub_us, direct = 0;

	if (e->direct.n)
		direct = e->direct.lo_us;
	else if (e->leg_a.n && e->leg_b.n)
		direct = llabs(e->leg_a.mid_us - e->leg_b.mid_us);
	return hub > direct ? (hub - direct) * p->weight : 0;
}

/* What a newcomer must beat: the least tunnel of a plan whose budget is spent. */
static int64_t
floor_of(const struct plan *plan)
{
	int64_t least = INT64_MAX;
	size_t n = 0;

	for (size_t i = 0; i < plan->n_tunnels; i++) {
		if (plan->tunnels[i].state == PLAN_DROP)
			continue;
		n++;
		if (plan->tunnels[i].value < least)
			least = plan->tunnels[i].value;
	}
	if (plan->budget == 0)
		return INT64_MAX; /* nothing can be had */
	return n >= plan->budget && least > 0 ? least : 0;
}

static int
by_worth(const void *x, const void *y)
{
	const struct plan_need *p = x, *q = y;

	if (p->could != q->could)
		return p->could > q->could ? -1 : 1;
	if (p->a != q->a)
		return p->a < q->a ? -1 : 1;
	return p->b < q->b ? -1 : p->b > q->b;
}

void
evidence_needs(const struct instance *in, const struct evidence_pair *pairs,
    uint32_t samples_min, struct plan *plan)
{
	int64_t least = floor_of(plan), worst_hub = 0;

	free(plan->needs);
	plan->n_needs = 0;
	plan->needs = mem_array(in->n_pairs, sizeof(*plan->needs));
	for (size_t i = 0; i < in->n_pairs; i++)
		if (in->pairs[i].hub_us > worst_hub)
			worst_hub = in->pairs[i].hub_us;
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		uint32_t missing = evidence_missing(&pairs[i], samples_min);
		int64_t best = best_case(p, &pairs[i], worst_hub);

		if (!missing || !p->reachable || p->present || p->pin != MESH_FREE ||
		    best <= least)
			continue;
		plan->needs[plan->n_needs++] =
		    (struct plan_need){ p->a, p->b, missing, best - least };
	}
	if (plan->n_needs)
		qsort(plan->needs, plan->n_needs, sizeof(*plan->needs), by_worth);
}
