/* SPDX-License-Identifier: MIT */
/*
 * What the files of the SQLite store share.  store_sqlite.c opens, closes and has
 * the SQL, store_sqlite_file.c knows the file, store_sqlite_report.c has the tiers,
 * store_sqlite_rollup.c the marks and what comes of them, store_sqlite_event.c events
 * and plans.
 *
 * The key of a report is an integer, start in ms << 16 | number of the source, and so
 * is that of a mark.
 */
#ifndef COLLECTOR_STORE_SQLITE_H
#define COLLECTOR_STORE_SQLITE_H

#include "collector/store.h"

#include <sqlite3.h>

#define STORE_SQLITE_SRC_BITS 16
#define STORE_SQLITE_SRC_MAX  ((1 << STORE_SQLITE_SRC_BITS) - 1)

/* Those with a %s are made once a tier, with its table in that place. */
enum store_sqlite_statement {
	SQL_PUT,
	SQL_REPLACE,
	SQL_SCAN,
	SQL_SCAN_SRC,
	SQL_FIRST,
	SQL_LAST,
	SQL_DROP,
	SQL_EXPIRE,
	/* once */
	SQL_FIND_SRC,
	SQL_ADD_SRC,
	SQL_SRCS,
	SQL_MARK,
	SQL_MARKED,
	SQL_CLEAR,
	SQL_DUE,
	SQL_RAW_FROM,
	SQL_FIVE_FROM,
	SQL_PUT_EVENT,
	SQL_EVENTS,
	SQL_EXPIRE_EVENTS,
	SQL_PUT_PLAN,
	SQL_NEWEST_PLAN,
	SQL_CLEAR_PLANS,
	SQL_PLANS,
	SQL_DROP_PLANS,
	SQL_COUNT
};

struct store_sqlite {
	struct store store;
	char *path; /* owned */
	int lock;   /* the file, held under flock() for as long as it is written */
	bool ours;  /* as its first page said when it was opened */
	sqlite3 *db;
	sqlite3_stmt *st[SQL_COUNT][STORE_TIERS];
};

/* Every failure of SQLite, in a sentence that says what to do. */
int store_sqlite_fault(struct store_sqlite *s, const char *doing, struct err *err);
int store_sqlite_run(struct store_sqlite *s, const char *sql, struct err *err);

/* Around every change; end takes what happened in between and returns what is left. */
int store_sqlite_begin(struct store_sqlite *s, struct err *err);
int store_sqlite_end(struct store_sqlite *s, int result, struct err *err);

/*
 * Step a statement that returns no row, and reset it.  Bound text and blobs are the
 * caller's, so they are unbound as well.
 */
int store_sqlite_step(struct store_sqlite *s, sqlite3_stmt *st, const char *doing,
    struct err *err);

/* INT64_MAX ns are 2^44 ms: any time after 1970 fits above the source's bits. */
static inline int64_t
store_sqlite_id(struct wall t, int64_t src)
{
	int64_t ms = t.ns / NS_PER_MS;

	return ms < 0 ? src : (int64_t)((uint64_t)ms << STORE_SQLITE_SRC_BITS) | src;
}

static inline struct wall
store_sqlite_wall(int64_t id)
{
	return (struct wall){ (id >> STORE_SQLITE_SRC_BITS) * NS_PER_MS };
}

/* store_sqlite_file.c; check: with the pragma that says how */
int store_sqlite_file_take(struct store_sqlite *s, struct err *err);
int store_sqlite_file_connect(struct store_sqlite *s, enum store_mode mode,
    struct err *err);
int store_sqlite_file_check(struct store_sqlite *s, const char *pragma,
    struct err *err);

/* store_sqlite_report.c; src_find: *id is 0 for a source that was never seen. */
int store_sqlite_report_src_find(struct store_sqlite *s, const char *name, int64_t *id,
    struct err *err);
int store_sqlite_report_put(struct store *store, struct store_report *const *reports,
    size_t n, struct err *err);
int store_sqlite_report_scan(struct store *store, const struct store_scan *scan,
    store_scan_cb *cb, void *ctx, struct err *err);
int store_sqlite_report_last(struct store *store, store_scan_cb *cb, void *ctx,
    struct err *err);

/* store_sqlite_rollup.c; mark: the bucket of that tier in which the report id is. */
int store_sqlite_rollup_mark(struct store_sqlite *s, enum store_tier tier, int64_t id,
    struct err *err);
int store_sqlite_rollup_due(struct store *store, const struct store_due *due,
    struct store_mark *out, size_t max, size_t *n, struct err *err);
int store_sqlite_rollup_put(struct store *store, struct store_rollup *rollups, size_t n,
    struct err *err);
int store_sqlite_rollup_expire(struct store *store, enum store_tier tier,
    struct wall before, size_t max, size_t *gone, struct err *err);

/* store_sqlite_event.c */
int store_sqlite_event_put(struct store *store, struct store_event *events, size_t n,
    struct err *err);
int store_sqlite_event_scan(struct store *store, const struct store_window *window,
    store_event_cb *cb, void *ctx, struct err *err);
int store_sqlite_event_put_plan(struct store *store, struct store_plan *plan,
    struct err *err);
int store_sqlite_event_scan_plans(struct store *store, store_plan_cb *cb, void *ctx,
    struct err *err);

#endif
