/* SPDX-License-Identifier: MIT */
/*
 * Marks, roll-ups and retention of the PostgreSQL store, which several collectors may
 * share.  What keeps them apart: who stores a roll-up deletes its mark by its version,
 * so of two that made it one is stale; who deletes a bucket holds the source's row and
 * looks for a mark afterwards, so a report that came meanwhile undoes it.
 */
#include "collector/store_pg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const char *const tables[STORE_TIERS] = { "report", "five", "hour" };
static const char *const from_columns[STORE_TIERS] = { "raw_from", "five_from", "" };

struct due {
	const struct store_due *due;
	struct store_mark *out;
	size_t max, n;
};

static int
due_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct due *d = ctx;
	struct store_pg_args args = { .n = 0 };
	PGresult *res = NULL;
	char sql[320];
	int r;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT m.src, m.start, m.version, m.start < s.%s FROM mark m "
	    "JOIN source s ON s.src = m.src WHERE m.tier = $1 AND m.start < $2 "
	    "AND (m.start >= s.%s OR m.at < $3) ORDER BY m.start, m.src LIMIT $4",
	    from_columns[d->due->tier - 1], from_columns[d->due->tier - 1]); /* fits */
	store_pg_conn_int(&args, d->due->tier);
	store_pg_conn_int(&args, d->due->start_before.ns / NS_PER_MS);
	store_pg_conn_int(&args, d->due->quiet_since.ns / NS_PER_MS);
	store_pg_conn_int(&args, (int64_t)d->max);
	r = store_pg_conn_run(s, sql, &args, &res, err);
	if (r < 0)
		return r;
	d->n = (size_t)PQntuples(res);
	for (int i = 0; i < PQntuples(res); i++) {
		struct store_mark *mark = &d->out[i];

		mark->tier = d->due->tier;
		(void)snprintf(mark->src, sizeof(mark->src), "%.*s",
		    PQgetlength(res, i, 0), PQgetvalue(res, i, 0)); /* names fit */
		mark->start.ns = store_pg_conn_get(res, i, 1) * NS_PER_MS;
		mark->version = store_pg_conn_get(res, i, 2);
		mark->sealed = store_pg_conn_get(res, i, 3) != 0;
	}
	PQclear(res);
	return 0;
}

int
store_pg_rollup_due(struct store *store, const struct store_due *due,
    struct store_mark *out, size_t max, size_t *n, struct err *err)
{
	struct due d = { .due = due, .out = out, .max = max };
	int r = store_pg_conn_transact((struct store_pg *)store, due_work, &d, err);

	*n = r == 0 ? d.n : 0;
	return r;
}

/* How far a tier of a source has been deleted, with its row held: share or update. */
static int
hold(struct store_pg *s, const char *src, enum store_tier tier, const char *how,
    int64_t *from_ms, struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	PGresult *res = NULL;
	char sql[96];
	int r;

	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM source WHERE src = $1 FOR %s",
	    from_columns[tier], how); /* fits */
	store_pg_conn_text(&args, src);
	r = store_pg_conn_run(s, sql, &args, &res, err);
	if (r < 0)
		return r;
	*from_ms = PQntuples(res) > 0 ? store_pg_conn_get(res, 0, 0) : 0;
	PQclear(res);
	return 0;
}

/* Delete the reports of a source in [from, to); the number. */
static int
drop(struct store_pg *s, enum store_tier tier, const char *src, int64_t from_ms,
    int64_t to_ms, struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	char sql[96];

	(void)snprintf(sql, sizeof(sql),
	    "DELETE FROM %s WHERE src = $1 AND start >= $2 AND start < $3",
	    tables[tier]); /* fits */
	store_pg_conn_text(&args, src);
	store_pg_conn_int(&args, from_ms);
	store_pg_conn_int(&args, to_ms);
	return store_pg_conn_run(s, sql, &args, NULL, err);
}

static int
store_body(struct store_pg *s, const struct store_rollup *rollup, struct err *err)
{
	const struct store_mark *mark = &rollup->mark;
	const int64_t start_ms = mark->start.ns / NS_PER_MS;
	struct store_pg_args args = { .n = 0 }, again = { .n = 0 };
	char sql[160];
	int r;

	(void)snprintf(sql, sizeof(sql),
	    "INSERT INTO %s(src, start, body) VALUES($1, $2, $3) "
	    "ON CONFLICT (src, start) DO UPDATE SET body = excluded.body",
	    tables[mark->tier]); /* fits */
	store_pg_conn_text(&args, mark->src);
	store_pg_conn_int(&args, start_ms);
	store_pg_conn_bytes(&args, rollup->body, rollup->len);
	r = store_pg_conn_run(s, sql, &args, NULL, err);
	if (r < 0)
		return r;
	if (mark->tier == STORE_HOUR)
		return store_pg_rows_put(s, rollup, err);
	store_pg_conn_text(&again, mark->src);
	store_pg_conn_int(&again, start_ms - start_ms % STORE_HOUR_MS);
	store_pg_conn_int(&again, clock_wall().ns / NS_PER_MS);
	return store_pg_conn_run(s,
	    "INSERT INTO mark(src, tier, start, version, at) "
	    "VALUES($1, 2, $2, (random() * 9e18)::bigint, $3) "
	    "ON CONFLICT (src, tier, start) DO UPDATE "
	    "SET version = excluded.version, at = excluded.at",
	    &again, NULL, err);
}

