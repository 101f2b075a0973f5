/* SPDX-License-Identifier: MIT */
/*
 * Which method's row a report has.
 *
 * links: prober/method.c
 */
#include "prober/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/seed.h"

static void
policed_is_loss_of_icmp_alone(void **state)
{
	static const struct {
		const char *name;
		uint32_t icmp_sent, icmp_lost, stamp_sent, stamp_lost;
		bool want;
	} rows[] = {
		{ "none lost", 10, 0, 10, 0, false },
		{ "all of ICMP", 10, 10, 10, 0, true },
		{ "both dead", 10, 10, 10, 10, false },
		{ "two of ten may be chance", 10, 2, 10, 0, false },
		{ "three are not", 10, 3, 10, 0, true },
		{ "a lossy path", 10, 4, 10, 2, false },
		{ "policed on a lossy path", 100, 90, 100, 10, true },
		{ "four times is not more than four times", 100, 40, 100, 10, false },
		{ "STAMP was not sent", 10, 10, 0, 0, false },
		{ "blocked STAMP", 10, 0, 10, 10, false },
		{ "large counts", UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report_row icmp = { .sent = rows[i].icmp_sent,
			.lost = rows[i].icmp_lost };
		struct report_row stamp = { .sent = rows[i].stamp_sent,
			.lost = rows[i].stamp_lost };

		if (method_is_policed(&icmp, &stamp) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

static void
add(struct report *r, const char *peer, enum path path, uint32_t lost, int64_t rtt_ns)
{
	struct report_row *row = report_add(r);

	memcpy(row->peer, peer, strlen(peer) + 1);
	row->path = path;
	row->sent = 10;
	row->lost = lost;
	row->min_us = row->max_us = row->mean_us = (uint32_t)(rtt_ns / NS_PER_US);
	sketch_add(&row->rtt, rtt_ns, 10 - lost);
}

struct calls {
	int n, policed;
};

static void
on_both(const struct report_row *icmp, bool policed, void *ctx)
{
	struct calls *c = ctx;

	assert_int_equal(icmp->sent, 10);
	c->n++;
	c->policed += policed;
}

static void
rows_are_merged(void **state)
{
	struct report r = { .node = "a",
		.start = { NS_PER_S },
		.length_ms = 10000,
		.stamp = STAMP_KERNEL,
		.spoofed = 1,
		.local_drop = 2 };
	struct report s = { .stamp = STAMP_KERNEL_RX, .spoofed = 10, .local_drop = 20 };
	struct calls calls = { 0 };
	struct err err = { "" };

	(void)state;
	add(&r, "b", PATH_HUB, 0, 5000000);    /* both are well: ICMP's */
	add(&r, "b", PATH_PUBLIC, 8, 5000000); /* policed: STAMP's */
	add(&r, "c", PATH_HUB, 1, 5000000);    /* ICMP only */
	add(&s, "b", PATH_HUB, 0, 7000000);
	add(&s, "b", PATH_PUBLIC, 0, 7000000);
	add(&s, "d", PATH_HUB, 0, 7000000); /* STAMP only */
	method_merge(&r, &s, on_both, &calls);
	assert_int_equal(r.n_rows, 4);
	assert_int_equal(r.rows[0].mean_us, 5000);
	assert_int_equal(r.rows[1].mean_us, 7000);
	assert_int_equal(r.rows[1].lost, 0);
	assert_int_equal(r.rows[2].mean_us, 5000);
	assert_string_equal(r.rows[3].peer, "d");
	assert_int_equal(r.stamp, STAMP_KERNEL_RX);
	assert_int_equal(r.spoofed, 11);
	assert_int_equal(r.local_drop, 22);
	assert_int_equal(calls.n, 2);
	assert_int_equal(calls.policed, 1);
	assert_int_equal(s.n_rows, 0);
	if (report_check(&r, &err) < 0)
		fail_msg("%s", err.text);
	report_fini(&r);
}

/* Each (peer, path) that either had is there once, and nothing else. */
static void
random_rows_are_merged(void **state)
{
	struct seed seed = seed_new("random_rows_are_merged");

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct report r = { .stamp = STAMP_KERNEL }, s = r;
		struct calls calls = { 0 };
		size_t want = 0, both = 0;
		char name[16];

		for (uint32_t i = 0; i < 60; i++) {
			uint32_t in = seed_below(&seed, 4);

			(void)snprintf(name, sizeof(name), "n%u", i / 3);
			want += in != 0;
			both += in == 3;
			if (in & 1)
				add(&r, name, i % 3, seed_below(&seed, 11), 5000000);
			if (in & 2)
				add(&s, name, i % 3, seed_below(&seed, 11), 7000000);
		}
		method_merge(&r, &s, on_both, &calls);
		assert_int_equal(r.n_rows, want);
		assert_int_equal(calls.n, both);
		for (size_t i = 0; i < r.n_rows; i++)
			for (size_t j = 0; j < i; j++)
				assert_false(
				    r.rows[i].path == r.rows[j].path &&
				    strcmp(r.rows[i].peer, r.rows[j].peer) == 0);
		report_fini(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policed_is_loss_of_icmp_alone),
		cmocka_unit_test(rows_are_merged),
		cmocka_unit_test(random_rows_are_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
