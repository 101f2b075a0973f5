/* SPDX-License-Identifier: MIT */
/*
 * A report in memory and in binary: each rule of report_check(), round trips, the
 * layout byte by byte, and input that was cut, bent or made up.
 */
#include "common/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/random_report.h"

static uint8_t buf[REPORT_BYTES_MAX];

#define OF_REPORT(field) \
	-1, offsetof(struct report, field), sizeof(((struct report *)0)->field)
#define OF_ROW(i, field) \
	i, offsetof(struct report_row, field), sizeof(((struct report_row *)0)->field)

/* One field changed in small_report(), and what is then said; NULL = still good. */
static const struct rule {
	int row; /* -1 = the report's head */
	size_t offset, size;
	uint64_t value;
	const char *want;
} rules[] = {
	{ OF_REPORT(boot), UINT64_MAX, NULL },
	{ OF_REPORT(seq), INT64_MAX, NULL },
	{ OF_REPORT(seq), 1ull << 63, "2^63" },
	{ OF_REPORT(spoofed), 1ull << 63, "2^63" },
	{ OF_REPORT(local_drop), 1ull << 63, "2^63" },
	{ OF_REPORT(start), 0, "start" },
	{ OF_REPORT(start), 1767225600000000001, "start: not whole ms" },
	{ OF_REPORT(start), (uint64_t)-1000000, "start" },
	{ OF_REPORT(length_ms), 0, "length" },
	{ OF_REPORT(length_ms), 1, NULL },
	{ OF_REPORT(length_ms), REPORT_LENGTH_MAX_MS, NULL },
	{ OF_REPORT(length_ms), REPORT_LENGTH_MAX_MS + 1, "length" },
	{ OF_REPORT(stamp), STAMP_COUNT, "stamp" },
	{ OF_REPORT(stamp), UINT32_MAX, "stamp" },
	{ OF_ROW(0, path), PATH_COUNT, "row 0 (nrt): path" },
	{ OF_ROW(1, path), PATH_DIRECT, "two rows for (nrt, direct)" },
	{ OF_ROW(0, sent), 9, NULL },
	{ OF_ROW(0, sent), 8, "more samples" },
	{ OF_ROW(0, lost), 1, NULL },
	{ OF_ROW(0, lost), 2, "more samples" },
	{ OF_ROW(1, lost), 11, "more lost than sent" },
	{ OF_ROW(1, lost), 9, NULL },  /* answered, but a clock step spoilt the RTT */
	{ OF_ROW(1, late), 11, NULL }, /* of an earlier window */
	{ OF_ROW(0, duplicate), UINT32_MAX, NULL },
	{ OF_ROW(0, reordered), UINT32_MAX, NULL },
	{ OF_ROW(1, min_us), 1, "times without a sample" },
	{ OF_ROW(1, mean_us), 1, "times without a sample" },
	{ OF_ROW(1, max_us), 1, "times without a sample" },
	{ OF_ROW(1, jitter_us), 1, "times without a sample" },
	{ OF_ROW(0, mean_us), 48999, "minimum <= mean" },
	{ OF_ROW(0, mean_us), 49000, NULL },
	{ OF_ROW(0, mean_us), 50301, "minimum <= mean" },
	{ OF_ROW(0, jitter_us), 1301, NULL },
	{ OF_ROW(0, jitter_us), 1302, "jitter" },
	{ OF_ROW(0, min_us), 48000, "minimum outside" },
	{ OF_ROW(0, max_us), 52000, "maximum outside" },
	{ OF_ROW(0, max_us), REPORT_RTT_MAX_US + 1, "60 s" },
};

