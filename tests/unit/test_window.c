/* SPDX-License-Identifier: MIT */
/*
 * From the fates of probes to the rows of a report.
 *
 * links: prober/window.c
 */
#include "prober/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TIMEOUT_NS	(3 * NS_PER_S)
#define ROW(peer, path) ((uint32_t)((peer)*PATH_COUNT + (path)))

/* One set, with the sequence number that a pinger would keep. */
struct rig {
	struct window_set *set;
	uint64_t seq;
	struct report r;
};

static struct window_edge
edge(const struct rig *rig, int64_t ms)
{
	return (struct window_edge){ { ms * NS_PER_MS },
		{ INT64_C(1767225600123456789) + ms * NS_PER_MS }, rig->seq,
		STAMP_KERNEL, { 0 } };
}

static struct rig
rig_new(void)
{
	struct rig rig = { 0 };
	struct window_edge e = edge(&rig, 0);

	rig.set = window_new(TIMEOUT_NS, &e);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	report_fini(&rig->r);
	window_free(rig->set);
}

static void
roll(struct rig *rig, int64_t ms)
{
	struct window_edge e = edge(rig, ms);

	window_roll(rig->set, &e);
}

static uint64_t
sent(struct rig *rig, uint32_t row)
{
	window_sent(rig->set, row);
	return rig->seq++;
}

static void
fate(struct rig *rig, uint32_t row, uint64_t seq, enum pinger_fate fate, int64_t rtt_us)
{
	struct pinger_result r = { row, seq, fate,
		.rtt_ns = rtt_us < 0 ? -1 : rtt_us * NS_PER_US };

	window_result(rig->set, &r, true);
}

static const char *
name(uint32_t peer, const void *ctx)
{
	static const char *const names[] = { "dub", "gru", "hkg" };

	(void)ctx;
	return names[peer];
}

/* Take what is complete; it must be a report that a collector accepts. */
static bool
take(struct rig *rig, int64_t ms)
{
	struct err err;

	report_fini(&rig->r);
	if (!window_take(rig->set, (struct mono){ ms * NS_PER_MS }, &rig->r, name,
		NULL))
		return false;
	(void)strcpy(rig->r.node, "nrt");
	if (report_check(&rig->r, &err) < 0)
		fail_msg("%s", err.text);
	return true;
}

static const struct report_row *
row(const struct rig *rig, const char *peer, enum path path)
{
	for (size_t i = 0; i < rig->r.n_rows; i++)
		if (strcmp(rig->r.rows[i].peer, peer) == 0 &&
		    rig->r.rows[i].path == path)
			return &rig->r.rows[i];
	return NULL;
}

