/* SPDX-License-Identifier: MIT */
/*
 * The tiers of the SQLite store: put, scan, and the newest of each source.
 */
#include "collector/store_sqlite.h"

#include <errno.h>

int
store_sqlite_report_src_find(struct store_sqlite *s, const char *name, int64_t *id,
    struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_FIND_SRC][0];
	int code;

	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	code = sqlite3_step(st);
	*id = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return 0;
	return store_sqlite_fault(s, "look up a source", err);
}

/* The small number of a source, given out at its first report. */
static int
src_id(struct store_sqlite *s, const char *name, int64_t *id, struct err *err)
{
	int r = store_sqlite_report_src_find(s, name, id, err);

	if (r < 0 || *id > 0)
		return r;
	sqlite3_bind_text(s->st[SQL_ADD_SRC][0], 1, name, -1, SQLITE_STATIC);
	r = store_sqlite_step(s, s->st[SQL_ADD_SRC][0], "add a source", err);
	if (r < 0)
		return r;
	*id = sqlite3_last_insert_rowid(s->db);
	if (*id > STORE_SQLITE_SRC_MAX)
		return err_code(err, ENOSPC,
		    "%s: has seen %d nodes, which is all it can number: start a new "
		    "file",
		    s->path, STORE_SQLITE_SRC_MAX);
	return 0;
}

static int
put_one(struct store_sqlite *s, struct store_report *report, struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_PUT][STORE_RAW];
	int64_t src, id;
	int r = src_id(s, report->src, &src, err);

	if (r < 0)
		return r;
	id = store_sqlite_id(report->start, src);
	sqlite3_bind_int64(st, 1, id);
	if (sqlite3_bind_blob64(st, 2, report->body, report->len, SQLITE_STATIC) !=
	    SQLITE_OK)
		return store_sqlite_fault(s, "write", err);
	r = store_sqlite_step(s, st, "write", err);
	if (r < 0)
		return r;
	report->fate = sqlite3_changes(s->db) ? STORE_NEW : STORE_DUPLICATE;
	if (report->fate == STORE_NEW)
		r = store_sqlite_rollup_mark(s, STORE_5MIN, id, err);
	return r;
}

int
store_sqlite_report_put(struct store *store, struct store_report *const *reports,
    size_t n, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	int r = store_sqlite_begin(s, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_one(s, reports[i], err);
	return store_sqlite_end(s, r, err);
}

/* Show what a statement finds, rows of (id, name, body), and reset it. */
static int
show(struct store_sqlite *s, sqlite3_stmt *st, store_scan_cb *cb, void *ctx,
    struct err *err)
{
	int code = SQLITE_DONE, r = 0;

	while (r == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_report report = {
			.start = store_sqlite_wall(sqlite3_column_int64(st, 0)),
			.src = (const char *)sqlite3_column_text(st, 1),
			.body = sqlite3_column_blob(st, 2),
			.len = (size_t)sqlite3_column_bytes(st, 2),
		};

		r = report.src ? cb(&report, ctx) : store_sqlite_fault(s, "read", err);
	}
	if (r == 0 && code != SQLITE_DONE)
		r = store_sqlite_fault(s, "read", err);
	sqlite3_reset(st);
	return r;
}

int
store_sqlite_report_scan(struct store *store, const struct store_scan *scan,
    store_scan_cb *cb, void *ctx, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	sqlite3_stmt *st = s->st[scan->n_srcs ? SQL_SCAN_SRC : SQL_SCAN][scan->tier];
	int64_t src;
	int r = 0;

	sqlite3_bind_int64(st, 1, store_sqlite_id(scan->window.from, 0));
	sqlite3_bind_int64(st, 2, store_sqlite_id(scan->window.to, 0));
	if (scan->n_srcs == 0)
		return show(s, st, cb, ctx, err);
	for (size_t i = 0; r == 0 && i < scan->n_srcs; i++) {
		r = store_sqlite_report_src_find(s, scan->srcs[i], &src, err);
		if (r < 0 || src == 0)
			continue;
		sqlite3_bind_int64(st, 3, src);
		r = show(s, st, cb, ctx, err);
	}
	return r;
}

struct first {
	store_scan_cb *cb;
	void *ctx;
	bool found;
};

static int
note_first(const struct store_report *report, void *ctx)
{
	struct first *first = ctx;

	first->found = true;
	return first->cb(report, first->ctx);
}

int
store_sqlite_report_last(struct store *store, store_scan_cb *cb, void *ctx,
    struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	sqlite3_stmt *srcs = s->st[SQL_SRCS][0];
	int code = SQLITE_DONE, r = 0;

	while (r == 0 && (code = sqlite3_step(srcs)) == SQLITE_ROW) {
		struct first first = { .cb = cb, .ctx = ctx };

		for (int tier = 0; r == 0 && tier < STORE_TIERS && !first.found;
		     tier++) {
			sqlite3_bind_int64(s->st[SQL_LAST][tier], 1,
			    sqlite3_column_int64(srcs, 0));
			r = show(s, s->st[SQL_LAST][tier], note_first, &first, err);
		}
	}
	if (r == 0 && code != SQLITE_DONE)
		r = store_sqlite_fault(s, "read", err);
	sqlite3_reset(srcs);
	return r;
}