static void
each_rule_is_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		struct report r = small_report(), back;
		void *at = rule->row < 0 ? (void *)&r : (void *)&r.rows[rule->row];
		struct err err = { "" };
		size_t n;
		int rc;

		memcpy((char *)at + rule->offset, &rule->value, rule->size);
		rc = report_check(&r, &err);
		if ((rc == 0) != (rule->want == NULL) ||
		    (rc < 0 && !strstr(err.text, rule->want)))
			fail_msg("rule %zu: %d, \"%s\"", i, rc, err.text);
		n = report_encode(&r, buf, sizeof(buf));
		assert_int_equal(n > 0, rc == 0);
		if (n > 0) {
			assert_int_equal(report_decode(&back, buf, n, &err), 0);
			assert_true(report_equal(&r, &back));
			report_fini(&back);
		}
		report_fini(&r);
	}
}

static void
names_are_judged(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
		{ "a", true },
		{ "a.b_c-9", true },
		{ "0", true },
		{ "a23456789012345678901234567890123456789012345678901234567890123",
		    true },
		{ "", false },
		{ "A", false },
		{ "-a", false },
		{ "a b", false },
		{ "a\n", false },
		{ "\xc3\xa4", false },
		{ "../a", false },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report r = small_report();

		(void)strcpy(r.rows[1].peer, rows[i].name);
		assert_int_equal(report_check(&r, &err) == 0, rows[i].ok);
		(void)strcpy(r.rows[1].peer, "sin");
		(void)strcpy(r.node, rows[i].name);
		assert_int_equal(report_check(&r, &err) == 0, rows[i].ok);
		(void)strcpy(r.node, "sin");
		assert_true(report_check(&r, &err) < 0);
		assert_non_null(strstr(err.text, "the node itself"));
		report_fini(&r);
	}
}

/* Not next to each other, and in either order. */
static void
no_pair_may_come_twice(void **state)
{
	struct seed seed = seed_new(__func__);
	struct err err;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct report r = random_report(&seed, 2 + seed_below(&seed, 30), true);
		uint32_t n = (uint32_t)r.n_rows, a = seed_below(&seed, n);
		uint32_t b = (a + 1 + seed_below(&seed, n - 1)) % n;
		struct report_row row = r.rows[a];

		r.rows[a] = r.rows[b];
		r.rows[b] = row;
		assert_int_equal(report_check(&r, &err), 0);
		(void)strcpy(r.rows[a].peer, r.rows[b].peer);
		r.rows[a].path = r.rows[b].path;
		assert_true(report_check(&r, &err) < 0);
		assert_non_null(strstr(err.text, "two rows"));
		report_fini(&r);
	}
}

static void
rows_have_a_limit(void **state)
{
	struct report r = small_report(), back;
	struct err err;
	size_t n;

	(void)state;
	for (unsigned i = 2; i <= REPORT_ROWS_MAX; i++) {
		struct report_row *row = report_add(&r);

		(void)snprintf(row->peer, sizeof(row->peer), "n%u", i);
		row->sent = row->lost = 1;
	}
	assert_true(report_check(&r, &err) < 0);
	assert_non_null(strstr(err.text, "rows"));
	r.n_rows--;
	n = report_encode(&r, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(report_decode(&back, buf, n, &err), 0);
	assert_true(report_equal(&r, &back));
	report_fini(&back);
	report_fini(&r);
}

static void
quantiles_are_clamped(void **state)
{
	struct report r = small_report();

	(void)state;
	assert_int_equal(report_quantile_us(&r.rows[1], 0.5), -1);
	assert_in_range(report_quantile_us(&r.rows[0], 0.5), 49000, 49000 * 1.0109);
	assert_in_range(report_quantile_us(&r.rows[0], 1), 50300 * 0.9891, 50300);
	sketch_clear(&r.rows[1].rtt);
	r.rows[1].lost = 0;
	row_of_samples(&r.rows[1], (const int64_t[]){ 123456789, 123456789 }, 2);
	assert_int_equal(report_quantile_us(&r.rows[1], 0), 123457);
	assert_int_equal(report_quantile_us(&r.rows[1], 1), 123457);
	report_fini(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_judged),
		cmocka_unit_test(names_are_judged),
		cmocka_unit_test(no_pair_may_come_twice),
		cmocka_unit_test(rows_have_a_limit),
		cmocka_unit_test(quantiles_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
