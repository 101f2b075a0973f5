/* SPDX-License-Identifier: MIT */
/*
 * What the files of the PostgreSQL store share.  store_pg_conn.c speaks to the server
 * and gets a lost connection back; store_pg.c has the schema, events and plans;
 * store_pg_report.c the tiers; store_pg_rollup.c the marks and what comes of them;
 * store_pg_rows.c the rows for dashboards.
 *
 * Every statement but the look for marks, events and plans names one source, so that on
 * a database that is distributed by source it goes to one shard.
 */
#ifndef COLLECTOR_STORE_PG_H
#define COLLECTOR_STORE_PG_H

#include <libpq-fe.h>

#include "collector/store.h"

struct store_pg {
	struct store store;
	char *where; /* owned */
	enum store_mode mode;
	bool rows;    /* there is a table for them, see store_pg_rows.c */
	PGconn *conn; /* NULL = lost; the next use tries again */
	struct mono retry_at;
	int64_t backoff_ns; /* 0 = the last attempt succeeded */
};

#define STORE_PG_ARGS_MAX 8

/* The $1, $2... of a statement; what is added by reference is borrowed. */
struct store_pg_args {
	int n;
	const char *values[STORE_PG_ARGS_MAX];
	int lengths[STORE_PG_ARGS_MAX], formats[STORE_PG_ARGS_MAX];
	char numbers[STORE_PG_ARGS_MAX][24];
};

void store_pg_conn_int(struct store_pg_args *args, int64_t value);
void store_pg_conn_text(struct store_pg_args *args, const char *text);
void store_pg_conn_bytes(struct store_pg_args *args, const uint8_t *bytes, size_t len);

/*
 * Run one statement, and give what it returned to *out (PQclear() it; columns are in
 * binary form) if that is not NULL.  args may be NULL.  Rows that were changed, or
 * -ENOTCONN: the server is away; -EAGAIN: it asks for the transaction to be run again;
 * -EIO: it refuses.
 */
int store_pg_conn_run(struct store_pg *s, const char *sql,
    const struct store_pg_args *args, PGresult **out, struct err *err);

/* The same, but every row is shown as it comes; what row returns ends it. */
typedef int store_pg_row_cb(const PGresult *row, void *ctx);
int store_pg_conn_stream(struct store_pg *s, const char *sql,
    const struct store_pg_args *args, store_pg_row_cb *row, void *ctx, struct err *err);

/* COPY into the table that sql names: the bytes are in COPY's binary form. */
int store_pg_conn_copy(struct store_pg *s, const char *sql, const uint8_t *bytes,
    size_t len, struct err *err);

/*
 * Run work in a transaction: again if the server asks for it, and once more if the
 * connection was lost, which it may have been long ago.  So work may run several times.
 * 0 or -errno.
 */
typedef int store_pg_work(struct store_pg *s, void *ctx, struct err *err);
int store_pg_conn_transact(struct store_pg *s, store_pg_work *work, void *ctx,
    struct err *err);

/* Connect if need be, and set the session up. */
int store_pg_conn_ready(struct store_pg *s, struct err *err);
void store_pg_conn_drop(struct store_pg *s);

/* Columns of a row in binary form. */
int64_t store_pg_conn_get(const PGresult *row, int at, int column);

int store_pg_report_put(struct store *store, struct store_report *const *reports,
    size_t n, struct err *err);
int store_pg_report_scan(struct store *store, const struct store_scan *scan,
    store_scan_cb *cb, void *ctx, struct err *err);
int store_pg_report_last(struct store *store, store_scan_cb *cb, void *ctx,
    struct err *err);

int store_pg_rollup_due(struct store *store, const struct store_due *due,
    struct store_mark *out, size_t max, size_t *n, struct err *err);
int store_pg_rollup_put(struct store *store, struct store_rollup *rollups, size_t n,
    struct err *err);
int store_pg_rollup_expire(struct store *store, enum store_tier tier,
    struct wall before, size_t max, size_t *gone, struct err *err);

/* Within a transaction; bodies are those of hours. */
int store_pg_rows_put(struct store_pg *s, const struct store_rollup *rollup,
    struct err *err);
int store_pg_rows_expire(struct store_pg *s, const char *src, int64_t before_ms,
    struct err *err);

#endif
