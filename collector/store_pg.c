/* SPDX-License-Identifier: MIT */
/*
 * The store in a PostgreSQL database, for those who outgrow one machine: several
 * collectors on one database, or on one that is spread over many machines.  The tables
 * are those of the SQLite store with names in place of numbers; each key begins with
 * the source, there is no sequence, trigger or foreign key, and no statement joins on
 * anything but the source, so that Citus and YugabyteDB take it as it is
 * (docs/collector.md).
 */
#include "collector/store_pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define SCHEMA_VERSION 1
/* Two collectors that start on an empty database: one of them is told no. */
#define SCHEMA_TRIES   10
#define SCHEMA_WAIT_MS 200

static const char *const schema[] = {
	"CREATE TABLE report(src text NOT NULL, start bigint NOT NULL, "
	"body bytea NOT NULL, PRIMARY KEY (src, start))",
	"CREATE TABLE five(src text NOT NULL, start bigint NOT NULL, "
	"body bytea NOT NULL, PRIMARY KEY (src, start))",
	"CREATE TABLE hour(src text NOT NULL, start bigint NOT NULL, "
	"body bytea NOT NULL, PRIMARY KEY (src, start))",
	"CREATE TABLE mark(src text NOT NULL, tier integer NOT NULL, "
	"start bigint NOT NULL, version bigint NOT NULL, at bigint NOT NULL, "
	"PRIMARY KEY (src, tier, start))",
	"CREATE TABLE source(src text NOT NULL, raw_from bigint NOT NULL DEFAULT 0, "
	"five_from bigint NOT NULL DEFAULT 0, PRIMARY KEY (src))",
	"CREATE TABLE event(node text NOT NULL, boot bigint NOT NULL, "
	"seq bigint NOT NULL, at bigint NOT NULL, kind text NOT NULL, "
	"text text NOT NULL, PRIMARY KEY (node, boot, seq))",
	"CREATE INDEX event_at ON event(at)",
	"CREATE TABLE plan(epoch bigint NOT NULL, at bigint NOT NULL, "
	"body bytea NOT NULL, PRIMARY KEY (epoch))",
	"CREATE TABLE rollup(src text NOT NULL, bucket timestamptz NOT NULL, "
	"dst text NOT NULL, path text NOT NULL, step integer NOT NULL, "
	"sent bigint NOT NULL, lost bigint NOT NULL, min double precision, "
	"mean double precision, p50 double precision, p95 double precision, "
	"p99 double precision, max double precision, jitter double precision, "
	"PRIMARY KEY (src, bucket, dst, path))",
	"CREATE TABLE meshopt_store(version integer NOT NULL, PRIMARY KEY (version))",
	"INSERT INTO meshopt_store VALUES(1)",
};

/* Is there a table of that name?  1, 0, -errno. */
static int
has_table(struct store_pg *s, const char *name, struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	PGresult *res = NULL;
	int r;

	store_pg_conn_text(&args, name);
	r = store_pg_conn_run(s, "SELECT to_regclass($1) IS NOT NULL", &args, &res,
	    err);
	if (r < 0)
		return r;
	r = store_pg_conn_get(res, 0, 0) != 0;
	PQclear(res);
	return r;
}

/* The version that is there, 0 if none is. */
static int
read_version(struct store_pg *s, int64_t *version, struct err *err)
{
	PGresult *res = NULL;
	int r;

	*version = 0;
	r = has_table(s, "meshopt_store", err);
	if (r <= 0)
		return r;
	r = store_pg_conn_run(s, "SELECT max(version) FROM meshopt_store", NULL, &res,
	    err);
	if (r < 0)
		return r;
	*version = store_pg_conn_get(res, 0, 0);
	PQclear(res);
	return 0;
}

static int
schema_work(struct store_pg *s, void *ctx, struct err *err)
{
	int64_t version;
	int r = read_version(s, &version, err);

	(void)ctx;
	if (r < 0)
		return r;
	if (version > SCHEMA_VERSION)
		return err_code(err, EPROTO,
		    "--db: version %lld, and this program knows %d: run the newer "
		    "meshopt-collector, or name another database",
		    (long long)version, SCHEMA_VERSION);
	if (version == SCHEMA_VERSION) {
		r = has_table(s, "rollup", err);
		s->rows = r > 0;
		return r < 0 ? r : 0;
	}
	if (s->mode == STORE_READ)
		return err_code(err, ENOENT,
		    "--db: has no tables of ours: start meshopt-collector on it once");
	for (size_t i = 0; r >= 0 && i < sizeof(schema) / sizeof(schema[0]); i++)
		r = store_pg_conn_run(s, schema[i], NULL, NULL, err);
	s->rows = r >= 0;
	return r < 0 ? r : 0;
}