static void
test_times(void **state)
{
	static const int64_t rtts_us[] = { 500, 300, 700, 300 };
	struct rig rig = rig_new();
	const struct report_row *r;
	uint64_t seqs[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		seqs[i] = sent(&rig, ROW(1, PATH_HUB));
	for (size_t i = 0; i < 4; i++)
		fate(&rig, ROW(1, PATH_HUB), seqs[i], PINGER_ANSWERED, rtts_us[i]);
	roll(&rig, 10000);
	assert_true(take(&rig, 13000));
	assert_int_equal(rig.r.n_rows, 1);
	assert_true(rig.r.start.ns == INT64_C(1767225600123000000)); /* whole ms */
	assert_int_equal(rig.r.length_ms, 10000);
	r = row(&rig, "gru", PATH_HUB);
	assert_non_null(r);
	assert_int_equal(r->sent, 4);
	assert_int_equal(r->lost, 0);
	assert_int_equal(r->min_us, 300);
	assert_int_equal(r->mean_us, 450);
	assert_int_equal(r->max_us, 700);
	assert_int_equal(r->jitter_us, (200 + 400 + 400) / 3);
	assert_int_equal(sketch_count(&r->rtt), 4);
	rig_free(&rig);
}

/* A window is reported a timeout after its end, not before and not with holes. */
static void
test_waits_for_its_last_probe(void **state)
{
	struct rig rig = rig_new();
	struct mono when;
	uint64_t seq;

	(void)state;
	assert_false(window_next(rig.set, &when));
	seq = sent(&rig, ROW(0, PATH_HUB));
	assert_false(take(&rig, 60000)); /* the open window never */
	roll(&rig, 10000);
	assert_true(window_next(rig.set, &when));
	assert_true(when.ns == 13000 * NS_PER_MS);
	assert_false(take(&rig, 12999));
	assert_false(take(&rig, 13000)); /* the pinger has not told its fate yet */
	fate(&rig, ROW(0, PATH_HUB), seq, PINGER_LOST, -1);
	assert_true(take(&rig, 13000));
	assert_int_equal(row(&rig, "dub", PATH_HUB)->lost, 1);
	assert_int_equal(row(&rig, "dub", PATH_HUB)->min_us, 0);
	assert_false(take(&rig, 13000));
	rig_free(&rig);
}

/* What was sent before the edge and answered after it belongs before it. */
static void
test_belongs_to_the_window_of_sending(void **state)
{
	struct rig rig = rig_new();
	uint64_t a, b, c;

	(void)state;
	a = sent(&rig, ROW(0, PATH_HUB));
	roll(&rig, 10000);
	b = sent(&rig, ROW(0, PATH_HUB));
	roll(&rig, 20000);
	c = sent(&rig, ROW(0, PATH_HUB));
	fate(&rig, ROW(0, PATH_HUB), c, PINGER_ANSWERED, 3000);
	fate(&rig, ROW(0, PATH_HUB), a, PINGER_ANSWERED, 1000);
	fate(&rig, ROW(0, PATH_HUB), b, PINGER_ANSWERED, 2000);
	roll(&rig, 30000);
	for (uint32_t want_us = 1000; want_us <= 3000; want_us += 1000) {
		assert_true(take(&rig, 33000));
		assert_int_equal(row(&rig, "dub", PATH_HUB)->sent, 1);
		assert_int_equal(row(&rig, "dub", PATH_HUB)->max_us, want_us);
	}
	assert_false(take(&rig, 33000));
	rig_free(&rig);
}

static void
test_counts(void **state)
{
	struct rig rig = rig_new();
	struct pinger_result again = { ROW(2, PATH_DIRECT), 0, PINGER_ANSWERED,
		.rtt_ns = 5 * NS_PER_MS, .reordered = true };
	const struct report_row *r;

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)sent(&rig, ROW(2, PATH_DIRECT));
	window_unsendable(rig.set, ROW(2, PATH_DIRECT));
	fate(&rig, ROW(2, PATH_DIRECT), 1, PINGER_ANSWERED, 4000);
	window_result(rig.set, &again, true);
	fate(&rig, ROW(2, PATH_DIRECT), 1, PINGER_DUPLICATE, 4100);
	fate(&rig, ROW(2, PATH_DIRECT), 2, PINGER_LOST, -1);
	fate(&rig, ROW(2, PATH_DIRECT), 2, PINGER_LATE, 3100000);
	roll(&rig, 10000);
	assert_true(take(&rig, 13000));
	r = row(&rig, "hkg", PATH_DIRECT);
	assert_int_equal(r->sent, 4);
	assert_int_equal(r->lost, 2);
	assert_int_equal(r->late, 1);
	assert_int_equal(r->duplicate, 1);
	assert_int_equal(r->reordered, 1);
	assert_int_equal(r->max_us, 5000); /* neither the late nor the double RTT */
	rig_free(&rig);
}

/* A half switched pair and a clock step answer without an RTT. */
static void
test_answer_without_rtt(void **state)
{
	struct rig rig = rig_new();
	struct pinger_result half = { ROW(0, PATH_HUB), 0, PINGER_ANSWERED,
		.rtt_ns = 9 * NS_PER_MS };
	const struct report_row *r;

	(void)state;
	(void)sent(&rig, ROW(0, PATH_HUB));
	(void)sent(&rig, ROW(0, PATH_HUB));
	window_result(rig.set, &half, false);
	fate(&rig, ROW(0, PATH_HUB), 1, PINGER_ANSWERED, -1);
	roll(&rig, 10000);
	assert_true(take(&rig, 13000));
	r = row(&rig, "dub", PATH_HUB);
	assert_int_equal(r->sent, 2);
	assert_int_equal(r->lost, 0);
	assert_int_equal(r->max_us, 0);
	assert_int_equal(sketch_count(&r->rtt), 0);
	rig_free(&rig);
}

/* Late and double answers to a window that is gone are counted in the open one. */
static void
test_after_the_report(void **state)
{
	struct rig rig = rig_new();

	(void)state;
	(void)sent(&rig, ROW(0, PATH_HUB));
	fate(&rig, ROW(0, PATH_HUB), 0, PINGER_LOST, -1);
	roll(&rig, 10000);
	assert_true(take(&rig, 13000));
	fate(&rig, ROW(0, PATH_HUB), 0, PINGER_LATE, 13000000);
	fate(&rig, ROW(0, PATH_HUB), 0, PINGER_DUPLICATE, 13000000);
	roll(&rig, 20000);
	assert_true(take(&rig, 23000));
	assert_int_equal(row(&rig, "dub", PATH_HUB)->sent, 0);
	assert_int_equal(row(&rig, "dub", PATH_HUB)->late, 1);
	assert_int_equal(row(&rig, "dub", PATH_HUB)->duplicate, 1);
	rig_free(&rig);
}

static void
test_rows_grow_and_stay_apart(void **state)
{
	struct rig rig = rig_new();

	(void)state;
	fate(&rig, ROW(0, PATH_HUB), sent(&rig, ROW(0, PATH_HUB)), PINGER_ANSWERED,
	    100);
	fate(&rig, ROW(2, PATH_PUBLIC), sent(&rig, ROW(2, PATH_PUBLIC)),
	    PINGER_ANSWERED, 200);
	fate(&rig, ROW(2, PATH_HUB), sent(&rig, ROW(2, PATH_HUB)), PINGER_ANSWERED,
	    300);
	roll(&rig, 10000);
	assert_true(take(&rig, 13000));
	assert_int_equal(rig.r.n_rows, 3);
	assert_int_equal(row(&rig, "dub", PATH_HUB)->mean_us, 100);
	assert_int_equal(row(&rig, "hkg", PATH_PUBLIC)->mean_us, 200);
	assert_int_equal(row(&rig, "hkg", PATH_HUB)->mean_us, 300);
	rig_free(&rig);
}

