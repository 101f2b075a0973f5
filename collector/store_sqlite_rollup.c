/* SPDX-License-Identifier: MIT */
/*
 * Marks, roll-ups and retention of the SQLite store.
 *
 * How far back a tier of a source is whole stands in src.raw_from and src.five_from:
 * expire() moves them when it deletes a bucket, and a bucket before them is sealed.
 * That is one number a source; a flag in each roll-up would have to rewrite it.
 */
#include "collector/store_sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Which roll-up is made of a tier, and the column that says how much of it is whole. */
static const struct {
	enum store_tier parent;
	int column;			      /* of SQL_SRCS */
	enum store_sqlite_statement set_from; /* that column */
} below[STORE_TIERS] = {
	[STORE_RAW] = { STORE_5MIN, 2, SQL_RAW_FROM },
	[STORE_5MIN] = { STORE_HOUR, 3, SQL_FIVE_FROM },
	[STORE_HOUR] = { STORE_TIERS, 0, SQL_COUNT },
};

static int64_t
bucket_id(int64_t id, enum store_tier tier)
{
	int64_t ms = store_bucket_ms(store_sqlite_wall(id), store_tier_ms(tier));

	return store_sqlite_id((struct wall){ ms * NS_PER_MS },
	    id & STORE_SQLITE_SRC_MAX);
}

int
store_sqlite_rollup_mark(struct store_sqlite *s, enum store_tier tier, int64_t id,
    struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_MARK][0];

	sqlite3_bind_int64(st, 1, tier);
	sqlite3_bind_int64(st, 2, bucket_id(id, tier));
	sqlite3_bind_int64(st, 3, clock_wall().ns / NS_PER_MS);
	return store_sqlite_step(s, st, "mark a bucket", err);
}

int
store_sqlite_rollup_due(struct store *store, const struct store_due *due,
    struct store_mark *out, size_t max, size_t *n, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	sqlite3_stmt *st = s->st[SQL_DUE][0];
	int code = SQLITE_DONE;

	assert(max > 0 && max <= INT32_MAX);
	*n = 0;
	sqlite3_bind_int64(st, 1, due->tier);
	sqlite3_bind_int64(st, 2, store_sqlite_id(due->start_before, 0));
	sqlite3_bind_int64(st, 3, due->quiet_since.ns / NS_PER_MS);
	sqlite3_bind_int64(st, 4, (int64_t)max);
	while (*n < max && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_mark *mark = &out[(*n)++];
		const char *src = (const char *)sqlite3_column_text(st, 1);

		mark->tier = due->tier;
		mark->start = store_sqlite_wall(sqlite3_column_int64(st, 0));
		(void)snprintf(mark->src, sizeof(mark->src), "%s",
		    src ? src : ""); /* names are shorter */
		mark->version = sqlite3_column_int64(st, 2);
		mark->sealed = sqlite3_column_int(st, 3) != 0;
	}
	sqlite3_reset(st);
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		return store_sqlite_fault(s, "look for marks", err);
	return 0;
}

/* Delete the reports of one source in [from, to); *gone adds up. */
static int
drop(struct store_sqlite *s, enum store_tier tier, int64_t from, int64_t to,
    size_t *gone, struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_DROP][tier];
	int r;

	sqlite3_bind_int64(st, 1, from & STORE_SQLITE_SRC_MAX);
	sqlite3_bind_int64(st, 2, from);
	sqlite3_bind_int64(st, 3, to);
	r = store_sqlite_step(s, st, "delete", err);
	if (r == 0)
		*gone += (size_t)sqlite3_changes(s->db);
	return r;
}

static int64_t
bucket_end(int64_t id, enum store_tier tier)
{
	return id + (store_tier_ms(tier) << STORE_SQLITE_SRC_BITS);
}

static int
put_one(struct store_sqlite *s, struct store_rollup *rollup, struct err *err)
{
	const struct store_mark *mark = &rollup->mark;
	sqlite3_stmt *clear = s->st[SQL_CLEAR][0],
		     *put = s->st[SQL_REPLACE][mark->tier];
	int64_t src, id;
	size_t gone = 0;
	int r = store_sqlite_report_src_find(s, mark->src, &src, err);

	if (r < 0)
		return r;
	id = store_sqlite_id(mark->start, src);
	sqlite3_bind_int64(clear, 1, mark->tier);
	sqlite3_bind_int64(clear, 2, id);
	sqlite3_bind_int64(clear, 3, mark->version);
	r = store_sqlite_step(s, clear, "clear a mark", err);
	if (r < 0)
		return r;
	rollup->fate = sqlite3_changes(s->db) ? STORE_NEW : STORE_STALE;
	if (rollup->fate == STORE_STALE)
		return 0;
	if (rollup->body) {
		sqlite3_bind_int64(put, 1, id);
		sqlite3_bind_blob64(put, 2, rollup->body, rollup->len, SQLITE_STATIC);
		r = store_sqlite_step(s, put, "write a roll-up", err);
		if (r == 0 && mark->tier == STORE_5MIN)
			r = store_sqlite_rollup_mark(s, STORE_HOUR, id, err);
	}
	if (r == 0 && mark->sealed)
		r = drop(s, mark->tier == STORE_5MIN ? STORE_RAW : STORE_5MIN, id,
		    bucket_end(id, mark->tier), &gone, err);
	return r;
}

