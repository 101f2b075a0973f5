/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite for whatever stands behind struct store_ops.
 * links: collector/store_sqlite.c collector/store_sqlite_event.c
 * links: collector/store_sqlite_file.c collector/store_sqlite_report.c
 * links: collector/store_sqlite_rollup.c
 * links: collector/store_pg.c collector/store_pg_conn.c collector/store_pg_report.c
 * links: collector/store_pg_rollup.c collector/store_pg_rows.c
 */
#include "tests/unit/seed.h"
#include "tests/unit/store_util.h"

static struct backend sqlite = { .ops = &store_sqlite };
#ifdef MESHOPT_PG
static struct backend pg = { .ops = &store_pg, .server = true };
#endif

static void
test_put_and_scan(void **state)
{
	struct store *s = open_store(*state);
	struct store_window part = { { T0 + 5 * NS_PER_MS }, { T0 + 20 * NS_PER_MS } };
	const struct store_scan all = { .window = forever };
	struct seen seen = { .stop_after = 2 };

	assert_string_equal(scan(s, &forever), "");
	assert_int_equal(put(s, "nrt", 20, "d"), STORE_NEW);
	assert_int_equal(put(s, "hkg", 10, "b"), STORE_NEW);
	assert_int_equal(put(s, "nrt", 5, "a"), STORE_NEW);
	assert_int_equal(put(s, "sin", 19, "c"), STORE_NEW);
	assert_string_equal(scan(s, &forever), "nrt@5=a hkg@10=b sin@19=c nrt@20=d ");
	assert_string_equal(scan(s, &part), "nrt@5=a hkg@10=b sin@19=c ");
	/* A callback that has enough, and a scan that works again after it. */
	assert_int_equal(s->ops->scan(s, &all, see, &seen, NULL), 7);
	assert_int_equal(seen.n, 2);
	assert_string_equal(scan(s, &part), "nrt@5=a hkg@10=b sin@19=c ");
	s->ops->close(s);
}

static void
test_duplicate(void **state)
{
	struct store *s = open_store(*state);

	assert_int_equal(put(s, "hkg", 10, "first"), STORE_NEW);
	assert_int_equal(put(s, "hkg", 10, "second"), STORE_DUPLICATE);
	assert_int_equal(put(s, "hkg", 11, "next"), STORE_NEW);
	assert_int_equal(put(s, "nrt", 10, "other"), STORE_NEW);
	assert_string_equal(scan(s, &forever),
	    "hkg@10=first nrt@10=other hkg@11=next ");
	s->ops->close(s);
}

