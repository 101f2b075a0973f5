/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite, second part: marks, roll-ups and retention.  The roll-up of
 * these tests is the text of its reports, one after the other, so that each report can
 * be seen to be in it once.
 * links: collector/store_sqlite.c collector/store_sqlite_event.c
 * links: collector/store_sqlite_file.c collector/store_sqlite_report.c
 * links: collector/store_sqlite_rollup.c
 * links: collector/store_pg.c collector/store_pg_conn.c collector/store_pg_report.c
 * links: collector/store_pg_rollup.c collector/store_pg_rows.c
 */
#include "tests/unit/seed.h"
#include "tests/unit/store_util.h"

#define MIN_MS	 INT64_C(60000)
#define AT(ms)	 ((struct wall){ T0 + (ms)*NS_PER_MS })
#define WHENEVER ((struct wall){ INT64_MAX })

static struct backend sqlite = { .ops = &store_sqlite };
#ifdef MESHOPT_PG
static struct backend pg = { .ops = &store_pg, .server = true };
#endif

static size_t
due(struct store *s, enum store_tier tier, struct store_mark *marks, size_t max)
{
	const struct store_due all = { tier, WHENEVER, WHENEVER };
	struct err err = { "" };
	size_t n;

	if (s->ops->marks(s, &all, marks, max, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

static enum store_fate
put_rollup(struct store *s, const struct store_mark *mark, const char *body)
{
	struct store_rollup rollup = { .mark = *mark,
		.body = (const uint8_t *)body,
		.len = body ? strlen(body) : 0 };
	struct err err = { "" };

	if (s->ops->put_rollups(s, &rollup, 1, &err) < 0)
		fail_msg("%s", err.text);
	return rollup.fate;
}

static size_t
expire(struct store *s, enum store_tier tier, int64_t before_ms, size_t max)
{
	struct err err = { "" };
	size_t gone;

	if (s->ops->expire(s, tier, AT(before_ms), max, &gone, &err) < 0)
		fail_msg("%s", err.text);
	return gone;
}

/* The text of the reports below a mark, after what is there if that is sealed. */
static int
join(const struct store_report *r, void *ctx)
{
	char *text = ctx;
	size_t n = strlen(text);

	assert_true(n + r->len < 4096);
	memcpy(text + n, r->body, r->len);
	text[n + r->len] = '\0';
	return 0;
}

static void
make(struct store *s, const struct store_mark *mark)
{
	const char *src = mark->src;
	struct store_scan scan = { .tier = mark->tier, .srcs = &src, .n_srcs = 1 };
	char text[4096] = "";

	scan.window.from = mark->start;
	scan.window.to.ns = mark->start.ns + store_tier_ms(mark->tier) * NS_PER_MS;
	if (mark->sealed)
		assert_int_equal(s->ops->scan(s, &scan, join, text, NULL), 0);
	scan.tier = mark->tier == STORE_5MIN ? STORE_RAW : STORE_5MIN;
	assert_int_equal(s->ops->scan(s, &scan, join, text, NULL), 0);
	assert_int_equal(put_rollup(s, mark, *text ? text : NULL), STORE_NEW);
}

static size_t
make_all(struct store *s, enum store_tier tier)
{
	struct store_mark marks[64];
	size_t n = due(s, tier, marks, 64), total = n;

	for (; n > 0; n = due(s, tier, marks, 64), total += n)
		for (size_t i = 0; i < n; i++)
			make(s, &marks[i]);
	return total;
}

static void
test_marks(void **state)
{
	struct store *s = open_store(*state);
	struct store_mark marks[8], again;
	const struct store_due first = { STORE_5MIN, AT(5 * MIN_MS), WHENEVER };
	size_t n;

	assert_int_equal(due(s, STORE_5MIN, marks, 8), 0);
	(void)put(s, "hkg", 5 * MIN_MS, "c");
	(void)put(s, "hkg", 0, "a");
	(void)put(s, "hkg", 5 * MIN_MS - 1, "b");
	(void)put(s, "nrt", 11 * MIN_MS, "d");
	assert_int_equal(due(s, STORE_5MIN, marks, 8), 3);
	assert_string_equal(marks[0].src, "hkg");
	assert_int_equal(marks[0].start.ns, T0);
	assert_int_equal(marks[0].tier, STORE_5MIN);
	assert_false(marks[0].sealed);
	assert_int_equal(marks[1].start.ns, T0 + 5 * MIN_MS * NS_PER_MS);
	assert_string_equal(marks[2].src, "nrt");
	assert_int_equal(marks[2].start.ns, T0 + 10 * MIN_MS * NS_PER_MS);
	assert_int_equal(due(s, STORE_5MIN, marks, 1), 1);
	assert_int_equal(s->ops->marks(s, &first, marks, 8, &n, NULL), 0);
	assert_int_equal(n, 1);
	/* A report that was there changes nothing; one that is new overtakes. */
	(void)put(s, "hkg", 0, "a");
	assert_int_equal(due(s, STORE_5MIN, &again, 1), 1);
	assert_true(again.version == marks[0].version);
	(void)put(s, "hkg", 1, "x");
	assert_int_equal(put_rollup(s, &marks[0], "without x"), STORE_STALE);
	assert_string_equal(scan_tier(s, STORE_5MIN), "");
	assert_int_equal(due(s, STORE_5MIN, &again, 1), 1);
	make(s, &again);
	assert_string_equal(scan_tier(s, STORE_5MIN), "hkg@0=axb ");
	s->ops->close(s);
}

static void
test_made_again(void **state)
{
	struct store *s = open_store(*state);
	struct store_mark old;

	(void)put(s, "hkg", 0, "a");
	assert_int_equal(due(s, STORE_5MIN, &old, 1), 1);
	assert_int_equal(due(s, STORE_HOUR, &old, 1), 0);
	assert_int_equal(make_all(s, STORE_5MIN), 1);
	assert_string_equal(scan_tier(s, STORE_5MIN), "hkg@0=a ");
	assert_int_equal(make_all(s, STORE_HOUR), 1);
	/* Late, and in the hour's last bucket: both tiers once more. */
	(void)put(s, "hkg", 2, "c");
	(void)put(s, "hkg", 1, "b");
	(void)put(s, "hkg", 59 * MIN_MS, "z");
	assert_int_equal(put_rollup(s, &old, "a, of long ago"), STORE_STALE);
	assert_int_equal(make_all(s, STORE_5MIN), 2);
	assert_int_equal(make_all(s, STORE_HOUR), 1);
	assert_string_equal(scan_tier(s, STORE_5MIN), "hkg@0=abc hkg@3300000=z ");
	assert_string_equal(scan_tier(s, STORE_HOUR), "hkg@0=abcz ");
	/* A mark can be cleared with nothing to show for it. */
	(void)put(s, "nrt", 0, "n");
	assert_int_equal(due(s, STORE_5MIN, &old, 1), 1);
	assert_int_equal(put_rollup(s, &old, NULL), STORE_NEW);
	assert_int_equal(due(s, STORE_5MIN, &old, 1), 0);
	assert_int_equal(due(s, STORE_HOUR, &old, 1), 0);
	s->ops->close(s);
}

static void
test_expire(void **state)
{
	struct store *s = open_store(*state);

	for (int64_t min = 0; min < 20; min++)
		(void)put(s, min % 2 ? "hkg" : "nrt", min * MIN_MS, "x");
	assert_int_equal(expire(s, STORE_RAW, 60 * MIN_MS, 99), 0); /* all marked */
	assert_int_equal(make_all(s, STORE_5MIN), 8);
	assert_int_equal(expire(s, STORE_RAW, -5, 99), 0);
	assert_int_equal(expire(s, STORE_RAW, 5 * MIN_MS - 1, 99), 0);
	assert_int_equal(expire(s, STORE_RAW, 5 * MIN_MS, 99), 5);
	(void)put(s, "hkg", 11 * MIN_MS + 1, "late");
	/* hkg's third bucket is marked: it and the fourth have to stay. */
	assert_int_equal(expire(s, STORE_RAW, 60 * MIN_MS, 99), 10);
	assert_string_equal(scan(s, &forever),
	    "hkg@660000=x hkg@660001=late hkg@780000=x hkg@900000=x hkg@1020000=x "
	    "hkg@1140000=x ");
	assert_int_equal(make_all(s, STORE_5MIN), 1);
	/* In steps: whole buckets, so a little more than asked for. */
	assert_int_equal(expire(s, STORE_RAW, 60 * MIN_MS, 1), 3);
	assert_int_equal(expire(s, STORE_RAW, 60 * MIN_MS, 1), 3);
	assert_int_equal(expire(s, STORE_RAW, 60 * MIN_MS, 1), 0);
	assert_int_equal(expire(s, STORE_5MIN, 60 * MIN_MS, 99), 0); /* marked */
	assert_int_equal(make_all(s, STORE_HOUR), 2);
	assert_int_equal(expire(s, STORE_5MIN, 60 * MIN_MS - 1, 99), 0);
	assert_int_equal(expire(s, STORE_5MIN, 60 * MIN_MS, 99), 8);
	assert_int_equal(expire(s, STORE_HOUR, 60 * MIN_MS - 1, 99), 0);
	assert_int_equal(expire(s, STORE_HOUR, 60 * MIN_MS, 1), 1);
	assert_int_equal(expire(s, STORE_HOUR, 60 * MIN_MS, 1), 1);
	assert_string_equal(scan_tier(s, STORE_HOUR), "");
	s->ops->close(s);
}

/* What comes after its bucket has gone is merged, once, and then goes as well. */
static void
test_sealed(void **state)
{
	struct store *s = open_store(*state);
	struct store_due quiet = { STORE_5MIN, WHENEVER, { T0 } };
	struct store_mark mark;
	size_t n;

	(void)put(s, "hkg", 0, "a");
	(void)put(s, "hkg", 6 * MIN_MS, "b");
	(void)make_all(s, STORE_5MIN);
	(void)make_all(s, STORE_HOUR);
	assert_int_equal(expire(s, STORE_RAW, 5 * MIN_MS, 99), 1);
	assert_int_equal(put(s, "hkg", 1, "late"), STORE_NEW);
	assert_int_equal(put(s, "hkg", 1, "late"), STORE_DUPLICATE);
	assert_int_equal(s->ops->marks(s, &quiet, &mark, 1, &n, NULL), 0);
	assert_int_equal(n, 0); /* it came just now */
	assert_int_equal(due(s, STORE_5MIN, &mark, 1), 1);
	assert_true(mark.sealed);
	assert_int_equal(expire(s, STORE_RAW, 5 * MIN_MS, 99), 0);
	make(s, &mark);
	assert_string_equal(scan_tier(s, STORE_5MIN), "hkg@0=alate hkg@300000=b ");
	assert_string_equal(scan(s, &forever), "hkg@360000=b ");
	(void)make_all(s, STORE_HOUR);
	assert_string_equal(scan_tier(s, STORE_HOUR), "hkg@0=alateb ");
	/* The same one tier up. */
	assert_int_equal(expire(s, STORE_RAW, 60 * MIN_MS, 99), 1);
	assert_int_equal(expire(s, STORE_5MIN, 60 * MIN_MS, 99), 2);
	(void)put(s, "hkg", 2, "later");
	assert_int_equal(make_all(s, STORE_5MIN), 1);
	assert_int_equal(due(s, STORE_HOUR, &mark, 1), 1);
	assert_true(mark.sealed);
	make(s, &mark);
	assert_string_equal(scan_tier(s, STORE_HOUR), "hkg@0=alateblater ");
	assert_string_equal(scan_tier(s, STORE_5MIN), "");
	assert_string_equal(scan(s, &forever), "");
	s->ops->close(s);
}

static void
test_last(void **state)
{
	struct store *s = open_store(*state);
	struct seen seen = { .n = 0 };

	assert_int_equal(s->ops->last(s, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 0);
	(void)put(s, "hkg", 1, "a");
	(void)put(s, "hkg", 0, "b");
	(void)make_all(s, STORE_5MIN);
	assert_int_equal(expire(s, STORE_RAW, 5 * MIN_MS, 99), 2);
	(void)put(s, "nrt", 7, "c");
	(void)put(s, "nrt", 6, "d");
	assert_int_equal(s->ops->last(s, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 2);
	assert_non_null(strstr(seen.text, "hkg@0=ba "));
	assert_non_null(strstr(seen.text, "nrt@7=c "));
	seen = (struct seen){ .stop_after = 1 };
	assert_int_equal(s->ops->last(s, see, &seen, NULL), 7);
	s->ops->close(s);
}

enum { SRCS = 3, STARTS = 180 };

/* Each letter of a source, as often as its reports stand in the tiers. */
struct tally {
	unsigned n[SRCS][STARTS];
};

static int
count(const struct store_report *r, void *ctx)
{
	struct tally *tally = ctx;

	assert_int_equal(r->len % 4, 0);
	for (size_t i = 0; i < r->len; i += 4) {
		char digits[5] = "";
		long start;

		memcpy(digits, r->body + i, 4);
		start = strtol(digits, NULL, 10);
		assert_in_range(start, 0, STARTS - 1);
		tally->n[r->src[0] - 'a'][start]++;
	}
	return 0;
}

/*
 * Random reports, some long late, roll-ups, expiries and restarts in any order: in the
 * end every report is in its hour exactly once.
 */
static void
test_once(void **state)
{
	static const char *const names[SRCS] = { "a", "b", "c" };
	struct store *s = open_store(*state);
	struct seed seed = seed_new("test_once");
	struct tally put_there = { { { 0 } } }, found = { { { 0 } } };
	struct store_scan hours = { .tier = STORE_HOUR, .window = forever };
	struct store_mark marks[STARTS];

	for (int round = 0; round < 800; round++) {
		uint32_t what = seed_below(&seed, 20), at = seed_below(&seed, STARTS);
		uint32_t src = seed_below(&seed, SRCS);
		char body[8];

		(void)snprintf(body, sizeof(body), "%04u", at);
		if (what < 14 && put_there.n[src][at] == 0) {
			assert_int_equal(put(s, names[src], at * MIN_MS, body),
			    STORE_NEW);
			put_there.n[src][at] = 1;
		} else if (what < 16) {
			enum store_tier tier = what == 14 ? STORE_5MIN : STORE_HOUR;
			size_t n = due(s, tier, marks, 1 + at);

			for (size_t i = 0; i < n; i++)
				make(s, &marks[i]);
		} else if (what < 19) {
			(void)expire(s, what == 16 ? STORE_5MIN : STORE_RAW,
			    at * MIN_MS, 1 + seed_below(&seed, 50));
		} else if (seed_below(&seed, 5) == 0) {
			s->ops->close(s);
			s = open_store(*state);
		}
	}
	(void)make_all(s, STORE_5MIN);
	(void)make_all(s, STORE_HOUR);
	assert_int_equal(s->ops->scan(s, &hours, count, &found, NULL), 0);
	assert_memory_equal(&found, &put_there, sizeof(found));
	assert_int_equal(s->ops->check(s, NULL), 0);
	s->ops->close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON(sqlite, test_marks),
		ON(sqlite, test_made_again),
		ON(sqlite, test_expire),
		ON(sqlite, test_sealed),
		ON(sqlite, test_last),
		ON(sqlite, test_once),
#ifdef MESHOPT_PG
		ON(pg, test_marks),
		ON(pg, test_made_again),
		ON(pg, test_expire),
		ON(pg, test_sealed),
		ON(pg, test_last),
		ON(pg, test_once),
#endif
	};

	return run_stores(tests, sizeof(tests) / sizeof(tests[0]));
}
