/* SPDX-License-Identifier: MIT */
/*
 * The test of a path on a clock that is turned by hand: what it asks for, when, and
 * every way in which it says no.
 *
 * links: optimizer/apply/pair.c
 */
#include "optimizer/apply/pair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct pair_opts opts = { .name = "nrt",
	.promise_us = 49000,
	.full_bytes = 1372 };

static struct mono
at(int64_t ms)
{
	return (struct mono){ 5 * NS_PER_S + ms * NS_PER_MS };
}

static struct pair
begun(void)
{
	struct pair p;

	pair_begin(&p, &opts, at(100));
	assert_int_equal(p.phase, PAIR_PROBING);
	assert_int_equal(pair_next(&p, at(99)), PAIR_WAIT);
	return p;
}

/* What comes of the probes: how many of each size are answered, and how fast. */
struct path {
	unsigned small, full;
	int64_t rtt_us[PAIR_PROBES]; /* 0 = as the first */
	int send_rc[PAIR_SIZES];
};

/* Send all probes on time, then tell their fate. */
static void
probe(struct pair *p, const struct path *path)
{
	unsigned sent[PAIR_SIZES] = { 0 };
	int64_t ms = 100;

	for (int i = 0; i < 2 * PAIR_PROBES; i++, ms += 100) {
		enum pair_act act = pair_next(p, at(ms));
		enum pair_size size = act == PAIR_PROBE_FULL ? PAIR_FULL : PAIR_SMALL;

		assert_true(act == PAIR_PROBE_SMALL || act == PAIR_PROBE_FULL);
		sent[size]++;
		pair_sent(p, size, path->send_rc[size], at(ms));
		/* Not a moment earlier than the interval. */
		assert_int_equal(pair_next(p, at(ms + 99)), PAIR_WAIT);
		if (i < 2 * PAIR_PROBES - 1)
			assert_int_equal(pair_wake(p).ns, at(ms + 100).ns);
	}
	assert_int_equal(sent[PAIR_SMALL], PAIR_PROBES);
	assert_int_equal(sent[PAIR_FULL], PAIR_PROBES);
	for (unsigned i = 0; i < PAIR_PROBES; i++) {
		int64_t us = path->rtt_us[i] ? path->rtt_us[i] : path->rtt_us[0];

		if (path->send_rc[PAIR_SMALL] == 0 && i < path->small)
			pair_answered(p, PAIR_SMALL, us);
		else if (path->send_rc[PAIR_SMALL] == 0)
			pair_lost(p, PAIR_SMALL);
		if (path->send_rc[PAIR_FULL] == 0 && i < path->full)
			pair_answered(p, PAIR_FULL, us);
		else if (path->send_rc[PAIR_FULL] == 0)
			pair_lost(p, PAIR_FULL);
	}
}

static void
a_good_tunnel_is_verified(void **unused)
{
	static const struct path good = { 10, 10, { 49100 }, { 0, 0 } };
	struct pair p = begun();

	(void)unused;
	assert_int_equal(pair_wake(&p).ns, at(100).ns);
	probe(&p, &good);
	assert_int_equal(pair_next(&p, at(2200)), PAIR_WAIT);
	assert_int_equal(p.phase, PAIR_VERIFIED);
	assert_int_equal(pair_median_us(&p), 49100);
	assert_int_equal(pair_wake(&p).ns, INT64_MAX);
}