static void
pg_close(struct store *store)
{
	struct store_pg *s = (struct store_pg *)store;

	if (!s)
		return;
	store_pg_conn_drop(s);
	free(s->where);
	free(s);
}

static int
pg_open(const char *where, enum store_mode mode, struct store **out, struct err *err)
{
	struct store_pg *s = mem_alloc(sizeof(*s));
	int r;

	s->store.ops = &store_pg;
	s->where = mem_strdup(where);
	s->mode = mode;
	r = store_pg_conn_transact(s, schema_work, NULL, err);
	for (int i = 0; r == -EIO && i < SCHEMA_TRIES; i++) {
		(void)poll(NULL, 0, SCHEMA_WAIT_MS); /* a wait, cut short or not */
		r = store_pg_conn_transact(s, schema_work, NULL, err);
	}
	if (r < 0) {
		pg_close(&s->store);
		return r;
	}
	*out = &s->store;
	return 0;
}

struct put_events {
	struct store_event *events;
	size_t n;
};

static int
put_events_work(struct store_pg *s, void *ctx, struct err *err)
{
	const struct put_events *put = ctx;

	for (size_t i = 0; i < put->n; i++) {
		struct store_event *e = &put->events[i];
		struct store_pg_args args = { .n = 0 };
		int r;

		store_pg_conn_text(&args, e->node);
		store_pg_conn_int(&args, (int64_t)e->boot);
		store_pg_conn_int(&args, (int64_t)e->seq);
		store_pg_conn_int(&args, e->at.ns / NS_PER_MS);
		store_pg_conn_text(&args, e->kind);
		store_pg_conn_text(&args, e->text);
		r = store_pg_conn_run(s,
		    "INSERT INTO event(node, boot, seq, at, kind, text) "
		    "VALUES($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		    &args, NULL, err);
		if (r < 0)
			return r;
		e->fate = r > 0 ? STORE_NEW : STORE_DUPLICATE;
	}
	return 0;
}

static int
pg_put_events(struct store *store, struct store_event *events, size_t n,
    struct err *err)
{
	struct put_events put = { events, n };

	return store_pg_conn_transact((struct store_pg *)store, put_events_work, &put,
	    err);
}

struct shown {
	store_event_cb *event;
	store_plan_cb *plan;
	void *ctx;
};

/* Columns come with their end: libpq puts a zero byte after each. */
static int
show_event(const PGresult *row, void *ctx)
{
	struct shown *shown = ctx;
	const struct store_event e = {
		.node = PQgetvalue(row, 0, 0),
		.boot = (uint64_t)store_pg_conn_get(row, 0, 1),
		.seq = (uint64_t)store_pg_conn_get(row, 0, 2),
		.at.ns = store_pg_conn_get(row, 0, 3) * NS_PER_MS,
		.kind = PQgetvalue(row, 0, 4),
		.text = PQgetvalue(row, 0, 5),
	};

	return shown->event(&e, shown->ctx);
}

static int
pg_scan_events(struct store *store, const struct store_window *window,
    store_event_cb *cb, void *ctx, struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	struct shown shown = { .event = cb, .ctx = ctx };
	struct store_pg_args args = { .n = 0 };
	int r = store_pg_conn_ready(s, err);

	store_pg_conn_int(&args, window->from.ns / NS_PER_MS);
	store_pg_conn_int(&args, window->to.ns / NS_PER_MS);
	if (r < 0)
		return r;
	return store_pg_conn_stream(s,
	    "SELECT node, boot, seq, at, kind, text FROM event "
	    "WHERE at >= $1 AND at < $2 ORDER BY at, node, boot, seq",
	    &args, show_event, &shown, err);
}

/* The newest plan up to an epoch into *found; 0 = there is none. */
static int
find_plan(struct store_pg *s, int64_t most, const struct store_plan *plan,
    struct store_found *found, struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	PGresult *res = NULL;
	int r;

	store_pg_conn_int(&args, most);
	r = store_pg_conn_run(s,
	    "SELECT epoch, body FROM plan WHERE epoch <= $1 "
	    "ORDER BY epoch DESC LIMIT 1",
	    &args, &res, err);
	if (r < 0)
		return r;
	*found = (struct store_found){ 0 };
	if (PQntuples(res) > 0)
		*found = store_compare(plan, store_pg_conn_get(res, 0, 0),
		    PQgetvalue(res, 0, 1), (size_t)PQgetlength(res, 0, 1));
	PQclear(res);
	return 0;
}

/* Its fate, and room for it. */
static int
judge_plan(struct store_pg *s, struct store_plan *plan, struct err *err)
{
	struct store_found found;
	struct store_pg_args args = { .n = 0 };
	bool above = false;
	int r = find_plan(s, INT64_MAX, plan, &found, err);

	for (; r == 0 && found.foreign;
	     r = find_plan(s, found.epoch - 1, plan, &found, err))
		above |= found.epoch >= (int64_t)plan->epoch;
	if (r < 0)
		return r;
	plan->fate = found.fate;
	if (plan->fate != STORE_NEW || !above)
		return 0;
	store_pg_conn_int(&args, (int64_t)plan->epoch);
	return store_pg_conn_run(s, "DELETE FROM plan WHERE epoch >= $1", &args, NULL,
	    err);
}

static int
put_plan_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct store_plan *plan = ctx;
	struct store_pg_args args = { .n = 0 }, keep = { .n = 0 };
	int r = judge_plan(s, plan, err);

	if (r < 0 || plan->fate != STORE_NEW)
		return r;
	store_pg_conn_int(&args, (int64_t)plan->epoch);
	store_pg_conn_int(&args, plan->at.ns / NS_PER_MS);
	store_pg_conn_bytes(&args, plan->body, plan->len);
	r = store_pg_conn_run(s,
	    "INSERT INTO plan(epoch, at, body) VALUES($1, $2, $3) "
	    "ON CONFLICT DO NOTHING",
	    &args, NULL, err);
	if (r == 0)
		return -EAGAIN; /* another collector was quicker: look at its plan */
	store_pg_conn_int(&keep, STORE_PLANS);
	if (r > 0)
		r = store_pg_conn_run(s,
		    "DELETE FROM plan WHERE epoch NOT IN "
		    "(SELECT epoch FROM plan ORDER BY epoch DESC LIMIT $1)",
		    &keep, NULL, err);
	return r < 0 ? r : 0;
}

