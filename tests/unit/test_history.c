/* SPDX-License-Identifier: MIT */
/*
 * A stretch of time out of three tiers: whatever has been rolled up for whichever
 * source, each report is counted once.  The store is a fake that holds, in place of a
 * body, the seconds that a report covers.
 * links: collector/history.c collector/roster.c
 */
#include "collector/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/seed.h"

#define T0    (INT64_C(1767225600)) /* s; a full day */
#define HOURS 8
#define STEPS (HOURS * 360) /* reports of 10 s */
#define N_SRC 3

static struct mesh_node nodes[N_SRC] = { { .name = "a" }, { .name = "b" },
	{ .name = "c" } };
static struct mesh mesh = { .nodes = nodes, .n_nodes = N_SRC };
static struct roster roster;

/* Up to which second each source is rolled up, by tier; and from where raw is kept. */
struct fake {
	struct store store;
	int64_t rolled[N_SRC][STORE_TIERS];
	int64_t raw_from;
	unsigned scans[STORE_TIERS];
};

static int
scan_src(struct fake *f, size_t src, const struct store_scan *scan, store_scan_cb *cb,
    void *ctx)
{
	int64_t length =
	    scan->tier == STORE_RAW ? 10 : store_tier_ms(scan->tier) / 1000;
	int64_t end =
	    scan->tier == STORE_RAW ? T0 + STEPS * 10 : f->rolled[src][scan->tier];
	int64_t from = scan->tier == STORE_RAW ? f->raw_from : T0;

	for (int64_t t = from; t + length <= end; t += length) {
		struct store_report report = { .src = nodes[src].name,
			.start.ns = t * NS_PER_S,
			.len = (size_t)length };
		int r;

		if (report.start.ns < scan->window.from.ns ||
		    report.start.ns >= scan->window.to.ns)
			continue;
		r = cb(&report, ctx);
		if (r)
			return r;
	}
	return 0;
}

static int
fake_scan(struct store *store, const struct store_scan *scan, store_scan_cb *cb,
    void *ctx, struct err *err)
{
	struct fake *f = (struct fake *)store;
	int r = 0;

	(void)err;
	f->scans[scan->tier]++;
	for (size_t src = 0; src < N_SRC && r == 0; src++) {
		bool wanted = scan->n_srcs == 0;

		for (size_t i = 0; i < scan->n_srcs; i++)
			wanted = wanted || strcmp(scan->srcs[i], nodes[src].name) == 0;
		if (wanted)
			r = scan_src(f, src, scan, cb, ctx);
	}
	return r;
}

static const struct store_ops fake_ops = { .scan = fake_scan };

/* How often each ten seconds of each source were counted. */
static unsigned counted[N_SRC][STEPS];

static int
count(size_t src, const struct store_report *report, void *ctx)
{
	size_t at = (size_t)(report->start.ns / NS_PER_S - T0) / 10;

	(void)ctx;
	for (size_t i = 0; i < report->len / 10; i++)
		counted[src][at + i]++;
	return 0;
}

static void
expect(struct fake *f, const struct history_query *q)
{
	int64_t from = q->window.from.ns / NS_PER_S;
	int64_t to = q->window.to.ns / NS_PER_S;
	struct err err;

	memset(counted, 0, sizeof(counted));
	assert_int_equal(history_scan(&f->store, q, count, NULL, &err), 0);
	for (size_t src = 0; src < N_SRC; src++) {
		bool wanted = !q->n || (src >= q->first && src < q->first + q->n);

		for (int64_t i = 0; i < STEPS; i++) {
			int64_t t = T0 + i * 10;
			unsigned want = wanted && t >= from && t < to;

			if (counted[src][i] != want)
				fail_msg(
				    "source %zu, %lld s: counted %u times, want %u",
				    src, (long long)(i * 10), counted[src][i], want);
		}
	}
}

static void
test_once(void **state)
{
	struct seed seed = seed_new("history");

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct fake f = { .store.ops = &fake_ops, .raw_from = T0 };
		/* All are rolled up to about the same time, as upkeep does. */
		int64_t five = seed_below(&seed, HOURS * 12 - 12) + 12;
		struct history_query q = { .roster = &roster };
		int64_t a = seed_below(&seed, STEPS), b = seed_below(&seed, STEPS + 1);

		for (size_t src = 0; src < N_SRC; src++) {
			int64_t mine = five - seed_below(&seed, 2);

			f.rolled[src][STORE_5MIN] = T0 + mine * 300;
			f.rolled[src][STORE_HOUR] =
			    T0 +
			    (mine / 12 - (mine >= 24 && seed_below(&seed, 2))) * 3600;
		}
		q.tier = (enum store_tier)seed_below(&seed, STORE_TIERS);
		q.window.from.ns = (T0 + (a < b ? a : b) * 10) * NS_PER_S;
		q.window.to.ns = (T0 + (a < b ? b : a) * 10) * NS_PER_S;
		q.window.from = history_align(q.window.from, q.tier);
		q.first = seed_below(&seed, N_SRC);
		q.n = seed_below(&seed, 3) ? 0 : 1;
		expect(&f, &q);
	}
}

/* Reports of which only the roll-up is left do not keep the rest from being found. */
static void
test_expired(void **state)
{
	struct fake f = { .store.ops = &fake_ops, .raw_from = T0 + 7 * 3600 };
	struct history_query q = { .roster = &roster, .tier = STORE_HOUR };

	(void)state;
	for (size_t src = 0; src < N_SRC; src++) {
		f.rolled[src][STORE_HOUR] = T0 + 7 * 3600;
		f.rolled[src][STORE_5MIN] = T0 + 7 * 3600 + 1800;
	}
	q.window.from =
	    history_align((struct wall){ (T0 + 100) * NS_PER_S }, STORE_HOUR);
	q.window.to.ns = (T0 + STEPS * 10) * NS_PER_S;
	expect(&f, &q);
}

static void
test_tiers(void **state)
{
	(void)state;
	assert_int_equal(history_tier(24 * 3600 * NS_PER_S), STORE_HOUR);
	assert_int_equal(history_tier(3600 * NS_PER_S), STORE_5MIN);
	assert_int_equal(history_tier(600 * NS_PER_S), STORE_RAW);
	assert_int_equal(history_step_tier(10 * NS_PER_S), STORE_RAW);
	assert_int_equal(history_step_tier(900 * NS_PER_S), STORE_5MIN);
	assert_int_equal(history_step_tier(6 * 3600 * NS_PER_S), STORE_HOUR);
	assert_int_equal(history_align((struct wall){ 3601 * NS_PER_S }, STORE_HOUR).ns,
	    3600 * NS_PER_S);
	assert_int_equal(history_align((struct wall){ 3601 }, STORE_RAW).ns, 3601);
}

static int
setup(void **state)
{
	(void)state;
	roster_init(&roster, &mesh);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	roster_fini(&roster);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_tiers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
