/* SPDX-License-Identifier: MIT */
/*
 * Is a path alive?  Misses in a row, patience, and the share lost of a minute.
 *
 * links: optimizer/agent/live.c
 */
#include "optimizer/agent/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS NS_PER_MS

static struct live l;
static struct mono now;
static uint64_t seq;

static void
begin(bool lenient, int64_t rtt_us)
{
	live_init(&l, lenient);
	now.ns = 1000 * NS_PER_S;
	l.rtt_us = rtt_us;
	seq = 0;
}

static void
pass(int64_t ns)
{
	now = mono_add(now, ns);
	live_expire(&l, now);
}

/* Beats of 200 ms; every lose-th probe is lost, none if 0. */
static void
beats(unsigned n, unsigned lose)
{
	for (unsigned i = 1; i <= n; i++) {
		live_sent(&l, ++seq, now);
		if (lose == 0 || i % lose)
			live_answered(&l, seq, l.rtt_us);
		pass(200 * MS);
	}
}

static void
silent_after_three_in_a_row(void **state)
{
	struct mono first;

	(void)state;
	begin(false, 40000);
	beats(5, 0);
	assert_int_equal(l.good, 5);
	first = now;
	beats(2, 1);
	pass(100 * MS);
	assert_int_equal(l.misses, 2);
	assert_int_equal(l.good, 0);
	assert_int_equal(l.first_miss.ns, first.ns);
	assert_false(live_is_silent(&l));
	beats(1, 1);
	assert_true(live_is_silent(&l));
	assert_int_equal(l.first_miss.ns, first.ns);
	assert_false(live_answers_since(&l, first));
	beats(1, 0);
	assert_int_equal(l.misses, 0);
	assert_true(live_answers_since(&l, first));
}

static void
so_long_is_an_answer_waited_for(void **state)
{
	static const struct {
		int64_t rtt_us, timeout_ms;
	} rows[] = {
		{ LIVE_UNKNOWN, 1000 },
		{ 500, 100 },
		{ 100000, 170 },
		{ 250000, 395 },
		{ 300000, 400 },
		{ 500000, 600 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(false, rows[i].rtt_us);
		assert_int_equal(live_timeout_ns(&l), rows[i].timeout_ms * MS);
		assert_int_equal(live_deadline(&l).ns, INT64_MAX);
		live_sent(&l, 1, now);
		assert_int_equal(mono_diff(live_deadline(&l), now),
		    rows[i].timeout_ms * MS);
		pass(rows[i].timeout_ms * MS - 1);
		assert_int_equal(l.misses, 0);
		pass(1);
		assert_int_equal(l.misses, 1);
	}
}

static void
late_answers_keep_the_hub_only(void **state)
{
	(void)state;
	for (int lenient = 0; lenient < 2; lenient++) {
		begin(lenient, 40000);
		live_sent(&l, 7, now);
		pass(200 * MS);
		assert_int_equal(l.misses, 1);
		live_answered(&l, 6, 200000); /* from before the fault */
		assert_int_equal(l.misses, 1);
		live_answered(&l, 7, 200000);
		assert_int_equal(l.misses, lenient ? 0 : 1);
		live_restart(&l, LIVE_UNKNOWN);
		assert_int_equal(l.lenient, lenient);
	}
}

static void
the_newest_answer_counts(void **state)
{
	struct mono newest;

	(void)state;
	begin(false, 40000);
	live_sent(&l, 1, now);
	pass(10 * MS);
	live_sent(&l, 2, now);
	newest = now;
	live_answered(&l, 2, 40000);
	live_answered(&l, 1, 40000);
	assert_int_equal(l.answer_sent.ns, newest.ns);
	/* An answer twice is one answer. */
	live_answered(&l, 1, 40000);
	assert_int_equal(l.good, 2);
}

static void
share_of_a_whole_minute(void **state)
{
	(void)state;
	begin(false, 40000);
	beats(299, 10);
	assert_int_equal(live_loss_permille(&l), -1);
	beats(2, 10);
	/* 300 a minute, of which the oldest five seconds have gone. */
	assert_in_range((uintmax_t)live_loss_permille(&l), 95, 105);
	beats(300, 50);
	assert_in_range((uintmax_t)live_loss_permille(&l), 18, 22);
	live_forgive(&l);
	assert_int_equal(live_loss_permille(&l), -1);
	/* One of ten is no 10 %. */
	begin(false, 40000);
	for (unsigned i = 0; i < 14; i++) {
		live_sent(&l, ++seq, now);
		pass(5 * NS_PER_S);
	}
	assert_int_equal(live_loss_permille(&l), -1);
	/* Nor is a sleep a minute of good answers. */
	begin(false, 40000);
	beats(400, 10);
	pass(3600 * NS_PER_S);
	assert_int_equal(live_loss_permille(&l), -1);
}

static void
nobody_waits_for_more_than_it_can_hold(void **state)
{
	(void)state;
	begin(false, LIVE_UNKNOWN);
	for (unsigned i = 0; i < 3 * LIVE_FLIGHTS; i++)
		live_sent(&l, ++seq, now);
	assert_int_equal(l.n, LIVE_FLIGHTS);
	assert_int_equal(l.misses, 2 * LIVE_FLIGHTS);
}

static void
rtt_follows_slowly(void **state)
{
	(void)state;
	begin(false, LIVE_UNKNOWN);
	live_answered(&l, 99, 100000);
	assert_int_equal(l.rtt_us, 100000);
	live_answered(&l, 99, -1); /* the clock was stepped */
	assert_int_equal(l.rtt_us, 100000);
	for (int i = 0; i < 4; i++)
		live_answered(&l, 99, 200000);
	assert_in_range((uintmax_t)l.rtt_us, 145000, 155000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_after_three_in_a_row),
		cmocka_unit_test(so_long_is_an_answer_waited_for),
		cmocka_unit_test(late_answers_keep_the_hub_only),
		cmocka_unit_test(the_newest_answer_counts),
		cmocka_unit_test(share_of_a_whole_minute),
		cmocka_unit_test(nobody_waits_for_more_than_it_can_hold),
		cmocka_unit_test(rtt_follows_slowly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