/* A batch with a duplicate of the store and one of itself. */
static void
test_batch(void **state)
{
	struct store *s = open_store(*state);
	static const struct {
		int64_t ms;
		enum store_fate want;
	} rows[] = {
		{ 1, STORE_NEW },
		{ 2, STORE_DUPLICATE },
		{ 3, STORE_NEW },
		{ 1, STORE_DUPLICATE },
		{ 4, STORE_NEW },
	};
	struct store_report reports[5], *batch[5];

	(void)put(s, "hkg", 2, "old");
	for (size_t i = 0; i < 5; i++) {
		reports[i] = (struct store_report){
			.src = "hkg",
			.start.ns = T0 + rows[i].ms * NS_PER_MS,
			.body = (const uint8_t *)"new",
			.len = 3,
		};
		batch[i] = &reports[i];
	}
	assert_int_equal(s->ops->put_reports(s, batch, 5, NULL), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(reports[i].fate, rows[i].want);
	assert_string_equal(scan(s, &forever),
	    "hkg@1=new hkg@2=old hkg@3=new hkg@4=new ");
	assert_int_equal(s->ops->put_reports(s, batch, 0, NULL), 0);
	s->ops->close(s);
}

/* Of the sources that are asked for, one after the other. */
static void
test_scan_sources(void **state)
{
	static const char *const srcs[] = { "nrt", "mars", "hkg" };
	struct store *s = open_store(*state);
	struct store_scan some = { .window = { { T0 + 2 * NS_PER_MS },
				       { T0 + NS_PER_S } },
		.srcs = srcs,
		.n_srcs = 3 };

	for (int64_t ms = 0; ms < 5; ms++) {
		(void)put(s, "hkg", ms, "h");
		(void)put(s, "sin", ms, "s");
		(void)put(s, "nrt", 6 - ms, "n");
	}
	assert_string_equal(scan_with(s, &some),
	    "nrt@2=n nrt@3=n nrt@4=n nrt@5=n nrt@6=n "
	    "hkg@2=h hkg@3=h hkg@4=h ");
	s->ops->close(s);
}

/* A second handle sees what was committed, writes nothing, and holds nobody up. */
static void
test_reader(void **state)
{
	const struct backend *b = *state;
	struct store *s = open_store(b), *reader = NULL;
	struct store_report r = { .src = "nrt",
		.body = (const uint8_t *)"x",
		.len = 1 };
	struct store_report *batch[] = { &r };
	struct err err = { "" };

	(void)put(s, "hkg", 1, "a");
	if (b->ops->open(b->where, STORE_READ, &reader, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(scan(reader, &forever), "hkg@1=a ");
	(void)put(s, "hkg", 2, "b");
	assert_string_equal(scan(reader, &forever), "hkg@1=a hkg@2=b ");
	r.start.ns = T0;
	assert_true(reader->ops->put_reports(reader, batch, 1, &err) < 0);
	assert_true(err.text[0] != '\0');
	assert_int_equal(reader->ops->check(reader, NULL), 0);
	s->ops->close(s);
	assert_string_equal(scan(reader, &forever), "hkg@1=a hkg@2=b ");
	reader->ops->close(reader);
}

static int
see_event(const struct store_event *e, void *ctx)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)snprintf(text + n, 1000 - n, "%s/%llx/%llu@%lld %s:%s ", e->node,
	    (unsigned long long)e->boot, (unsigned long long)e->seq,
	    (long long)((e->at.ns - T0) / NS_PER_MS), e->kind, e->text);
	return 0;
}

static void
test_events(void **state)
{
	struct store *s = open_store(*state);
	struct store_event events[] = {
		{ "hkg", UINT64_MAX, 2, { T0 + 30 * NS_PER_MS }, "path", "direct", 0 },
		{ "hkg", UINT64_MAX, 1, { T0 + 10 * NS_PER_MS }, "start", "'\"\\\t\n",
		    0 },
		{ "nrt", 7, 1, { T0 + 20 * NS_PER_MS }, "path", "", 0 },
		{ "hkg", UINT64_MAX, 2, { T0 + 99 * NS_PER_MS }, "again", "x", 0 },
	};
	struct store_window part = { { T0 + 20 * NS_PER_MS }, { T0 + 30 * NS_PER_MS } };
	char text[1000] = "";
	size_t gone, total = 0;

	assert_int_equal(s->ops->put_events(s, events, 4, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(events[i].fate, i == 3 ? STORE_DUPLICATE : STORE_NEW);
	assert_int_equal(s->ops->scan_events(s, &forever, see_event, text, NULL), 0);
	assert_string_equal(text,
	    "hkg/ffffffffffffffff/1@10 start:'\"\\\t\n nrt/7/1@20 path: "
	    "hkg/ffffffffffffffff/2@30 path:direct ");
	text[0] = '\0';
	assert_int_equal(s->ops->scan_events(s, &part, see_event, text, NULL), 0);
	assert_string_equal(text, "nrt/7/1@20 path: ");
	do { /* one or both at once */
		assert_int_equal(s->ops->expire(s, STORE_EVENTS, part.to, 1, &gone,
				     NULL),
		    0);
		total += gone;
	} while (gone > 0);
	assert_int_equal(total, 2);
	text[0] = '\0';
	assert_int_equal(s->ops->scan_events(s, &forever, see_event, text, NULL), 0);
	assert_string_equal(text, "hkg/ffffffffffffffff/2@30 path:direct ");
	s->ops->close(s);
}

/* As the mesh file's key signs what begins with its letter; 0 = everything. */
static bool
counts(const uint8_t *body, size_t len, const void *ctx)
{
	return len > 0 && body[0] == *(const char *)ctx;
}

static enum store_fate
put_plan_as(struct store *s, char key, uint64_t epoch, const char *body)
{
	struct store_plan plan = { .epoch = epoch,
		.counts = key ? counts : NULL,
		.ctx = &key,
		.at.ns = T0,
		.body = (const uint8_t *)body,
		.len = strlen(body) };
	struct err err = { "" };

	if (s->ops->put_plan(s, &plan, &err) < 0)
		fail_msg("%s", err.text);
	return plan.fate;
}

static enum store_fate
put_plan(struct store *s, uint64_t epoch, const char *body)
{
	return put_plan_as(s, 0, epoch, body);
}

struct plans {
	uint64_t epoch[60];
	size_t n, stop_after;
	char body[16];
};

static int
see_plan(const struct store_plan *plan, void *ctx)
{
	struct plans *seen = ctx;

	if (seen->n == 0)
		(void)snprintf(seen->body, sizeof(seen->body), "%.*s", (int)plan->len,
		    (const char *)plan->body);
	seen->epoch[seen->n++] = plan->epoch;
	return seen->n == seen->stop_after ? 1 : 0;
}

/* Only a store that others write, too, is asked. */
static void
expect_newest(const struct backend *b, struct store *s, uint64_t epoch)
{
	struct store_plan newest;

	assert_int_equal(s->ops->newest_plan != NULL, b->server);
	if (!s->ops->newest_plan)
		return;
	assert_int_equal(s->ops->newest_plan(s, &newest, NULL), 0);
	assert_true(newest.epoch == epoch);
	assert_true(epoch == 0 || newest.at.ns > 0);
}

static void
test_plans(void **state)
{
	struct store *s = open_store(*state);
	struct plans seen = { .n = 0 };

	assert_int_equal(s->ops->scan_plans(s, see_plan, &seen, NULL), 0);
	assert_int_equal(seen.n, 0);
	expect_newest(*state, s, 0);
	assert_int_equal(put_plan(s, 5, "five"), STORE_NEW);
	expect_newest(*state, s, 5);
	assert_int_equal(put_plan(s, 5, "five"), STORE_DUPLICATE);
	assert_int_equal(put_plan(s, 5, "FIVE"), STORE_STALE);
	assert_int_equal(put_plan(s, 4, "four"), STORE_STALE);
	for (uint64_t epoch = 6; epoch < 60; epoch++)
		assert_int_equal(put_plan(s, epoch, "more"), STORE_NEW);
	assert_int_equal(put_plan(s, INT64_MAX, "last"), STORE_NEW);
	seen.stop_after = 1;
	assert_int_equal(s->ops->scan_plans(s, see_plan, &seen, NULL), 1);
	assert_string_equal(seen.body, "last");
	seen = (struct plans){ .n = 0 };
	assert_int_equal(s->ops->scan_plans(s, see_plan, &seen, NULL), 0);
	assert_int_equal(seen.n, STORE_PLANS);
	assert_true(seen.epoch[0] == INT64_MAX);
	assert_int_equal(seen.epoch[1], 59);
	assert_int_equal(seen.epoch[STORE_PLANS - 1], 60 - STORE_PLANS + 1);
	expect_newest(*state, s, INT64_MAX);
	s->ops->close(s);
}

/* After a change of keys those of the old one do not count, however high. */
static void
test_plans_of_two_keys(void **state)
{
	struct store *s = open_store(*state);
	struct plans seen = { .n = 0 };

	assert_int_equal(put_plan_as(s, 'a', 5, "a five"), STORE_NEW);
	assert_int_equal(put_plan_as(s, 'a', 6, "a six"), STORE_NEW);
	assert_int_equal(put_plan_as(s, 'a', INT64_MAX, "a last"), STORE_NEW);
	assert_int_equal(put_plan_as(s, 'b', 6, "b six"), STORE_NEW);
	assert_int_equal(put_plan_as(s, 'b', 6, "b six"), STORE_DUPLICATE);
	assert_int_equal(put_plan_as(s, 'b', 6, "b SIX"), STORE_STALE);
	assert_int_equal(put_plan_as(s, 'b', 5, "b five"), STORE_STALE);
	/* Below what it has, the old key's are left alone, and do no harm. */
	assert_int_equal(s->ops->scan_plans(s, see_plan, &seen, NULL), 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.body, "b six");
	assert_int_equal(seen.epoch[1], 5);
	assert_int_equal(put_plan_as(s, 'b', 7, "b seven"), STORE_NEW);
	s->ops->close(s);
}

static void
test_reopen(void **state)
{
	struct store *s = open_store(*state);
	struct store_window before = { .to.ns = T0 };

	assert_int_equal(put(s, "hkg", 0, "kept"), STORE_NEW);
	s->ops->close(s);
	s = open_store(*state);
	assert_string_equal(scan(s, &before), "");
	assert_string_equal(scan(s, &forever), "hkg@0=kept ");
	assert_int_equal(put(s, "hkg", 0, "again"), STORE_DUPLICATE);
	assert_int_equal(put(s, "nrt", 0, "new"), STORE_NEW);
	s->ops->close(s);
	s = open_store(*state);
	assert_string_equal(scan(s, &forever), "hkg@0=kept nrt@0=new ");
	s->ops->close(s);
	((const struct backend *)*state)->ops->close(NULL);
}

static int
same_body(const struct store_report *r, void *ctx)
{
	const struct store_report *want = ctx;

	assert_int_equal(r->len, want->len);
	assert_memory_equal(r->body, want->body, want->len);
	assert_string_equal(r->src, want->src);
	assert_int_equal(r->start.ns, want->start.ns);
	return 0;
}

/* Any bytes, of any length, come back as they were. */
static void
test_bodies(void **state)
{
	struct store *s = open_store(*state);
	struct seed seed = seed_new("test_bodies");
	static uint8_t body[1 << 20];
	static const size_t lens[] = { 1, 2, 255, 4096, 8192, 70000, sizeof(body) };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct store_report r = { .src = "hkg", .body = body, .len = lens[i] };
		struct store_report *batch[] = { &r };
		struct store_scan one = { .tier = STORE_RAW };

		r.start.ns = T0 + (int64_t)i * NS_PER_S;
		for (size_t j = 0; j < lens[i]; j++)
			body[j] = (uint8_t)seed_next(&seed);
		assert_int_equal(s->ops->put_reports(s, batch, 1, NULL), 0);
		one.window =
		    (struct store_window){ r.start, { r.start.ns + NS_PER_MS } };
		assert_int_equal(s->ops->scan(s, &one, same_body, &r, NULL), 0);
	}
	s->ops->close(s);
}

/* A batch that cannot be written leaves nothing of itself, and the next one works. */
static void
test_all_or_nothing(void **state)
{
	struct store *s = open_store(*state);
	struct store_report good = { .src = "hkg", .start.ns = T0, .len = 1 };
	struct store_report bad = { .src = "nrt",
		.start.ns = T0,
		.len = (size_t)1 << 31 };
	struct store_report *batch[] = { &good, &bad };
	struct err err = { "" };

	good.body = bad.body = (const uint8_t *)"x";
	/* Longer than any BLOB may be: SQLite refuses the row. */
	assert_true(s->ops->put_reports(s, batch, 2, &err) < 0);
	assert_true(err.text[0] != '\0');
	assert_string_equal(scan(s, &forever), "");
	assert_int_equal(put(s, "hkg", 0, "x"), STORE_NEW);
	s->ops->close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON(sqlite, test_put_and_scan),
		ON(sqlite, test_duplicate),
		ON(sqlite, test_batch),
		ON(sqlite, test_all_or_nothing),
		ON(sqlite, test_scan_sources),
		ON(sqlite, test_reader),
		ON(sqlite, test_reopen),
		ON(sqlite, test_bodies),
		ON(sqlite, test_events),
		ON(sqlite, test_plans),
		ON(sqlite, test_plans_of_two_keys),
#ifdef MESHOPT_PG
		ON(pg, test_put_and_scan),
		ON(pg, test_duplicate),
		ON(pg, test_batch),
		ON(pg, test_all_or_nothing),
		ON(pg, test_scan_sources),
		ON(pg, test_reader),
		ON(pg, test_reopen),
		ON(pg, test_bodies),
		ON(pg, test_events),
		ON(pg, test_plans),
		ON(pg, test_plans_of_two_keys),
#endif
	};

	return run_stores(tests, sizeof(tests) / sizeof(tests[0]));
}
