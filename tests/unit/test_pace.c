/* SPDX-License-Identifier: MIT */
/*
 * Deadlines on a clock of our own.
 *
 * links: prober/pace.c
 */
#include "prober/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/seed.h"

#define PERIOD_NS NS_PER_S
#define TICK_NS	  (20 * NS_PER_MS)

static const struct mono start = { 5 * NS_PER_S };

static struct pace *
with_targets(uint32_t n)
{
	struct pace *p = pace_new(PERIOD_NS, start);
	char name[16];

	for (uint32_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "node%u", i);
		pace_add(p, i, pace_key("hkg", name, i % 3), start);
	}
	return p;
}

static void
test_key_tells_apart(void **state)
{
	(void)state;
	assert_true(pace_key("hkg", "nrt", 0) == pace_key("hkg", "nrt", 0));
	assert_true(pace_key("hkg", "nrt", 0) != pace_key("hkg", "nrt", 1));
	assert_true(pace_key("hkg", "nrt", 0) != pace_key("nrt", "hkg", 0));
	assert_true(pace_key("ab", "c", 0) != pace_key("a", "bc", 0));
}

/* The k-th probe of a target is within a tenth of a period of its nominal time, for
 * ever. */
static void
test_no_drift(void **state)
{
	struct pace *p = with_targets(1);
	struct mono due, first = { 0 }, before = { 0 };
	struct seed seed = seed_new("pace");
	uint32_t id;

	(void)state;
	for (int k = 0; k < 100000; k++) {
		assert_true(pace_next(p, &due));
		assert_false(pace_due(p, mono_add(due, -1), &id));
		/* Served a random while late, which must not add up. */
		assert_true(pace_due(p,
		    mono_add(due, seed_below(&seed, 400 * NS_PER_MS)), &id));
		if (k == 0) {
			first = due;
		} else {
			int64_t gap_ns = mono_diff(due, before);
			int64_t off_ns = mono_diff(due, first) - k * PERIOD_NS;

			assert_in_range(gap_ns, PERIOD_NS * 8 / 10,
			    PERIOD_NS * 12 / 10);
			assert_in_range(llabs(off_ns), 0, PERIOD_NS * 2 / 10);
		}
		before = due;
	}
	pace_free(p);
}

/* 1,000 targets at one a second are 20 a tick; a burst would be hundreds. */
static void
test_no_bursts(void **state)
{
	struct pace *p = with_targets(1000);
	unsigned most = 0, total = 0;
	uint32_t id;

	(void)state;
	for (int64_t t = 0; t < 10 * PERIOD_NS; t += TICK_NS) {
		unsigned n = 0;

		while (pace_due(p, mono_add(start, t), &id))
			n++;
		most = n > most ? n : most;
		total += n;
	}
	print_message("most in a tick: %u, total %u\n", most, total);
	assert_in_range(most, 20, 50);
	assert_in_range(total, 9700, 10300);
	pace_free(p);
}

static void
test_each_target_once_a_period(void **state)
{
	struct pace *p = with_targets(300);
	unsigned count[300] = { 0 };
	uint32_t id;

	(void)state;
	for (int64_t t = 0; t < 20 * PERIOD_NS; t += TICK_NS)
		while (pace_due(p, mono_add(start, t), &id))
			count[id]++;
	for (size_t i = 0; i < 300; i++)
		assert_in_range(count[i], 19, 21);
	pace_free(p);
}

/*
 * After a pause of a minute nothing is made up for: only those whose jitter puts them
 * within the last tenth of a second are due.
 */
static void
test_pause_is_skipped(void **state)
{
	struct pace *p = with_targets(1000);
	struct mono now = mono_add(start, 60 * PERIOD_NS), due;
	unsigned n = 0, after = 0;
	uint32_t id;

	(void)state;
	while (pace_due(p, now, &id))
		n++;
	assert_in_range(n, 0, 60);
	assert_true(pace_next(p, &due));
	assert_true(mono_diff(due, now) > -PERIOD_NS / 5);
	for (int64_t t = 0; t < 5 * PERIOD_NS; t += TICK_NS)
		while (pace_due(p, mono_add(now, t), &id))
			after++;
	assert_in_range(after, 4500, 5200);
	pace_free(p);
}

static void
test_add_and_remove(void **state)
{
	struct pace *p = with_targets(50);
	unsigned count[50] = { 0 };
	struct mono due;
	uint32_t id;

	(void)state;
	for (uint32_t i = 0; i < 50; i += 2)
		pace_remove(p, i);
	pace_remove(p, 4711); /* unknown: nothing happens */
	for (int64_t t = 0; t < 10 * PERIOD_NS; t += TICK_NS)
		while (pace_due(p, mono_add(start, t), &id))
			count[id]++;
	for (size_t i = 0; i < 50; i++)
		assert_in_range(count[i], i % 2 ? 9 : 0, i % 2 ? 11 : 0);
	/* Added late: owes nothing for the time before. */
	pace_add(p, 0, 12345, mono_add(start, 10 * PERIOD_NS));
	count[0] = 0;
	for (int64_t t = 10 * PERIOD_NS; t < 12 * PERIOD_NS; t += TICK_NS)
		while (pace_due(p, mono_add(start, t), &id))
			count[id]++;
	assert_in_range(count[0], 1, 3);
	for (uint32_t i = 0; i < 50; i++)
		pace_remove(p, i);
	assert_false(pace_next(p, &due));
	assert_false(pace_due(p, mono_add(start, 99 * PERIOD_NS), &id));
	pace_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_tells_apart),
		cmocka_unit_test(test_no_drift),
		cmocka_unit_test(test_no_bursts),
		cmocka_unit_test(test_each_target_once_a_period),
		cmocka_unit_test(test_pause_is_skipped),
		cmocka_unit_test(test_add_and_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