static void
a_path_is_judged(void **unused)
{
	static const struct {
		const char *name;
		struct path path;
		int64_t promise_us;
		const char *want; /* NULL: verified */
	} rows[] = {
		{ "at the limit", { 10, 10, { 60800 }, { 0, 0 } }, 49000, NULL },
		{ "above it", { 10, 10, { 60801 }, { 0, 0 } }, 49000,
		    "nrt: 60.8 ms in the tunnel, but the plan promised 49.0 ms (limit "
		    "60.8" },
		{ "far above it", { 10, 10, { 270600 }, { 0, 0 } }, 49000,
		    "nrt: 270.6 ms in the tunnel" },
		{ "better than promised", { 10, 10, { 12000 }, { 0, 0 } }, 49000,
		    NULL },
		{ "a short path has slack", { 10, 10, { 2900 }, { 0, 0 } }, 1000,
		    NULL },
		{ "no promise", { 10, 10, { 900000 }, { 0, 0 } }, -1, NULL },
		/* The first of a session that must be renewed waits for it. */
		{ "one slow probe",
		    { 10, 10,
			{ 400000, 49000, 49000, 49000, 49000, 49000, 49000, 49000,
			    49000, 49000 },
			{ 0, 0 } },
		    49000, NULL },
		{ "one small lost", { 9, 10, { 49000 }, { 0, 0 } }, 49000,
		    "nrt: 9 of 10 probes in the tunnel were answered" },
		{ "all lost", { 0, 0, { 49000 }, { 0, 0 } }, 49000,
		    "nrt: 0 of 10 probes" },
		{ "MTU black hole", { 10, 0, { 49000 }, { 0, 0 } }, 49000,
		    "nrt: 0 of 10 full-size probes (1372 bytes) were answered" },
		{ "one full lost", { 10, 9, { 49000 }, { 0, 0 } }, 49000,
		    "nrt: 9 of 10 full-size probes (1372 bytes) were answered: the "
		    "path "
		    "loses packets" },
		{ "does not fit", { 10, 10, { 49000 }, { 0, -EMSGSIZE } }, 49000,
		    "nrt: 0 of 10 full-size probes" },
		{ "no peer has it", { 10, 10, { 49000 }, { -ENOKEY, -ENOKEY } }, 49000,
		    "nrt: sending into the tunnel: Required key not available" },
		{ "clock stepped", { 10, 10, { -1 }, { 0, 0 } }, 49000,
		    "nrt: the clock was stepped" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = begun();

		p.opts.promise_us = rows[i].promise_us;
		probe(&p, &rows[i].path);
		(void)pair_next(&p, at(2200));
		print_message("%s: %d %s\n", rows[i].name, (int)p.phase, p.why.text);
		if (rows[i].want) {
			assert_int_equal(p.phase, PAIR_FAILED);
			assert_non_null(strstr(p.why.text, rows[i].want));
		} else {
			assert_int_equal(p.phase, PAIR_VERIFIED);
		}
	}
}

static void
a_silent_prober_does_not_hang_it(void **unused)
{
	struct pair p = begun();

	(void)unused;
	for (int i = 0; i < 2 * PAIR_PROBES; i++) {
		enum pair_act act = pair_next(&p, at(100 + i * 100));

		pair_sent(&p, act == PAIR_PROBE_FULL ? PAIR_FULL : PAIR_SMALL, 0,
		    at(100 + i * 100));
	}
	assert_int_equal(pair_next(&p, at(4999)), PAIR_WAIT);
	assert_int_equal(pair_wake(&p).ns, at(5000).ns);
	assert_int_equal(pair_next(&p, at(5000)), PAIR_WAIT);
	assert_int_equal(p.phase, PAIR_FAILED);
}

static void
late_news_change_nothing(void **unused)
{
	static const struct path bad = { 9, 10, { 49000 }, { 0, 0 } };
	struct pair p = begun();

	(void)unused;
	probe(&p, &bad);
	assert_int_equal(pair_next(&p, at(3000)), PAIR_WAIT);
	pair_answered(&p, PAIR_SMALL, 49000);
	pair_lost(&p, PAIR_FULL);
	assert_int_equal(p.phase, PAIR_FAILED);
	assert_int_equal(p.count[PAIR_SMALL].answered, 9);
	assert_int_equal(p.count[PAIR_FULL].lost, 0);
	assert_int_equal(pair_next(&p, at(3100)), PAIR_WAIT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_tunnel_is_verified),
		cmocka_unit_test(a_path_is_judged),
		cmocka_unit_test(a_silent_prober_does_not_hang_it),
		cmocka_unit_test(late_news_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
