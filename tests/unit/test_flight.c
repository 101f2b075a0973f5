/* SPDX-License-Identifier: MIT */
/*
 * The table of probes under way, on a clock of our own.
 */
#include "common/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/seed.h"

#define TIMEOUT_NS NS_PER_S

static struct mono
at_ms(int64_t ms)
{
	return (struct mono){ ms * NS_PER_MS };
}

struct lost {
	uint32_t slot;
	uint64_t seq;
};

static bool
expire(struct flight *f, int64_t ms, struct lost *lost)
{
	return flight_expire(f, at_ms(ms), &lost->slot, &lost->seq);
}

static bool
knows(const struct flight *f, uint32_t slot, uint64_t seq)
{
	struct flight_probe p;

	return flight_find(f, slot, seq, &p);
}

static uint64_t
add(struct flight *f, uint32_t slot, int64_t ms)
{
	struct flight_probe p = { .slot = slot, .sent = at_ms(ms), .stamp_ns = ms };

	return flight_add(f, &p);
}

static void
test_answer_and_duplicate(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);
	uint64_t seq = add(f, 5, 0);
	struct flight_answer a;

	(void)state;
	assert_true(seq == 0 && flight_next(f) == 1 && flight_count(f) == 1);
	assert_false(knows(f, 6, seq)); /* another's slot */
	assert_false(knows(f, 5, 1));	/* never sent */
	assert_false(knows(f, 5, UINT64_MAX));
	assert_true(knows(f, 5, seq));
	a = flight_answer(f, seq, 40 * NS_PER_MS);
	assert_int_equal(a.fate, FLIGHT_ANSWERED);
	assert_false(a.reordered || a.expired);
	assert_true(flight_count(f) == 0);
	a = flight_answer(f, seq, 41 * NS_PER_MS);
	assert_int_equal(a.fate, FLIGHT_DUPLICATE);
	assert_false(a.reordered || a.expired);
	flight_free(f);
}

static void
test_expire_once_and_in_time(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);
	struct lost lost;

	(void)state;
	(void)add(f, 0, 0);
	(void)add(f, 1, 500);
	(void)add(f, 2, 600);
	(void)flight_answer(f, 1, 1);
	assert_false(expire(f, 1000, &lost)); /* to the very timeout */
	assert_true(expire(f, 1001, &lost));
	assert_int_equal(lost.slot, 0);
	assert_true(lost.seq == 0 && flight_count(f) == 1);
	assert_false(expire(f, 1001, &lost));
	/* The answered one between is passed over. */
	assert_true(expire(f, 9000, &lost));
	assert_int_equal(lost.slot, 2);
	assert_false(expire(f, 9000, &lost));
	assert_true(flight_count(f) == 0);
	flight_free(f);
}

static void
test_late(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);
	struct flight_answer a;
	struct lost lost;

	(void)state;
	(void)add(f, 0, 0);
	(void)add(f, 0, 1);
	(void)add(f, 0, 2);
	/* Told lost, then answered; then answered again. */
	assert_true(expire(f, 1001, &lost));
	a = flight_answer(f, 0, 1100 * NS_PER_MS);
	assert_int_equal(a.fate, FLIGHT_LATE);
	assert_false(a.expired);
	assert_int_equal(flight_answer(f, 0, 1).fate, FLIGHT_DUPLICATE);
	/* Late by its stamps before anybody told: the loss is the caller's to tell. */
	a = flight_answer(f, 1, 1000 * NS_PER_MS + 1);
	assert_int_equal(a.fate, FLIGHT_LATE);
	assert_true(a.expired);
	assert_true(flight_count(f) == 1);
	assert_true(expire(f, 1500, &lost));
	assert_true(lost.seq == 2); /* and seq 1 is not told again */
	assert_false(expire(f, 1500, &lost));
	flight_free(f);
}

static void
test_forgotten_after_ten_seconds(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);
	struct lost lost;

	(void)state;
	(void)add(f, 0, 0);
	assert_true(expire(f, 11000, &lost));
	assert_false(expire(f, 11000, &lost));
	assert_true(knows(f, 0, 0));
	assert_false(expire(f, 11001, &lost));
	assert_false(knows(f, 0, 0));
	flight_free(f);
}

static void
test_reordered_within_a_slot(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);

	(void)state;
	(void)add(f, 1, 0); /* 0 */
	(void)add(f, 1, 1); /* 1 */
	(void)add(f, 2, 2); /* 2 */
	(void)add(f, 1, 3); /* 3 */
	assert_false(flight_answer(f, 2, 1).reordered);
	assert_false(flight_answer(f, 1, 1).reordered); /* 2 is another slot's */
	assert_true(flight_answer(f, 0, 1).reordered);
	assert_false(flight_answer(f, 3, 1).reordered);
	flight_free(f);
}

