/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite for whatever stands behind struct store_ops.
 * links: collector/store_sqlite.c
 */
#include "tests/unit/seed.h"
#include "tests/unit/store_util.h"

static struct backend sqlite = { .ops = &store_sqlite };

static void
test_put_and_scan(void **state)
{
	struct store *s = open_store(*state);
	struct store_window part = { { T0 + 5 * NS_PER_MS }, { T0 + 20 * NS_PER_MS } };
	struct seen seen = { .stop_after = 2 };

	assert_string_equal(scan(s, &forever), "");
	assert_int_equal(put(s, "nrt", 20, "d"), STORE_NEW);
	assert_int_equal(put(s, "hkg", 10, "b"), STORE_NEW);
	assert_int_equal(put(s, "nrt", 5, "a"), STORE_NEW);
	assert_int_equal(put(s, "sin", 19, "c"), STORE_NEW);
	assert_string_equal(scan(s, &forever), "nrt@5=a hkg@10=b sin@19=c nrt@20=d ");
	assert_string_equal(scan(s, &part), "nrt@5=a hkg@10=b sin@19=c ");
	/* A callback that has enough, and a scan that works again after it. */
	assert_int_equal(s->ops->scan_window(s, &forever, see, &seen, NULL), 7);
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

static void
test_expire(void **state)
{
	struct store *s = open_store(*state);
	struct wall before = { T0 + 4 * NS_PER_MS };
	size_t gone;

	for (int64_t ms = 0; ms < 6; ms++)
		(void)put(s, ms % 2 ? "hkg" : "nrt", ms, "x");
	assert_int_equal(s->ops->expire(s, before, 3, &gone, NULL), 0);
	assert_int_equal(gone, 3);
	assert_string_equal(scan(s, &forever), "hkg@3=x nrt@4=x hkg@5=x ");
	assert_int_equal(s->ops->expire(s, before, 3, &gone, NULL), 0);
	assert_int_equal(gone, 1);
	assert_int_equal(s->ops->expire(s, before, 3, &gone, NULL), 0);
	assert_int_equal(gone, 0);
	assert_int_equal(s->ops->expire(s, (struct wall){ -5 }, 3, &gone, NULL), 0);
	assert_int_equal(gone, 0);
	assert_string_equal(scan(s, &forever), "nrt@4=x hkg@5=x ");
	/* What has gone may come again. */
	assert_int_equal(put(s, "nrt", 0, "y"), STORE_NEW);
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
		struct store_window one;

		r.start.ns = T0 + (int64_t)i * NS_PER_S;
		for (size_t j = 0; j < lens[i]; j++)
			body[j] = (uint8_t)seed_next(&seed);
		assert_int_equal(s->ops->put_reports(s, batch, 1, NULL), 0);
		one = (struct store_window){ r.start, { r.start.ns + NS_PER_MS } };
		assert_int_equal(s->ops->scan_window(s, &one, same_body, &r, NULL), 0);
	}
	s->ops->close(s);
}

/* Random puts and expiries against a plain list of what must be there. */
static void
test_model(void **state)
{
	enum { SRCS = 5, STARTS = 40 };
	static const char *const names[SRCS] = { "a", "b", "c", "d", "e" };
	bool there[SRCS][STARTS] = { { false } };
	struct store *s = open_store(*state);
	struct seed seed = seed_new("test_model");

	for (int round = 0; round < 600; round++) {
		uint32_t src = seed_below(&seed, SRCS), ms = seed_below(&seed, STARTS);
		size_t gone, want = 0;

		if (seed_below(&seed, 20) > 0) {
			enum store_fate fate = put(s, names[src], ms, names[src]);

			assert_int_equal(fate,
			    there[src][ms] ? STORE_DUPLICATE : STORE_NEW);
			there[src][ms] = true;
			continue;
		}
		for (uint32_t i = 0; i < SRCS * ms; i++) {
			want += there[i % SRCS][i / SRCS] ? 1 : 0;
			there[i % SRCS][i / SRCS] = false;
		}
		assert_int_equal(s->ops->expire(s, (struct wall){ T0 + ms * NS_PER_MS },
				     SRCS * STARTS, &gone, NULL),
		    0);
		assert_int_equal(gone, want);
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
		ON(&sqlite, test_put_and_scan),
		ON(&sqlite, test_duplicate),
		ON(&sqlite, test_batch),
		ON(&sqlite, test_all_or_nothing),
		ON(&sqlite, test_expire),
		ON(&sqlite, test_reopen),
		ON(&sqlite, test_bodies),
		ON(&sqlite, test_model),
	};

	return run_stores(tests, sizeof(tests) / sizeof(tests[0]));
}
