/* SPDX-License-Identifier: MIT */
/*
 * Housekeeping over simulated days: reports that come in time, late and very late, with
 * restarts in between.  In the end each hour says what a direct sum of all its reports
 * says, and nothing is kept longer than it should be.
 * links: collector/upkeep.c collector/rollup.c collector/store_sqlite.c
 * links: collector/store_sqlite_event.c collector/store_sqlite_file.c
 * links: collector/store_sqlite_report.c collector/store_sqlite_rollup.c
 * links: collector/store_pg.c collector/store_pg_conn.c collector/store_pg_report.c
 * links: collector/store_pg_rollup.c collector/store_pg_rows.c
 */
#include "tests/unit/random_report.h"
#include "tests/unit/store_util.h"

#include "collector/rollup.h"
#include "collector/upkeep.h"

#define MIN_NS	(60 * NS_PER_S)
#define HOUR_NS (60 * MIN_NS)

static struct backend sqlite = { .ops = &store_sqlite };
#ifdef MESHOPT_PG
static struct backend pg = { .ops = &store_pg, .server = true };
#endif

static void
keep_up(struct upkeep *u, struct store *s, int64_t now_ns)
{
	struct err err = { "" };
	int r;

	do
		r = upkeep_step(u, s, (struct wall){ now_ns }, &err);
	while (r > 0);
	if (r < 0)
		fail_msg("%s", err.text);
}

enum { NODES = 2, HOURS = 6, REPORTS = HOURS * 60 };

struct world {
	struct seed seed;
	int64_t begin_ns;
	struct report reports[NODES][REPORTS];
	bool there[NODES][REPORTS];
	struct store *store;
};