static void
test_stamp_and_cancel(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);
	struct flight_probe p = { .slot = 9, .mark = FLIGHT_MARK_MAX };
	struct lost lost;

	(void)state;
	assert_true(flight_add(f, &p) == 0);
	assert_true(flight_add(f, &p) == 1);
	flight_stamp(f, 8, 0, 5); /* another's slot, */
	flight_stamp(f, 9, 7, 5); /* and one that never was */
	assert_true(flight_find(f, 9, 0, &p) && p.stamp_ns == 0);
	flight_stamp(f, 9, 0, 5);
	flight_stamp(f, 9, 0, 6); /* the first counts */
	assert_true(flight_find(f, 9, 0, &p) && p.stamp_ns == 5);
	assert_int_equal(p.mark, FLIGHT_MARK_MAX);
	flight_cancel(f, 1);
	assert_false(knows(f, 9, 1));
	assert_true(flight_count(f) == 1);
	assert_true(expire(f, 5000, &lost) && lost.seq == 0 && lost.slot == 9);
	assert_false(expire(f, 5000, &lost));
	flight_free(f);
}

/* Stopped for longer than the entries' own clock reaches: all are lost, none is young.
 */
static void
test_long_pause(void **state)
{
	struct flight *f = flight_new(TIMEOUT_NS);
	const int64_t hour_ms = 3600 * 1000;
	struct lost lost;

	(void)state;
	(void)add(f, 0, 1000);
	(void)add(f, 1, 1000);
	/* 2^32 us later to the ms, so that their age looks like none. */
	(void)add(f, 2, 1000 + 4294967);
	assert_true(expire(f, 1000 + 4294967, &lost) && lost.seq == 0);
	assert_true(expire(f, 1000 + 4294967, &lost) && lost.seq == 1);
	assert_false(expire(f, 1000 + 4294967, &lost));
	assert_false(knows(f, 0, 0));
	assert_true(knows(f, 2, 2));
	assert_true(expire(f, 3 * hour_ms, &lost) && lost.seq == 2);
	flight_free(f);
}

/*
 * 200,000 probes at a rate that makes the ring grow many times over, answered, lost and
 * answered late at random: nothing is told twice and nothing goes missing.
 */
static void
test_every_probe_has_one_fate(void **state)
{
	enum { N = 200000, PER_MS = 20 };
	struct flight *f = flight_new(TIMEOUT_NS);
	unsigned char *fate = calloc(N, 1);
	struct lost lost;
	struct seed seed = seed_new("flight");
	uint64_t answered = 0, lost_n = 0;

	(void)state;
	assert_non_null(fate);
	for (uint64_t i = 0; i < N; i++) {
		int64_t now_ms = (int64_t)i / PER_MS;
		uint64_t back = seed_below(&seed, 1500 * PER_MS);
		struct flight_probe p;

		assert_true(add(f, (uint32_t)(i % 1000), now_ms) == i);
		while (expire(f, now_ms, &lost)) {
			assert_int_equal(fate[lost.seq], 0);
			fate[lost.seq] = 2;
			lost_n++;
		}
		if (back > i)
			continue;
		/* 1.5 s old at most: remembered */
		assert_true(
		    flight_find(f, (uint32_t)((i - back) % 1000), i - back, &p));
		assert_true(p.stamp_ns == (int64_t)(i - back) / PER_MS);
		switch (flight_answer(f, p.seq, 1).fate) {
		case FLIGHT_ANSWERED:
			assert_int_equal(fate[i - back], 0);
			fate[i - back] = 1;
			answered++;
			break;
		case FLIGHT_LATE:
			assert_int_equal(fate[i - back], 2);
			fate[i - back] = 3;
			break;
		case FLIGHT_DUPLICATE:
			assert_true(fate[i - back] & 1);
			break;
		}
	}
	while (expire(f, 1000000, &lost))
		lost_n++;
	assert_true(answered + lost_n == N);
	assert_true(answered > N / 10 && lost_n > N / 10);
	assert_true(flight_count(f) == 0);
	assert_false(knows(f, 0, 0));
	flight_free(f);
	free(fate);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_and_duplicate),
		cmocka_unit_test(test_expire_once_and_in_time),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_forgotten_after_ten_seconds),
		cmocka_unit_test(test_reordered_within_a_slot),
		cmocka_unit_test(test_stamp_and_cancel),
		cmocka_unit_test(test_long_pause),
		cmocka_unit_test(test_every_probe_has_one_fate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