static int
pg_put_plan(struct store *store, struct store_plan *plan, struct err *err)
{
	return store_pg_conn_transact((struct store_pg *)store, put_plan_work, plan,
	    err);
}

static int
show_plan(const PGresult *row, void *ctx)
{
	struct shown *shown = ctx;
	const struct store_plan plan = {
		.epoch = (uint64_t)store_pg_conn_get(row, 0, 0),
		.at.ns = store_pg_conn_get(row, 0, 1) * NS_PER_MS,
		.body = (const uint8_t *)PQgetvalue(row, 0, 2),
		.len = (size_t)PQgetlength(row, 0, 2),
	};

	return shown->plan(&plan, shown->ctx);
}

static int
pg_scan_plans(struct store *store, store_plan_cb *cb, void *ctx, struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	struct shown shown = { .plan = cb, .ctx = ctx };
	int r = store_pg_conn_ready(s, err);

	if (r < 0)
		return r;
	return store_pg_conn_stream(s,
	    "SELECT epoch, at, body FROM plan ORDER BY epoch DESC", NULL, show_plan,
	    &shown, err);
}

static int
pg_newest_plan(struct store *store, struct store_plan *out, struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	PGresult *res = NULL;
	int r = store_pg_conn_ready(s, err);

	if (r == 0)
		r = store_pg_conn_run(s,
		    "SELECT epoch, at FROM plan ORDER BY epoch DESC LIMIT 1", NULL,
		    &res, err);
	if (r < 0)
		return r;
	*out = (struct store_plan){ 0 };
	if (PQntuples(res) > 0) {
		out->epoch = (uint64_t)store_pg_conn_get(res, 0, 0);
		out->at.ns = store_pg_conn_get(res, 0, 1) * NS_PER_MS;
	}
	PQclear(res);
	return 0;
}

/* The pages are the server's to check; that it answers and the tables are ours is all.
 */
static int
pg_check(struct store *store, struct err *err)
{
	return store_pg_conn_transact((struct store_pg *)store, schema_work, NULL, err);
}

const struct store_ops store_pg = {
	.name = "postgresql",
	.open = pg_open,
	.close = pg_close,
	.put_reports = store_pg_report_put,
	.scan = store_pg_report_scan,
	.last = store_pg_report_last,
	.marks = store_pg_rollup_due,
	.put_rollups = store_pg_rollup_put,
	.expire = store_pg_rollup_expire,
	.put_events = pg_put_events,
	.scan_events = pg_scan_events,
	.put_plan = pg_put_plan,
	.scan_plans = pg_scan_plans,
	.newest_plan = pg_newest_plan,
	.check = pg_check,
};
