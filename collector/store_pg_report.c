/* SPDX-License-Identifier: MIT */
/*
 * The tiers of the PostgreSQL store.  A batch of reports goes by COPY into a temporary
 * table and from there into the real one: one round trip for the bytes, and no error
 * over what is there already, whichever collector put it there.
 */
#include "collector/store_pg.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/report.h"

static const char *const tables[STORE_TIERS] = { "report", "five", "hour" };

/* The bytes of a COPY; PostgreSQL's manual, "COPY", Binary Format. */
struct copy {
	uint8_t *bytes; /* owned */
	size_t n;
};

static void
add(struct copy *c, const void *bytes, size_t n)
{
	memcpy(c->bytes + c->n, bytes, n);
	c->n += n;
}

static void
add_field(struct copy *c, const void *bytes, size_t n)
{
	const uint32_t len = htobe32((uint32_t)n);

	add(c, &len, sizeof(len));
	add(c, bytes, n);
}

static void
add_int(struct copy *c, int64_t v)
{
	const uint64_t wide = htobe64((uint64_t)v);

	add_field(c, &wide, sizeof(wide));
}

/* Signature, flags and length of an extension: 11 + 4 + 4 bytes. */
static const uint8_t copy_head[19] = { 'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r',
	'\n', 0 };

static struct copy
make_copy(struct store_report *const *reports, size_t n)
{
	const uint16_t fields = htobe16(4), end = 0xffff;
	struct copy c = { .n = 0 };
	size_t size = sizeof(copy_head) + 2;

	for (size_t i = 0; i < n; i++)
		size += 2 + 4 * 4 + 8 + 8 + strlen(reports[i]->src) + reports[i]->len;
	c.bytes = mem_alloc(size);
	add(&c, copy_head, sizeof(copy_head));
	for (size_t i = 0; i < n; i++) {
		const struct store_report *r = reports[i];

		add(&c, &fields, sizeof(fields));
		add_int(&c, (int64_t)i);
		add_field(&c, r->src, strlen(r->src));
		add_int(&c, r->start.ns / NS_PER_MS);
		add_field(&c, r->body, r->len);
	}
	add(&c, &end, sizeof(end));
	assert(c.n == size);
	return c;
}

struct put {
	struct store_report *const *reports;
	size_t n;
	struct copy copy;
};

/* The one of a batch that became this new row: the first with its key. */
static void
note_new(const struct put *put, const char *src, int len, int64_t start_ms)
{
	for (size_t i = 0; i < put->n; i++) {
		struct store_report *r = put->reports[i];

		if (r->start.ns / NS_PER_MS == start_ms &&
		    strlen(r->src) == (size_t)len &&
		    memcmp(r->src, src, (size_t)len) == 0) {
			r->fate = STORE_NEW;
			return;
		}
	}
}

static int
put_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct put *put = ctx;
	struct store_pg_args now = { .n = 0 };
	PGresult *res = NULL;
	int r;

	r = store_pg_conn_copy(s, "COPY meshopt_stage FROM STDIN (FORMAT binary)",
	    put->copy.bytes, put->copy.n, err);
	if (r >= 0) /* or every report that is sent again would mark its bucket */
		r = store_pg_conn_run(s,
		    "DELETE FROM meshopt_stage s WHERE EXISTS (SELECT 1 FROM report r "
		    "WHERE r.src = s.src AND r.start = s.start)",
		    NULL, NULL, err);
	/* In order of the key, as everybody does, lest two wait for each other. */
	if (r >= 0)
		r = store_pg_conn_run(s,
		    "INSERT INTO report(src, start, body) "
		    "SELECT DISTINCT ON (src, start) src, start, body "
		    "FROM meshopt_stage ORDER BY src, start, i "
		    "ON CONFLICT DO NOTHING RETURNING src, start",
		    NULL, &res, err);
	for (size_t i = 0; r >= 0 && i < put->n; i++)
		put->reports[i]->fate = STORE_DUPLICATE;
	for (int i = 0; r >= 0 && i < PQntuples(res); i++)
		note_new(put, PQgetvalue(res, i, 0), PQgetlength(res, i, 0),
		    store_pg_conn_get(res, i, 1));
	PQclear(res);
	if (r >= 0)
		r = store_pg_conn_run(s,
		    "INSERT INTO source(src) SELECT DISTINCT src FROM meshopt_stage "
		    "ORDER BY src ON CONFLICT DO NOTHING",
		    NULL, NULL, err);
	store_pg_conn_int(&now, clock_wall().ns / NS_PER_MS);
	if (r >= 0)
		r = store_pg_conn_run(s,
		    "INSERT INTO mark(src, tier, start, version, at) "
		    "SELECT src, 1, start, (random() * 9e18)::bigint, $1 FROM "
		    "(SELECT DISTINCT src, start - start % 300000 AS start "
		    "FROM meshopt_stage) AS b ORDER BY src, start "
		    "ON CONFLICT (src, tier, start) DO UPDATE "
		    "SET version = excluded.version, at = excluded.at",
		    &now, NULL, err);
	return r < 0 ? r : 0;
}