int
store_sqlite_rollup_put(struct store *store, struct store_rollup *rollups, size_t n,
    struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	int r = store_sqlite_begin(s, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_one(s, &rollups[i], err);
	return store_sqlite_end(s, r, err);
}

/* The first value of a statement's first row; -1 if there is none. */
static int
one_value(struct store_sqlite *s, sqlite3_stmt *st, int64_t *value, struct err *err)
{
	int code = sqlite3_step(st);

	*value = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
	sqlite3_reset(st);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return store_sqlite_fault(s, "look for what is old", err);
	return 0;
}

/* The first of a source from that id on; -1 if there is none. */
static int
first_id(struct store_sqlite *s, enum store_tier tier, int64_t from, int64_t *id,
    struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_FIRST][tier];

	sqlite3_bind_int64(st, 1, from & STORE_SQLITE_SRC_MAX);
	sqlite3_bind_int64(st, 2, from);
	return one_value(s, st, id, err);
}

/*
 * May this bucket go?  Not if it is marked, nor anything after it: it would be sealed
 * with reports in it that its roll-up may already count.  Nor if anything is left below
 * the tier, from which it could be made anew.
 */
static int
may_go(struct store_sqlite *s, enum store_tier tier, int64_t id, bool *may,
    struct err *err)
{
	const enum store_tier parent = below[tier].parent;
	sqlite3_stmt *st = s->st[SQL_MARKED][0];
	int64_t marked, raw = -1;
	int r;

	sqlite3_bind_int64(st, 1, parent);
	sqlite3_bind_int64(st, 2, id);
	r = one_value(s, st, &marked, err);
	if (r == 0 && tier == STORE_5MIN)
		r = first_id(s, STORE_RAW, id & STORE_SQLITE_SRC_MAX, &raw, err);
	*may = marked < 0 && (raw < 0 || raw >= bucket_end(id, parent));
	return r;
}

struct expiry {
	enum store_tier tier;
	int64_t before_ms;
	size_t max, gone;
};

static int
expire_src(struct store_sqlite *s, struct expiry *e, int64_t src, int64_t from_ms,
    struct err *err)
{
	const enum store_tier parent = below[e->tier].parent;
	sqlite3_stmt *set = s->st[below[e->tier].set_from][0];
	int64_t from = from_ms << STORE_SQLITE_SRC_BITS | src, id = -1;
	bool may;
	int r;

	while (e->gone < e->max) {
		r = first_id(s, e->tier, from, &id, err);
		if (r < 0 || id < 0)
			return r;
		id = bucket_id(id, parent);
		if (bucket_end(id, parent) >> STORE_SQLITE_SRC_BITS > e->before_ms)
			return 0;
		r = may_go(s, e->tier, id, &may, err);
		if (r < 0 || !may)
			return r;
		from = bucket_end(id, parent);
		r = drop(s, e->tier, id, from, &e->gone, err);
		sqlite3_bind_int64(set, 1, src);
		sqlite3_bind_int64(set, 2, from >> STORE_SQLITE_SRC_BITS);
		if (r == 0)
			r = store_sqlite_step(s, set, "seal a bucket", err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
expire_buckets(struct store_sqlite *s, struct expiry *e, struct err *err)
{
	sqlite3_stmt *srcs = s->st[SQL_SRCS][0];
	int code = SQLITE_DONE, r = 0;

	while (r == 0 && e->gone < e->max && (code = sqlite3_step(srcs)) == SQLITE_ROW)
		r = expire_src(s, e, sqlite3_column_int64(srcs, 0),
		    sqlite3_column_int64(srcs, below[e->tier].column), err);
	if (r == 0 && code != SQLITE_DONE && code != SQLITE_ROW)
		r = store_sqlite_fault(s, "look for what is old", err);
	sqlite3_reset(srcs);
	return r;
}

int
store_sqlite_rollup_expire(struct store *store, enum store_tier tier,
    struct wall before, size_t max, size_t *gone, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	struct expiry e = { .tier = tier, .max = max };
	sqlite3_stmt *st;
	int r = store_sqlite_begin(s, err);

	assert(max > 0 && max <= INT32_MAX);
	e.before_ms = before.ns / NS_PER_MS;
	if (r == 0 && tier < STORE_HOUR) {
		r = expire_buckets(s, &e, err);
	} else if (r == 0) {
		st = tier == STORE_EVENTS ? s->st[SQL_EXPIRE_EVENTS][0]
					  : s->st[SQL_EXPIRE][tier];
		if (tier == STORE_HOUR)
			before.ns -= (STORE_HOUR_MS - 1) * NS_PER_MS;
		sqlite3_bind_int64(st, 1,
		    tier == STORE_EVENTS ? before.ns / NS_PER_MS
					 : store_sqlite_id(before, 0));
		sqlite3_bind_int64(st, 2, (int64_t)max);
		r = store_sqlite_step(s, st, "delete", err);
		if (r == 0)
			e.gone = (size_t)sqlite3_changes(s->db);
	}
	r = store_sqlite_end(s, r, err);
	*gone = r == 0 ? e.gone : 0;
	return r;
}
