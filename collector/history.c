/* SPDX-License-Identifier: MIT */
#include "collector/history.h"

#include <stdlib.h>

#include "common/mem.h"

/* A day in 24 steps and what is left of the last hour; an hour in 12. */
#define HOUR_SPAN_NS (12 * 3600 * NS_PER_S)
#define FIVE_SPAN_NS (1800 * NS_PER_S)
/* By which one source may be behind another, in buckets of the tier above. */
#define LAG 2

struct scan {
	const struct history_query *query;
	int64_t length_ns; /* of the tier's buckets; 0 of reports */
	int64_t *done_ns;  /* owned; of each source, up to where it was shown */
	int64_t newest_ns; /* the largest of those */
	history_cb *cb;
	void *ctx;
};

enum store_tier
history_tier(int64_t span_ns)
{
	if (span_ns >= HOUR_SPAN_NS)
		return STORE_HOUR;
	return span_ns >= FIVE_SPAN_NS ? STORE_5MIN : STORE_RAW;
}

enum store_tier
history_step_tier(int64_t step_ns)
{
	for (enum store_tier tier = STORE_HOUR; tier > STORE_RAW; tier--)
		if (step_ns % (store_tier_ms(tier) * NS_PER_MS) == 0)
			return tier;
	return STORE_RAW;
}

struct wall
history_align(struct wall t, enum store_tier tier)
{
	if (tier == STORE_RAW || t.ns < 0)
		return t;
	return (struct wall){ store_bucket_ms(t, store_tier_ms(tier)) * NS_PER_MS };
}

static int
on_report(const struct store_report *report, void *ctx)
{
	struct scan *s = ctx;
	const struct history_query *q = s->query;
	size_t src = roster_find(q->roster, report->src);

	if (src == SIZE_MAX || (q->n && (src < q->first || src >= q->first + q->n)))
		return 0;
	if (report->start.ns < s->done_ns[src])
		return 0; /* in a roll-up that was shown */
	if (s->length_ns) {
		s->done_ns[src] = report->start.ns + s->length_ns;
		if (s->done_ns[src] > s->newest_ns)
			s->newest_ns = s->done_ns[src];
	}
	return s->cb(src, report, s->ctx);
}

/*
 * The buckets of one tier.  Of finer ones those from LAG buckets before the newest that
 * was shown: roll-ups are made in turn, and those of one source may be there before
 * those of another.
 */
static int
scan_tier(struct store *store, struct scan *s, enum store_tier tier,
    const char *const *srcs, struct err *err)
{
	const struct history_query *q = s->query;
	struct store_scan scan = { .tier = tier, .srcs = srcs, .n_srcs = q->n };
	int64_t above_ns = tier < STORE_HOUR ? store_tier_ms(tier + 1) * NS_PER_MS : 0;

	scan.window.from = history_align(q->window.from, tier);
	if (tier < q->tier && s->newest_ns - LAG * above_ns > scan.window.from.ns)
		scan.window.from.ns = s->newest_ns - LAG * above_ns;
	scan.window.to = history_align(q->window.to, tier);
	if (scan.window.from.ns >= scan.window.to.ns)
		return 0;
	s->length_ns = store_tier_ms(tier) * NS_PER_MS;
	return store->ops->scan(store, &scan, on_report, s, err);
}

int
history_scan(struct store *store, const struct history_query *query, history_cb *cb,
    void *ctx, struct err *err)
{
	const struct mesh *mesh = query->roster->mesh;
	const char **srcs = mem_array(query->n, sizeof(*srcs));
	struct scan s = { .query = query, .cb = cb, .ctx = ctx };
	int r = 0;

	s.done_ns = mem_array(mesh->n_nodes, sizeof(*s.done_ns));
	for (size_t i = 0; i < query->n; i++)
		srcs[i] = mesh->nodes[query->first + i].name;
	for (int tier = (int)query->tier; r == 0 && tier >= STORE_RAW; tier--)
		r = scan_tier(store, &s, (enum store_tier)tier, srcs, err);
	free(s.done_ns);
	free(srcs);
	return r;
}
