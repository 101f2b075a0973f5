/* SPDX-License-Identifier: MIT */
/*
 * Points in time: each way to write one, and what is none; dates against timegm().
 */
#include "common/when.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define NOW (INT64_C(1767225600) * NS_PER_S) /* 2026-01-01T00:00:00Z */

static void
test_table(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: refused */
	} rows[] = {
		{ "now", NOW },
		{ "2026-01-01T00:00:00Z", NOW },
		{ "2026-01-01t00:00:00z", NOW },
		{ "2026-01-01T00:00:00.5Z", NOW + NS_PER_S / 2 },
		{ "2026-01-01T00:00:00.123456789123Z", NOW + 123456789 },
		{ "2026-01-01T01:00:00+01:00", NOW },
		{ "2026-01-01T01:00:00 01:00", NOW }, /* after a URL's decoding */
		{ "2025-12-31T16:30:00-07:30", NOW },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800) * NS_PER_S },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800) * NS_PER_S },
		{ "2023-02-29T00:00:00Z", -1 },
		{ "2100-02-29T00:00:00Z", -1 },
		{ "2026-13-01T00:00:00Z", -1 },
		{ "2026-00-01T00:00:00Z", -1 },
		{ "2026-01-32T00:00:00Z", -1 },
		{ "2026-01-01T24:00:00Z", -1 },
		{ "2026-01-01T00:00:00", -1 },
		{ "2026-01-01", -1 },
		{ "2026-01-01T00:00:00Zz", -1 },
		{ "2026-01-01T00:00:00.Z", -1 },
		{ "2026-01-01 00:00:00Z", -1 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "1970-01-01T00:00:00+01:00", -1 },
		{ "2200-01-01T00:00:00Z", -1 },
		{ "1767225600", NOW },
		{ "1767225600.25", NOW + NS_PER_S / 4 },
		{ "0", 0 },
		{ "7258118400", -1 },
		{ "99999999999999999999", -1 },
		{ "1767225600.", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ " 1", -1 },
		{ "24h", NOW - 24 * 3600 * NS_PER_S },
		{ "15m", NOW - 900 * NS_PER_S },
		{ "7d", NOW - 7 * 86400 * NS_PER_S },
		{ "99999d", 0 }, /* before 1970: as far back as there is */
		{ "0h", -1 },
		{ "1w", -1 },
		{ "", -1 },
		{ "yesterday", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wall out = { 42 };
		int r = when_parse(rows[i].text, (struct wall){ NOW }, &out);

		if (r != (rows[i].want < 0 ? -EINVAL : 0) ||
		    out.ns != (rows[i].want < 0 ? 42 : rows[i].want))
			fail_msg("%s: %d, %lld", rows[i].text, r, (long long)out.ns);
	}
}

/* Every day of the range, and what wall_format() makes of it. */
static void
test_days(void **state)
{
	(void)state;
	for (time_t t = 0; t < INT64_C(7258118400); t += 86400 + 3661) {
		char text[WALL_TEXT_MAX];
		struct wall in = { t * NS_PER_S + 7 * NS_PER_MS }, out;

		wall_format(in, text);
		if (when_parse(text, in, &out) < 0 || out.ns != in.ns)
			fail_msg("%s", text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