static int
put_one(struct store_pg *s, struct store_rollup *rollup, struct err *err)
{
	const struct store_mark *mark = &rollup->mark;
	const int64_t start_ms = mark->start.ns / NS_PER_MS;
	struct store_pg_args args = { .n = 0 };
	int64_t from_ms;
	int r = hold(s, mark->src, mark->tier - 1, "SHARE", &from_ms, err);

	if (r < 0)
		return r;
	rollup->fate = STORE_STALE;
	if ((start_ms < from_ms) != mark->sealed)
		return 0;
	store_pg_conn_text(&args, mark->src);
	store_pg_conn_int(&args, mark->tier);
	store_pg_conn_int(&args, start_ms);
	store_pg_conn_int(&args, mark->version);
	r = store_pg_conn_run(s,
	    "DELETE FROM mark WHERE src = $1 AND tier = $2 AND start = $3 "
	    "AND version = $4",
	    &args, NULL, err);
	if (r <= 0)
		return r;
	rollup->fate = STORE_NEW;
	r = rollup->body ? store_body(s, rollup, err) : 0;
	if (r >= 0 && mark->sealed)
		r = drop(s, mark->tier - 1, mark->src, start_ms,
		    start_ms + store_tier_ms(mark->tier), err);
	return r < 0 ? r : 0;
}

struct put {
	struct store_rollup *rollups;
	size_t n;
};

static int
put_work(struct store_pg *s, void *ctx, struct err *err)
{
	const struct put *put = ctx;
	int r = 0;

	for (size_t i = 0; r == 0 && i < put->n; i++)
		r = put_one(s, &put->rollups[i], err);
	return r;
}

int
store_pg_rollup_put(struct store *store, struct store_rollup *rollups, size_t n,
    struct err *err)
{
	struct put put = { rollups, n };

	return store_pg_conn_transact((struct store_pg *)store, put_work, &put, err);
}

struct expiry {
	enum store_tier tier;
	int64_t before_ms;
	size_t max, gone;
	const char *src;
};

/* The oldest of a tier of a source from a time on; -1 if there is none. */
static int
oldest(struct store_pg *s, enum store_tier tier, const char *src, int64_t from_ms,
    int64_t *start_ms, struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	PGresult *res = NULL;
	char sql[128];
	int r;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT start FROM %s WHERE src = $1 AND start >= $2 "
	    "ORDER BY start LIMIT 1",
	    tables[tier]); /* fits */
	store_pg_conn_text(&args, src);
	store_pg_conn_int(&args, from_ms);
	r = store_pg_conn_run(s, sql, &args, &res, err);
	if (r < 0)
		return r;
	*start_ms = PQntuples(res) > 0 ? store_pg_conn_get(res, 0, 0) : -1;
	PQclear(res);
	return 0;
}

/* Is the bucket marked, or is anything left below it?  1, 0, -errno. */
static int
is_needed(struct store_pg *s, const struct expiry *e, int64_t start_ms, struct err *err)
{
	const int64_t end_ms = start_ms + store_tier_ms(e->tier + 1);
	struct store_pg_args args = { .n = 0 };
	PGresult *res = NULL;
	int64_t raw_ms = -1;
	int r;

	store_pg_conn_text(&args, e->src);
	store_pg_conn_int(&args, e->tier + 1);
	store_pg_conn_int(&args, start_ms);
	r = store_pg_conn_run(s,
	    "SELECT version FROM mark WHERE src = $1 AND tier = $2 AND start = $3",
	    &args, &res, err);
	if (r < 0)
		return r;
	r = PQntuples(res) > 0;
	PQclear(res);
	if (r == 0 && e->tier == STORE_5MIN)
		r = oldest(s, STORE_RAW, e->src, 0, &raw_ms, err);
	return r ? r : raw_ms >= 0 && raw_ms < end_ms;
}

