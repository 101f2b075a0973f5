/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a report after each answer.
 *
 * links: prober/retry.c
 */
#include "prober/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_statuses(void **state)
{
	static const struct {
		const char *name;
		long status;
		int64_t after_s;
		enum retry_fate fate;
		uint32_t lo_ms, hi_ms;
	} rows[] = {
		{ "stored", 204, 0, RETRY_DELIVERED, 0, 0 },
		{ "ok", 200, 0, RETRY_DELIVERED, 0, 0 },
		{ "bad report", 400, 0, RETRY_REFUSED, 0, 0 },
		{ "too large", 413, 0, RETRY_REFUSED, 0, 0 },
		{ "wrong type", 415, 0, RETRY_REFUSED, 0, 0 },
		{ "no identity", 401, 0, RETRY_KEEP, 60000, 61000 },
		{ "forbidden", 403, 0, RETRY_KEEP, 60000, 61000 },
		{ "busy", 503, 7, RETRY_KEEP, 7000, 8000 },
		{ "too many", 429, 30, RETRY_KEEP, 30000, 31000 },
		{ "busy, unsaid how long", 503, 0, RETRY_KEEP, 1, 1000 },
		{ "an absurd Retry-After", 503, 86400, RETRY_KEEP, 600000, 601000 },
		{ "network", 0, 0, RETRY_KEEP, 1, 1000 },
		{ "network, header of old", 0, 50, RETRY_KEEP, 1, 1000 },
		{ "not found", 404, 0, RETRY_KEEP, 1, 1000 },
		{ "moved", 301, 0, RETRY_KEEP, 1, 1000 },
		{ "broken", 500, 0, RETRY_KEEP, 1, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint64_t seed = 1; seed < 200; seed++) {
			struct retry r = { .random = seed };
			struct retry_verdict v =
			    retry_judge(&r, rows[i].status, rows[i].after_s);

			if (v.fate != rows[i].fate || v.pause_ms < rows[i].lo_ms ||
			    v.pause_ms > rows[i].hi_ms)
				fail_msg("%s: fate %d, %u ms", rows[i].name,
				    (int)v.fate, v.pause_ms);
		}
	}
}

/* The bound doubles to a minute and starts anew after a success. */
static void
test_backoff(void **state)
{
	static const uint32_t bounds_ms[] = { 1000, 2000, 4000, 8000, 16000, 32000,
		60000, 60000, 60000 };
	uint32_t most[9] = { 0 };
	struct retry r = { .random = 42 };

	(void)state;
	for (int round = 0; round < 500; round++) {
		for (size_t i = 0; i < 9; i++) {
			uint32_t ms = retry_judge(&r, 0, 0).pause_ms;

			assert_in_range(ms, 1, bounds_ms[i]);
			most[i] = ms > most[i] ? ms : most[i];
		}
		(void)retry_judge(&r, 204, 0);
	}
	for (size_t i = 0; i < 9; i++)
		assert_in_range(most[i], bounds_ms[i] * 9 / 10, bounds_ms[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
