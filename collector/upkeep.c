/* SPDX-License-Identifier: MIT */
#include "collector/upkeep.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "collector/rollup.h"

/* After a bucket's end: a report of its last moment is on its way, or was put late. */
#define GRACE_NS (30 * NS_PER_S)
/* A prober tries again for this long at most before its spool has another turn. */
#define QUIET_NS (3600 * NS_PER_S)
/*
 * A step ends after so many rows (some 20 ms) or roll-ups; 1,000 nodes of 2,000 rows
 * make 60,000 rows a bucket, 12 nodes 660.
 */
#define STEP_ROWS    60000
#define STEP_ROLLUPS 32
/* 1,000 nodes write 100 reports/s; 512 are removed in some 10 ms. */
#define STEP_EXPIRE 512

enum phase {
	MAKE_5MIN,
	MAKE_HOUR,
	DROP_RAW,
	DROP_5MIN,
	DROP_HOUR,
	DROP_EVENTS,
	PHASES
};

/*
 * 300 nodes that report 300 peers by two paths every 10 s write 31 GB in a day; more
 * nodes keep as much in less time.
 */
#define FULL_KEEP_NODES 300
#define HOUR_NS		(3600 * NS_PER_S)
#define DAY_NS		(24 * HOUR_NS)

struct upkeep_keep
upkeep_default(size_t n_nodes)
{
	static const int64_t full[STORE_TIERS] = { DAY_NS, 30 * DAY_NS, 400 * DAY_NS };
	static const int64_t least[STORE_TIERS] = { HOUR_NS, DAY_NS, 7 * DAY_NS };
	const double ratio = (double)FULL_KEEP_NODES / (double)n_nodes;
	struct upkeep_keep keep;

	for (int tier = 0; tier < STORE_TIERS; tier++) {
		keep.ns[tier] = full[tier];
		if (n_nodes > FULL_KEEP_NODES)
			keep.ns[tier] = (int64_t)((double)full[tier] * ratio * ratio);
		if (keep.ns[tier] < least[tier])
			keep.ns[tier] = least[tier];
	}
	return keep;
}

void
upkeep_init(struct upkeep *u, const struct upkeep_keep *keep)
{
	*u = (struct upkeep){ .keep = *keep };
}

/* What a roll-up is made of, as it is read. */
struct making {
	struct upkeep *upkeep;
	struct rollup *rollup;
	size_t rows;
};

static int
take(const struct store_report *stored, void *ctx)
{
	struct making *making = ctx;
	size_t n_rows;

	if (rollup_add_body(making->rollup, stored->body, stored->len, &n_rows) < 0)
		making->upkeep->unsound++;
	else
		making->rows += n_rows;
	return 0;
}

/* Sum up what is below the mark, and what is there already if that is sealed. */
static int
gather(struct store *store, const struct store_mark *mark, struct making *making,
    struct err *err)
{
	const char *src = mark->src;
	struct store_scan scan = {
		.tier = mark->tier,
		.window.from = mark->start,
		.window.to.ns = mark->start.ns + store_tier_ms(mark->tier) * NS_PER_MS,
		.srcs = &src,
		.n_srcs = 1,
	};
	int r = 0;

	if (mark->sealed)
		r = store->ops->scan(store, &scan, take, making, err);
	scan.tier--;
	return r ? r : store->ops->scan(store, &scan, take, making, err);
}

/* Reports that pass have a sum that passes; what is stored may be anybody's. */
static uint8_t *
drop_unsound(struct upkeep *u, uint8_t *body)
{
	u->unsound++;
	free(body);
	return NULL;
}

/* The roll-up of a mark; its body is new, or NULL if there is nothing to store. */
static int
make(struct upkeep *u, struct store *store, struct store_rollup *out, size_t *rows,
    struct err *err)
{
	const struct store_mark *mark = &out->mark;
	struct making making = { .upkeep = u };
	uint8_t *body = NULL;
	int r;

	making.rollup =
	    rollup_new(mark->src, mark->start, (uint32_t)store_tier_ms(mark->tier));
	r = gather(store, mark, &making, err);
	if (r == 0 && rollup_count(making.rollup) > 0) {
		body = mem_alloc(REPORT_STORED_BYTES_MAX);
		out->len = report_encode(rollup_report(making.rollup), body,
		    REPORT_STORED_BYTES_MAX);
		if (out->len > 0)
			body = mem_grow(body, out->len, 1);
		else
			body = drop_unsound(u, body);
	}
	out->body = body;
	*rows += making.rows;
	rollup_free(making.rollup);
	return r;
}

static int
make_some(struct upkeep *u, struct store *store, const struct store_due *due,
    struct err *err)
{
	struct store_mark marks[STEP_ROLLUPS];
	struct store_rollup rollups[STEP_ROLLUPS] = { 0 };
	size_t n = 0, done = 0, rows = 0;
	int r = store->ops->marks(store, due, marks, STEP_ROLLUPS, &n, err);

	for (; r == 0 && done < n && rows < STEP_ROWS; done++) {
		rollups[done].mark = marks[done];
		r = make(u, store, &rollups[done], &rows, err);
	}
	if (r == 0 && done > 0)
		r = store->ops->put_rollups(store, rollups, done, err);
	for (size_t i = 0; i < done; i++) {
		if (r == 0 && rollups[i].fate == STORE_NEW)
			u->rollups++;
		free((uint8_t *)(uintptr_t)rollups[i].body); /* ours, of make() */
	}
	return r < 0 ? r : n > 0;
}

static int
drop_some(struct upkeep *u, struct store *store, enum store_tier tier, struct wall now,
    struct err *err)
{
	const int64_t keep_ns = u->keep.ns[tier == STORE_EVENTS ? STORE_HOUR : tier];
	size_t gone = 0;
	int r;

	now.ns -= keep_ns;
	if (now.ns <= 0)
		return 0; /* kept for ever */
	r = store->ops->expire(store, tier, now, STEP_EXPIRE, &gone, err);
	u->expired += gone;
	return r < 0 ? r : gone >= STEP_EXPIRE;
}

/* A bucket is due when it is over; one that is late is over already. */
static int
make_due(struct upkeep *u, struct store *store, enum store_tier tier, struct wall now,
    struct err *err)
{
	const struct store_due due = {
		.tier = tier,
		.start_before.ns =
		    now.ns - GRACE_NS - store_tier_ms(tier) * NS_PER_MS + 1,
		.quiet_since.ns = now.ns - QUIET_NS,
	};

	return make_some(u, store, &due, err);
}

int
upkeep_step(struct upkeep *u, struct store *store, struct wall now, struct err *err)
{
	int r;

	switch ((enum phase)u->phase) {
	case MAKE_5MIN:
	case MAKE_HOUR:
		r = make_due(u, store, u->phase == MAKE_5MIN ? STORE_5MIN : STORE_HOUR,
		    now, err);
		break;
	default:
		r = drop_some(u, store, (enum store_tier)(u->phase - DROP_RAW), now,
		    err);
	}
	if (r < 0 || r > 0)
		return r;
	u->phase = (u->phase + 1) % PHASES;
	return u->phase != MAKE_5MIN;
}
