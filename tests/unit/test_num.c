/* SPDX-License-Identifier: MIT */
/*
 * Numbers from text: one table a parser.  What is refused must leave the result alone.
 */
#include "common/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/clock.h"

#define NONE 4242 /* what the result holds before, and after a refusal */

static void
u32_takes_digits_only(void **state)
{
	static const struct {
		const char *text;
		uint32_t lo, hi;
		int64_t want; /* -1 = refused */
	} rows[] = {
		{ "0", 0, 9, 0 }, { "9", 0, 9, 9 }, { "10", 0, 9, -1 },
		{ "4", 5, 9, -1 }, { "007", 0, 9, 7 },
		{ "4294967295", 0, UINT32_MAX, UINT32_MAX },
		{ "4294967296", 0, UINT32_MAX, -1 },
		{ "18446744073709551616", 0, UINT32_MAX, -1 },
		{ "99999999999999999999999999", 0, UINT32_MAX, -1 }, { "", 0, 9, -1 },
		{ " 1", 0, 9, -1 }, { "1 ", 0, 9, -1 }, { "1\n", 0, 9, -1 },
		{ "+1", 0, 9, -1 }, { "-1", 0, 9, -1 }, { "-0", 0, 9, -1 },
		{ "0x1", 0, 9, -1 }, { "1e1", 0, 99, -1 }, { "1.0", 0, 9, -1 },
		{ "\xd9\xa1", 0, 9, -1 }, /* a digit, but of Arabic */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t v = NONE;
		int rc = num_u32(rows[i].text, rows[i].lo, rows[i].hi, &v);

		if (rc != (rows[i].want < 0 ? -EINVAL : 0) ||
		    v != (rows[i].want < 0 ? NONE : rows[i].want))
			fail_msg("\"%s\": %d, %u", rows[i].text, rc, v);
	}
}

static void
u64_ends_where_doubles_do(void **state)
{
	static const struct {
		const char *text;
		uint64_t lo, want;
		int rc;
	} rows[] = {
		{ "1", 1, 1, 0 },
		{ "0", 1, NONE, -EINVAL },
		{ "9007199254740991", 1, NUM_U64_MAX, 0 },
		{ "9007199254740992", 1, NONE, -EINVAL },
		{ "99999999999999999999999999", 1, NONE, -EINVAL },
		{ "7 ", 1, NONE, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = NONE;

		assert_int_equal(num_u64(rows[i].text, rows[i].lo, UINT64_MAX, &v),
		    rows[i].rc);
		assert_int_equal(v, rows[i].want);
	}
}

static void
ms_become_us(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1 = refused */
	} rows[] = {
		{ "0", 0 },
		{ "49", 49000 },
		{ "49.2", 49200 },
		{ "0.35", 350 },
		{ "0.001", 1 },
		{ "0.0005", 1 },
		{ "0.00049999", 0 },
		{ "0.0015", 2 },
		{ "1.9994", 1999 },
		{ "1.9995", 2000 }, /* carries into the whole */
		{ "0.99999999999999999999999999999999", 1000 },
		{ "60000", 60000000 },
		{ "60000.0", 60000000 },
		{ "60000.0004", 60000000 },
		{ "60000.0005", -1 },
		{ "60000.001", -1 },
		{ "60001", -1 },
		{ "99999999999999999999", -1 },
		{ "", -1 },
		{ ".", -1 },
		{ ".5", -1 },
		{ "5.", -1 },
		{ "-1", -1 },
		{ "-0", -1 },
		{ "+1", -1 },
		{ "1e3", -1 },
		{ "1.5e3", -1 },
		{ "0x1", -1 },
		{ "nan", -1 },
		{ "inf", -1 },
		{ " 1", -1 },
		{ "1 ", -1 },
		{ "1.2.3", -1 },
		{ "1,5", -1 },
		{ "1.5ms", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t us = NONE;
		int rc = num_ms(rows[i].text, &us);

		if (rc != (rows[i].want < 0 ? -EINVAL : 0) ||
		    us != (rows[i].want < 0 ? NONE : rows[i].want))
			fail_msg("\"%s\": %d, %lld", rows[i].text, rc, (long long)us);
	}
}

static void
durations_have_units(void **state)
{
	static const struct {
		const char *text;
		int64_t want_ms; /* -1 = refused */
	} rows[] = {
		{ "10", 10000 },
		{ "10s", 10000 },
		{ "500ms", 500 },
		{ "5m", 300000 },
		{ "24h", 86400000 },
		{ "7d", 604800000 },
		{ "100000d", INT64_C(8640000000000) },
		{ "100001", -1 },
		{ "0", -1 },
		{ "0s", -1 },
		{ "", -1 },
		{ "s", -1 },
		{ "-1s", -1 },
		{ "1.5s", -1 },
		{ "1 s", -1 },
		{ "1S", -1 },
		{ "1us", -1 },
		{ "1h30m", -1 },
		{ "1mss", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ns = NONE;
		int rc = num_duration(rows[i].text, &ns);

		if (rc != (rows[i].want_ms < 0 ? -EINVAL : 0) ||
		    ns != (rows[i].want_ms < 0 ? NONE : rows[i].want_ms * NS_PER_MS))
			fail_msg("\"%s\": %d, %lld", rows[i].text, rc, (long long)ns);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(u32_takes_digits_only),
		cmocka_unit_test(u64_ends_where_doubles_do),
		cmocka_unit_test(ms_become_us),
		cmocka_unit_test(durations_have_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