static int
seal(struct store_pg *s, const struct expiry *e, int64_t end_ms, struct err *err)
{
	struct store_pg_args args = { .n = 0 };

	store_pg_conn_text(&args, e->src);
	store_pg_conn_int(&args, end_ms);
	return store_pg_conn_run(s,
	    e->tier == STORE_RAW
		? "UPDATE source SET raw_from = $2 WHERE src = $1"
		: "UPDATE source SET five_from = $2, "
		  "raw_from = CASE WHEN raw_from > $2 THEN raw_from ELSE $2 END "
		  "WHERE src = $1",
	    &args, NULL, err);
}

/* One bucket of one source: 1 if it went, 0 if it stays. */
static int
expire_bucket(struct store_pg *s, struct expiry *e, int64_t from_ms, struct err *err)
{
	const int64_t length_ms = store_tier_ms(e->tier + 1);
	int64_t start_ms;
	int n, r = oldest(s, e->tier, e->src, from_ms, &start_ms, err);

	if (r < 0 || start_ms < 0)
		return r;
	start_ms -= start_ms % length_ms;
	if (start_ms + length_ms > e->before_ms)
		return 0;
	r = is_needed(s, e, start_ms, err);
	if (r != 0)
		return r < 0 ? r : 0;
	n = drop(s, e->tier, e->src, start_ms, start_ms + length_ms, err);
	r = n < 0 ? n : seal(s, e, start_ms + length_ms, err);
	/* A report that came since then went with the rest: do it all again. */
	if (r >= 0)
		r = is_needed(s, e, start_ms, err);
	if (r != 0)
		return r < 0 ? r : -EAGAIN;
	e->gone += (size_t)n;
	return 1;
}

static int
expire_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct expiry *e = ctx;
	const size_t before = e->gone;
	int64_t from_ms;
	int n, r;

	if (e->tier == STORE_HOUR) {
		n = drop(s, STORE_HOUR, e->src, 0, e->before_ms, err);
		e->gone += n < 0 ? 0 : (size_t)n;
		return n < 0 ? n : store_pg_rows_expire(s, e->src, e->before_ms, err);
	}
	do {
		r = hold(s, e->src, e->tier, "UPDATE", &from_ms, err);
		if (r == 0)
			r = expire_bucket(s, e, from_ms, err);
	} while (r > 0 && e->gone < e->max);
	if (r < 0)
		e->gone = before;
	return r < 0 ? r : 0;
}

static int
events_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct expiry *e = ctx;
	struct store_pg_args args = { .n = 0 };
	int r;

	store_pg_conn_int(&args, e->before_ms);
	r = store_pg_conn_run(s, "DELETE FROM event WHERE at < $1", &args, NULL, err);
	e->gone = r < 0 ? 0 : (size_t)r;
	return r < 0 ? r : 0;
}

struct candidates {
	struct expiry *expiry;
	PGresult *srcs;
};

static int
candidates_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct candidates *c = ctx;
	const enum store_tier tier = c->expiry->tier;
	struct store_pg_args args = { .n = 0 };
	char sql[224];
	int r;

	PQclear(c->srcs);
	c->srcs = NULL;
	(void)snprintf(sql, sizeof(sql),
	    "SELECT s.src FROM source s WHERE EXISTS (SELECT 1 FROM %s r "
	    "WHERE r.src = s.src AND r.start >= %s%s AND r.start < $1) ORDER BY s.src",
	    tables[tier], tier == STORE_HOUR ? "0" : "s.",
	    from_columns[tier]); /* fits */
	store_pg_conn_int(&args, c->expiry->before_ms);
	r = store_pg_conn_run(s, sql, &args, &c->srcs, err);
	return r < 0 ? r : 0;
}

int
store_pg_rollup_expire(struct store *store, enum store_tier tier, struct wall before,
    size_t max, size_t *gone, struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	struct expiry e = { .tier = tier, .max = max };
	struct candidates c = { .expiry = &e };
	char src[MESH_NAME_MAX];
	int r;

	e.before_ms = before.ns < 0 ? 0 : before.ns / NS_PER_MS;
	if (tier == STORE_EVENTS) {
		r = store_pg_conn_transact(s, events_work, &e, err);
		*gone = e.gone;
		return r;
	}
	/* Whole buckets of the next tier; what is in one that has ended by then. */
	e.before_ms -=
	    e.before_ms % (tier == STORE_RAW ? STORE_5MIN_MS : STORE_HOUR_MS);
	r = store_pg_conn_transact(s, candidates_work, &c, err);
	e.src = src;
	for (int i = 0; r == 0 && i < PQntuples(c.srcs) && e.gone < max; i++) {
		(void)snprintf(src, sizeof(src), "%.*s", PQgetlength(c.srcs, i, 0),
		    PQgetvalue(c.srcs, i, 0)); /* names fit */
		r = store_pg_conn_transact(s, expire_work, &e, err);
	}
	PQclear(c.srcs);
	*gone = e.gone;
	return r;
}