static void
post(struct world *w, unsigned node, unsigned i)
{
	static uint8_t body[65536];
	struct report *r = &w->reports[node][i];
	struct store_report report = { .src = r->node,
		.start = r->start,
		.body = body };
	struct store_report *batch[] = { &report };
	struct err err = { "" };

	if (w->there[node][i])
		return;
	report.len = report_encode(r, body, sizeof(body));
	assert_true(report.len > 0);
	if (w->store->ops->put_reports(w->store, batch, 1, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(report.fate, STORE_NEW);
	w->there[node][i] = true;
}

static struct world *
world_new(const char *name, struct store *store)
{
	struct world *w = calloc(1, sizeof(*w));

	w->seed = seed_new(name);
	w->store = store;
	/* Days ago by the store's own clock, which says when a report came. */
	w->begin_ns = clock_wall().ns / HOUR_NS * HOUR_NS - 72 * HOUR_NS;
	for (unsigned node = 0; node < NODES; node++)
		for (unsigned i = 0; i < REPORTS; i++) {
			struct report *r = &w->reports[node][i];

			*r = random_report(&w->seed, 3, true);
			(void)strcpy(r->node, node ? "hkg" : "nrt");
			r->start.ns = w->begin_ns + i * MIN_NS;
			r->length_ms = 60000;
			r->seq = i;
		}
	return w;
}

static void
world_free(struct world *w)
{
	for (unsigned node = 0; node < NODES; node++)
		for (unsigned i = 0; i < REPORTS; i++)
			report_fini(&w->reports[node][i]);
	w->store->ops->close(w->store);
	free(w);
}

struct compare {
	struct world *w;
	unsigned hours;
};

/* One hour of the store against the sum of its reports. */
static int
compare(const struct store_report *stored, void *ctx)
{
	struct compare *c = ctx;
	unsigned node = stored->src[0] == 'h';
	unsigned hour = (unsigned)((stored->start.ns - c->w->begin_ns) / HOUR_NS);
	struct rollup *u = rollup_new(stored->src, stored->start, 3600000);
	const struct report *want;
	struct report got;

	for (unsigned i = hour * 60; i < hour * 60 + 60; i++)
		if (c->w->there[node][i])
			rollup_add(u, &c->w->reports[node][i]);
	want = rollup_report(u);
	assert_int_equal(report_decode(&got, stored->body, stored->len, NULL), 0);
	assert_int_equal(got.length_ms, 3600000);
	assert_int_equal(got.local_drop, want->local_drop);
	assert_int_equal(got.n_rows, want->n_rows);
	for (size_t i = 0; i < got.n_rows; i++) {
		struct report_row *row = &got.rows[i];

		/* Sums of sums round once more, but for these two nothing may differ.
		 */
		assert_in_range(row->mean_us + 3, want->rows[i].mean_us,
		    want->rows[i].mean_us + 6);
		assert_in_range(row->jitter_us + 3, want->rows[i].jitter_us,
		    want->rows[i].jitter_us + 6);
		row->mean_us = want->rows[i].mean_us;
		row->jitter_us = want->rows[i].jitter_us;
		assert_true(row_equal(row, &want->rows[i]));
	}
	report_fini(&got);
	rollup_free(u);
	c->hours++;
	return 0;
}

static unsigned
compare_all(struct world *w)
{
	const struct store_scan hours = { .tier = STORE_HOUR, .window = forever };
	struct compare c = { .w = w };

	assert_int_equal(w->store->ops->scan(w->store, &hours, compare, &c, NULL), 0);
	return c.hours;
}

static int
count_one(const struct store_report *r, void *ctx)
{
	(void)r;
	++*(size_t *)ctx;
	return 0;
}

static size_t
count(struct store *s, enum store_tier tier)
{
	const struct store_scan scan = { .tier = tier, .window = forever };
	size_t n = 0;

	assert_int_equal(s->ops->scan(s, &scan, count_one, &n, NULL), 0);
	return n;
}

/* Nothing before its time, and then each tier from the one below. */
static void
test_in_time(void **state)
{
	struct world *w = world_new("test_in_time", open_store(*state));
	struct upkeep_keep keep = { { 2 * HOUR_NS, 4 * HOUR_NS, 400 * HOUR_NS } };
	struct upkeep u;

	upkeep_init(&u, &keep);
	for (unsigned i = 0; i < 60; i++)
		post(w, 0, i);
	keep_up(&u, w->store, w->begin_ns + 5 * MIN_NS);
	assert_int_equal(count(w->store, STORE_5MIN), 0);
	keep_up(&u, w->store, w->begin_ns + 6 * MIN_NS);
	assert_int_equal(count(w->store, STORE_5MIN), 1);
	keep_up(&u, w->store, w->begin_ns + 60 * MIN_NS);
	assert_int_equal(count(w->store, STORE_5MIN), 11);
	assert_int_equal(count(w->store, STORE_HOUR), 0);
	keep_up(&u, w->store, w->begin_ns + 61 * MIN_NS);
	assert_int_equal(count(w->store, STORE_HOUR), 1);
	assert_int_equal(u.rollups, 13);
	assert_int_equal(compare_all(w), 1);
	keep_up(&u, w->store, w->begin_ns + 2 * HOUR_NS + 5 * MIN_NS);
	assert_int_equal(count(w->store, STORE_RAW), 55);
	keep_up(&u, w->store, w->begin_ns + 5 * HOUR_NS - 1);
	assert_int_equal(count(w->store, STORE_RAW), 0);
	assert_int_equal(count(w->store, STORE_5MIN), 12);
	keep_up(&u, w->store, w->begin_ns + 5 * HOUR_NS);
	assert_int_equal(count(w->store, STORE_5MIN), 0);
	assert_int_equal(count(w->store, STORE_HOUR), 1);
	assert_int_equal(u.expired, 60 + 12);
	keep_up(&u, w->store, w->begin_ns + 401 * HOUR_NS);
	assert_int_equal(count(w->store, STORE_HOUR), 0);
	assert_int_equal(u.unsound, 0);
	world_free(w);
}

/* In any order, with raw gone before half of it has come. */
static void
test_late(void **state)
{
	struct world *w = world_new("test_late", open_store(*state));
	struct upkeep_keep keep = { { HOUR_NS, 2 * HOUR_NS, 400 * HOUR_NS } };
	struct upkeep u;

	upkeep_init(&u, &keep);
	for (unsigned i = 0; i < REPORTS; i++) {
		for (unsigned node = 0; node < NODES; node++)
			if (seed_below(&w->seed, 2) == 0)
				post(w, node, i);
		for (unsigned n = 0; n < 2; n++) /* what was left out before */
			post(w, n % NODES, seed_below(&w->seed, i + 1));
		if (seed_below(&w->seed, 4) == 0)
			keep_up(&u, w->store, w->begin_ns + (i + 1) * MIN_NS);
		if (seed_below(&w->seed, 60) == 0) {
			w->store->ops->close(w->store);
			w->store = open_store(*state);
			upkeep_init(&u, &keep);
		}
	}
	/* What is late on a sealed bucket is merged when an hour has been quiet. */
	keep_up(&u, w->store, clock_wall().ns + 2 * HOUR_NS);
	assert_int_equal(compare_all(w), HOURS * NODES);
	assert_int_equal(count(w->store, STORE_RAW), 0);
	assert_int_equal(count(w->store, STORE_5MIN), 0);
	assert_int_equal(u.unsound, 0);
	world_free(w);
}

/* A stored body that is none does not stop the rest. */
static void
test_unsound(void **state)
{
	struct world *w = world_new("test_unsound", open_store(*state));
	struct upkeep_keep keep = { { HOUR_NS, HOUR_NS, HOUR_NS } };
	struct store_report junk = { .src = "nrt",
		.start.ns = w->begin_ns + NS_PER_S,
		.body = (const uint8_t *)"junk",
		.len = 4 };
	struct store_report *batch[] = { &junk };
	struct upkeep u;

	upkeep_init(&u, &keep);
	assert_int_equal(w->store->ops->put_reports(w->store, batch, 1, NULL), 0);
	junk.start.ns += HOUR_NS;
	assert_int_equal(w->store->ops->put_reports(w->store, batch, 1, NULL), 0);
	post(w, 0, 0);
	keep_up(&u, w->store, w->begin_ns + HOUR_NS + MIN_NS);
	assert_int_equal(u.unsound, 1);
	assert_int_equal(compare_all(w), 1);
	keep_up(&u, w->store, w->begin_ns + 9 * HOUR_NS);
	assert_int_equal(u.unsound, 2);
	assert_int_equal(count(w->store, STORE_RAW), 0);
	assert_int_equal(count(w->store, STORE_HOUR), 0);
	world_free(w);
}

#ifdef MESHOPT_PG
/* What psql -At would print. */
static void
assert_sql(const struct backend *b, const char *sql, const char *want)
{
	PGconn *conn = PQconnectdb(b->where);
	PGresult *res = PQexec(conn, sql);

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(conn));
	assert_string_equal(PQgetvalue(res, 0, 0), want);
	PQclear(res);
	PQfinish(conn);
}

/* The rows for dashboards are the hours' rows, and go when those go. */
static void
test_rows(void **state)
{
	const struct backend *b = *state;
	struct world *w = world_new("test_rows", open_store(b));
	struct upkeep_keep keep = { { HOUR_NS, HOUR_NS, 9 * HOUR_NS } };
	char want[400], name[WALL_TEXT_MAX];
	struct rollup *sum = rollup_new("nrt", (struct wall){ w->begin_ns }, 3600000);
	const struct report_row *row;
	struct upkeep u;

	upkeep_init(&u, &keep);
	for (unsigned i = 0; i < 60; i += 2) {
		post(w, 0, i);
		rollup_add(sum, &w->reports[0][i]);
	}
	keep_up(&u, w->store, w->begin_ns + HOUR_NS + MIN_NS);
	for (unsigned i = 1; i < 60; i += 2) {
		post(w, 0, i);
		rollup_add(sum, &w->reports[0][i]);
	}
	keep_up(&u, w->store, w->begin_ns + HOUR_NS + MIN_NS);
	row = &rollup_report(sum)->rows[0];
	wall_format((struct wall){ w->begin_ns }, name);
	(void)snprintf(want, sizeof(want), "6 nrt %s %s 3600 %u %u %.3f %.3f %.3f",
	    row->peer, path_name(row->path), row->sent, row->lost, row->min_us / 1e3,
	    (double)report_quantile_us(row, .95) / 1e3, row->max_us / 1e3);
	assert_sql(b,
	    "SELECT concat_ws(' ', (SELECT count(*) FROM rollup), src, dst, path, "
	    "step, "
	    "sent, lost, to_char(min, 'FM99990.000'), to_char(p95, 'FM99990.000'), "
	    "to_char(max, 'FM99990.000')) FROM rollup ORDER BY dst, path LIMIT 1",
	    want);
	assert_sql(b,
	    "SELECT to_char(min(bucket) AT TIME ZONE 'UTC', "
	    "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM rollup",
	    name);
	keep_up(&u, w->store, w->begin_ns + 12 * HOUR_NS);
	assert_sql(b, "SELECT count(*) FROM rollup", "0");
	rollup_free(sum);
	world_free(w);
}
#endif

static void
test_default(void **state)
{
	static const struct {
		size_t nodes;
		int64_t raw_h, five_h, hour_h;
	} rows[] = {
		{ 2, 24, 720, 9600 },
		{ 300, 24, 720, 9600 },
		{ 600, 6, 180, 2400 },
		{ 1000, 2, 64, 864 },
		{ 10000, 1, 24, 168 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct upkeep_keep keep = upkeep_default(rows[i].nodes);

		assert_int_equal(keep.ns[STORE_RAW] / HOUR_NS, rows[i].raw_h);
		assert_int_equal(keep.ns[STORE_5MIN] / HOUR_NS, rows[i].five_h);
		assert_int_equal(keep.ns[STORE_HOUR] / HOUR_NS, rows[i].hour_h);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON(sqlite, test_in_time),
		ON(sqlite, test_late),
		ON(sqlite, test_unsound),
#ifdef MESHOPT_PG
		ON(pg, test_in_time),
		ON(pg, test_late),
		ON(pg, test_unsound),
		ON(pg, test_rows),
#endif
		cmocka_unit_test(test_default),
	};

	return run_stores(tests, sizeof(tests) / sizeof(tests[0]));
}