static void
test_pinger_counts_are_of_the_window(void **state)
{
	struct rig rig = rig_new();
	struct window_edge e = edge(&rig, 10000);

	(void)state;
	e.counts = (struct pinger_counts){ .spoofed = 3, .local_drop = 5 };
	window_roll(rig.set, &e);
	e.now.ns = 20000 * NS_PER_MS;
	e.counts = (struct pinger_counts){ .spoofed = 4, .local_drop = 5 };
	window_roll(rig.set, &e);
	assert_true(take(&rig, 30000));
	assert_true(rig.r.spoofed == 3 && rig.r.local_drop == 5);
	assert_true(take(&rig, 30000));
	assert_true(rig.r.spoofed == 1 && rig.r.local_drop == 0);
	assert_int_equal(rig.r.n_rows, 0);
	rig_free(&rig);
}

static void
lose(struct rig *rig, uint32_t which, unsigned n, unsigned n_lost)
{
	for (unsigned i = 0; i < n; i++)
		fate(rig, which, sent(rig, which),
		    i < n_lost ? PINGER_LOST : PINGER_ANSWERED, 500);
}

/* What the socket dropped is not the network's loss, and a dead path stays dead. */
static void
test_local_drops_are_no_loss(void **state)
{
	static const struct {
		uint64_t dropped;
		uint32_t sent[3], lost[3];
	} cases[] = {
		/* of 10 each: 2 lost, 0 lost, 10 lost */
		{ 0, { 10, 10, 10 }, { 2, 0, 10 } },
		{ 5, { 8, 10, 10 }, { 0, 0, 10 } },
		{ 12, { 8, 10, 0 }, { 0, 0, 0 } },
		{ 500, { 8, 10, 0 }, { 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pinger_counts counts = { .local_drop = cases[i].dropped };
		struct rig rig = rig_new();

		lose(&rig, ROW(0, PATH_HUB), 10, 2);
		lose(&rig, ROW(1, PATH_HUB), 10, 0);
		lose(&rig, ROW(2, PATH_HUB), 10, 10);
		roll(&rig, 10000);
		/* Noticed only while the window waits: it may concern it. */
		window_counts(rig.set, &counts);
		assert_true(take(&rig, 20000));
		for (uint32_t k = 0; k < 3; k++) {
			const struct report_row *r = row(&rig, name(k, NULL), PATH_HUB);

			assert_int_equal(r ? r->sent : 0, cases[i].sent[k]);
			assert_int_equal(r ? r->lost : 0, cases[i].lost[k]);
		}
		rig_free(&rig);
	}
}

static void
test_unsent_was_never_there(void **state)
{
	struct rig rig = rig_new();

	(void)state;
	fate(&rig, ROW(0, PATH_HUB), sent(&rig, ROW(0, PATH_HUB)), PINGER_ANSWERED,
	    500);
	window_sent(rig.set, ROW(0, PATH_HUB));
	window_sent(rig.set, ROW(1, PATH_HUB));
	window_unsent(rig.set, ROW(0, PATH_HUB));
	window_unsent(rig.set, ROW(1, PATH_HUB));
	roll(&rig, 10000);
	assert_true(take(&rig, 20000));
	assert_int_equal(rig.r.n_rows, 1);
	assert_int_equal(row(&rig, "dub", PATH_HUB)->sent, 1);
	rig_free(&rig);
}

/* A source of stamps belongs to a window from its beginning. */
static void
test_stamp_is_of_the_window(void **state)
{
	struct rig rig = rig_new();
	struct window_edge e = edge(&rig, 10000);

	(void)state;
	e.stamp = STAMP_KERNEL_RX;
	window_roll(rig.set, &e);
	e.now.ns = 20000 * NS_PER_MS;
	window_roll(rig.set, &e);
	assert_true(take(&rig, 30000));
	assert_int_equal(rig.r.stamp, STAMP_KERNEL);
	assert_true(take(&rig, 30000));
	assert_int_equal(rig.r.stamp, STAMP_KERNEL_RX);
	rig_free(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_waits_for_its_last_probe),
		cmocka_unit_test(test_belongs_to_the_window_of_sending),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_answer_without_rtt),
		cmocka_unit_test(test_after_the_report),
		cmocka_unit_test(test_rows_grow_and_stay_apart),
		cmocka_unit_test(test_pinger_counts_are_of_the_window),
		cmocka_unit_test(test_local_drops_are_no_loss),
		cmocka_unit_test(test_unsent_was_never_there),
		cmocka_unit_test(test_stamp_is_of_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
