/* SPDX-License-Identifier: MIT */
/*
 * Events and plans of the SQLite store.
 */
#include "collector/store_sqlite.h"

#include <string.h>

static int
put_one(struct store_sqlite *s, struct store_event *e, struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_PUT_EVENT][0];
	int r;

	sqlite3_bind_text(st, 1, e->node, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)e->boot);
	sqlite3_bind_int64(st, 3, (int64_t)e->seq);
	sqlite3_bind_int64(st, 4, e->at.ns / NS_PER_MS);
	sqlite3_bind_text(st, 5, e->kind, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 6, e->text, -1, SQLITE_STATIC);
	r = store_sqlite_step(s, st, "write an event", err);
	if (r == 0)
		e->fate = sqlite3_changes(s->db) ? STORE_NEW : STORE_DUPLICATE;
	return r;
}

int
store_sqlite_event_put(struct store *store, struct store_event *events, size_t n,
    struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	int r = store_sqlite_begin(s, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_one(s, &events[i], err);
	return store_sqlite_end(s, r, err);
}

int
store_sqlite_event_scan(struct store *store, const struct store_window *window,
    store_event_cb *cb, void *ctx, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	sqlite3_stmt *st = s->st[SQL_EVENTS][0];
	int code = SQLITE_DONE, r = 0;

	sqlite3_bind_int64(st, 1, window->from.ns / NS_PER_MS);
	sqlite3_bind_int64(st, 2, window->to.ns / NS_PER_MS);
	while (r == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_event e = {
			.node = (const char *)sqlite3_column_text(st, 0),
			.boot = (uint64_t)sqlite3_column_int64(st, 1),
			.seq = (uint64_t)sqlite3_column_int64(st, 2),
			.at.ns = sqlite3_column_int64(st, 3) * NS_PER_MS,
			.kind = (const char *)sqlite3_column_text(st, 4),
			.text = (const char *)sqlite3_column_text(st, 5),
		};

		r = e.node && e.kind && e.text
			? cb(&e, ctx)
			: store_sqlite_fault(s, "read events", err);
	}
	if (r == 0 && code != SQLITE_DONE)
		r = store_sqlite_fault(s, "read events", err);
	sqlite3_reset(st);
	return r;
}

/* The newest plan up to an epoch into *found; 0 = there is none. */
static int
find_plan(struct store_sqlite *s, int64_t most, const struct store_plan *plan,
    struct store_found *found, struct err *err)
{
	sqlite3_stmt *st = s->st[SQL_NEWEST_PLAN][0];
	int code;

	sqlite3_bind_int64(st, 1, most);
	code = sqlite3_step(st);
	*found = (struct store_found){ 0 };
	if (code == SQLITE_ROW)
		*found = store_compare(plan, sqlite3_column_int64(st, 0),
		    sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
	sqlite3_reset(st);
	return code == SQLITE_ROW || code == SQLITE_DONE
		   ? 0
		   : store_sqlite_fault(s, "read the plan", err);
}

static int
put_plan(struct store_sqlite *s, struct store_plan *plan, struct err *err)
{
	struct store_found found = { .epoch = INT64_MAX, .foreign = true };
	sqlite3_stmt *st = s->st[SQL_CLEAR_PLANS][0];
	bool above = false;
	int r = find_plan(s, INT64_MAX, plan, &found, err);

	for (; r == 0 && found.foreign;
	     r = find_plan(s, found.epoch - 1, plan, &found, err))
		above |= found.epoch >= (int64_t)plan->epoch;
	plan->fate = found.fate;
	if (r < 0 || plan->fate != STORE_NEW)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)plan->epoch);
	if (above)
		r = store_sqlite_step(s, st, "delete plans of another key", err);
	st = s->st[SQL_PUT_PLAN][0];
	sqlite3_bind_int64(st, 1, (int64_t)plan->epoch);
	sqlite3_bind_int64(st, 2, plan->at.ns / NS_PER_MS);
	sqlite3_bind_blob64(st, 3, plan->body, plan->len, SQLITE_STATIC);
	if (r == 0)
		r = store_sqlite_step(s, st, "write a plan", err);
	st = s->st[SQL_DROP_PLANS][0];
	sqlite3_bind_int64(st, 1, STORE_PLANS);
	return r < 0 ? r : store_sqlite_step(s, st, "delete old plans", err);
}

int
store_sqlite_event_put_plan(struct store *store, struct store_plan *plan,
    struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	int r = store_sqlite_begin(s, err);

	if (r == 0)
		r = put_plan(s, plan, err);
	return store_sqlite_end(s, r, err);
}

int
store_sqlite_event_scan_plans(struct store *store, store_plan_cb *cb, void *ctx,
    struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)store;
	sqlite3_stmt *st = s->st[SQL_PLANS][0];
	int code = SQLITE_DONE, r = 0;

	while (r == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_plan plan = {
			.epoch = (uint64_t)sqlite3_column_int64(st, 0),
			.at.ns = sqlite3_column_int64(st, 1) * NS_PER_MS,
			.body = sqlite3_column_blob(st, 2),
			.len = (size_t)sqlite3_column_bytes(st, 2),
		};

		r = cb(&plan, ctx);
	}
	if (r == 0 && code != SQLITE_DONE)
		r = store_sqlite_fault(s, "read plans", err);
	sqlite3_reset(st);
	return r;
}
