/* SPDX-License-Identifier: MIT */
/*
 * A quantile of the paths' lengths.  That it cannot be brought to s us is proven by
 * prices of another question: how much weight can be brought within s us at all?
 */
#include <stdlib.h>

#include "common/mem.h"
#include "optimizer/verify/verify.h"

struct path {
	int64_t us, weight;
};

static int
by_us(const void *x, const void *y)
{
	const struct path *a = x, *b = y;

	return a->us < b->us ? -1 : a->us > b->us;
}

/* The least length that so much weight stays within; 0 when there is no weight. */
static int64_t
quantile(struct path *paths, size_t n, int64_t need)
{
	int64_t sum = 0;

	qsort(paths, n, sizeof(*paths), by_us);
	for (size_t i = 0; need > 0 && i < n; i++) {
		sum += paths[i].weight;
		if (sum >= need)
			return paths[i].us;
	}
	return 0;
}

/* What a direct tunnel measures: limits decide, but figures are what one sees. */
static int64_t
leg(const struct instance *in, uint32_t a, uint32_t b)
{
	size_t i = instance_pair(in, a, b);

	if (i != SIZE_MAX && in->pairs[i].direct_us > 0)
		return in->pairs[i].direct_us;
	return verify_rtt(in, a, b);
}

static int64_t
length(const struct instance *in, const struct verify_route *r, const struct pair *p)
{
	if (r->path == VERIFY_DIRECT)
		return leg(in, p->a, p->b);
	if (r->path == VERIFY_RELAY)
		return leg(in, p->a, r->via) + leg(in, p->b, r->via) + in->hop_us;
	return p->hub_us;
}

/* Weight that is within us by the hub, and the most that prices let a plan add. */
static int
most_within(const struct instance *in, const struct verify_claim *claim, int64_t *most,
    struct err *err)
{
	struct instance slo = *in; /* borrows everything */
	int r;

	slo.goal = GOAL_SLO;
	slo.limit_us = claim->prices_slo;
	r = verify_bound(&slo, claim, most, err);
	for (size_t i = 0; r == 0 && i < in->n_pairs; i++)
		if (verify_hub(&in->pairs[i]) >= 0 &&
		    verify_hub(&in->pairs[i]) <= claim->prices_slo)
			*most += in->pairs[i].weight;
	return r;
}

int
verify_quantile(const struct instance *in, const struct verify_claim *claim,
    struct verify_verdict *out, struct err *err)
{
	struct path *paths = mem_array(in->n_pairs, sizeof(*paths));
	int64_t total = 0, need, hub, most = 0;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < in->n_pairs; i++) {
		if (in->pairs[i].hub_us == PLAN_UNKNOWN)
			continue;
		total += in->pairs[i].weight;
		paths[n++] = (struct path){ in->pairs[i].hub_us, in->pairs[i].weight };
	}
	need = (int64_t)(((__int128)total * in->quantile_ppm + 999999) / 1000000);
	hub = quantile(paths, n, need);
	n = 0;
	for (size_t i = 0; i < in->n_pairs; i++) {
		int64_t us = length(in, &claim->routes[i], &in->pairs[i]);

		if (us >= 0)
			paths[n++] = (struct path){ us, in->pairs[i].weight };
	}
	out->value = hub - quantile(paths, n, need);
	free(paths);
	out->bound = hub;
	if (!claim->has_prices)
		return 0;
	if (claim->prices_slo <= 0)
		return err_set(err, "certificate: a quantile's prices need slo_us");
	r = most_within(in, claim, &most, err);
	if (r == 0 && most >= need)
		return err_set(err,
		    "certificate: a weight of %lld may come within %lld us; %lld is "
		    "the quantile",
		    (long long)most, (long long)claim->prices_slo, (long long)need);
	out->bound = hub - claim->prices_slo - 1;
	return r;
}