int
store_pg_report_put(struct store *store, struct store_report *const *reports, size_t n,
    struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	struct put put = { .reports = reports, .n = n };
	int r;

	if (s->mode == STORE_READ)
		return err_code(err, EROFS, "the store was opened to be read");
	for (size_t i = 0; i < n; i++)
		if (reports[i]->len > REPORT_STORED_BYTES_MAX)
			return err_set(err, "report of %s: too large to be stored",
			    reports[i]->src);
	put.copy = make_copy(reports, n);
	r = store_pg_conn_transact(s, put_work, &put, err);
	free(put.copy.bytes);
	return r;
}

struct shown {
	store_scan_cb *cb;
	void *ctx;
	const char *src;
	size_t n;
};

static int
show(const PGresult *row, void *ctx)
{
	struct shown *shown = ctx;
	const struct store_report report = {
		.src = shown->src,
		.start.ns = store_pg_conn_get(row, 0, 0) * NS_PER_MS,
		.body = (const uint8_t *)PQgetvalue(row, 0, 1),
		.len = (size_t)PQgetlength(row, 0, 1),
	};

	shown->n++;
	return shown->cb(&report, shown->ctx);
}

static int
scan_src(struct store_pg *s, const struct store_scan *scan, struct shown *shown,
    struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	char sql[160];
	int r;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT start, body FROM %s WHERE src = $1 AND start >= $2 AND start < $3 "
	    "ORDER BY start",
	    tables[scan->tier]); /* fits */
	store_pg_conn_text(&args, shown->src);
	store_pg_conn_int(&args, scan->window.from.ns / NS_PER_MS);
	store_pg_conn_int(&args, scan->window.to.ns / NS_PER_MS);
	shown->n = 0;
	r = store_pg_conn_ready(s, err);
	if (r == 0)
		r = store_pg_conn_stream(s, sql, &args, show, shown, err);
	/* The connection may have gone long ago: try once more if nothing was shown. */
	if (r == -ENOTCONN && shown->n == 0 && s->backoff_ns == 0) {
		store_pg_conn_drop(s);
		r = store_pg_conn_ready(s, err);
		if (r == 0)
			r = store_pg_conn_stream(s, sql, &args, show, shown, err);
	}
	return r;
}

struct names {
	char **names; /* owned */
	size_t n;
};

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->names[i]);
	free(names->names);
}

static int
list_work(struct store_pg *s, void *ctx, struct err *err)
{
	struct names *names = ctx;
	PGresult *res = NULL;
	int r = store_pg_conn_run(s, "SELECT src FROM source ORDER BY src", NULL, &res,
	    err);

	if (r < 0)
		return r;
	names_free(names);
	names->n = (size_t)PQntuples(res);
	names->names = mem_array(names->n + 1, sizeof(*names->names));
	for (size_t i = 0; i < names->n; i++) {
		names->names[i] = mem_alloc((size_t)PQgetlength(res, (int)i, 0) + 1);
		memcpy(names->names[i], PQgetvalue(res, (int)i, 0),
		    (size_t)PQgetlength(res, (int)i, 0));
	}
	PQclear(res);
	return 0;
}

int
store_pg_report_scan(struct store *store, const struct store_scan *scan,
    store_scan_cb *cb, void *ctx, struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	struct shown shown = { .cb = cb, .ctx = ctx };
	struct names all = { .n = 0 };
	const size_t n = scan->n_srcs;
	int r = n ? 0 : store_pg_conn_transact(s, list_work, &all, err);

	for (size_t i = 0; r == 0 && i < (n ? n : all.n); i++) {
		shown.src = n ? scan->srcs[i] : all.names[i];
		r = scan_src(s, scan, &shown, err);
	}
	names_free(&all);
	return r;
}

int
store_pg_report_last(struct store *store, store_scan_cb *cb, void *ctx, struct err *err)
{
	struct store_pg *s = (struct store_pg *)store;
	struct shown shown = { .cb = cb, .ctx = ctx };
	struct names all = { .n = 0 };
	int r = store_pg_conn_transact(s, list_work, &all, err);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		shown.src = all.names[i];
		shown.n = 0;
		for (int tier = 0; r == 0 && tier < STORE_TIERS && !shown.n; tier++) {
			struct store_pg_args args = { .n = 0 };
			char sql[128];

			(void)snprintf(sql, sizeof(sql),
			    "SELECT start, body FROM %s WHERE src = $1 "
			    "ORDER BY start DESC LIMIT 1",
			    tables[tier]); /* fits */
			store_pg_conn_text(&args, shown.src);
			r = store_pg_conn_stream(s, sql, &args, show, &shown, err);
		}
	}
	names_free(&all);
	return r;
}
