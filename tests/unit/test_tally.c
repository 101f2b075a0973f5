/* SPDX-License-Identifier: MIT */
/*
 * Sums over stored reports against the sums of the plain codec: random reports of
 * random lengths, added as bodies here and merged row by row there.
 * links: collector/tally.c collector/roster.c
 */
#include "collector/tally.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/random_report.h"

#define NODES	7
#define REPORTS 400
#define T0	(INT64_C(1767225600) * NS_PER_S)

static struct mesh_node nodes[NODES];
static struct mesh mesh = { .nodes = nodes, .n_nodes = NODES };
static struct roster roster;
static struct seed seed;

struct truth {
	uint64_t sent, lost, samples, rtt_us;
	uint32_t min_us, max_us;
	struct sketch rtt;
	int64_t end_ns;
};

static struct truth truth[NODES][NODES][PATH_COUNT];

static void
remember(const struct report *r, size_t src)
{
	for (size_t i = 0; i < r->n_rows; i++) {
		const struct report_row *row = &r->rows[i];
		size_t dst = roster_find(&roster, row->peer);
		uint64_t n = sketch_count(&row->rtt);
		int64_t end = r->start.ns + r->length_ms * NS_PER_MS;
		struct truth *t;

		if (dst == SIZE_MAX)
			continue;
		t = &truth[src][dst][row->path];
		t->sent += row->sent;
		t->lost += row->lost;
		t->end_ns = end > t->end_ns ? end : t->end_ns;
		if (!n)
			continue;
		if (!t->samples || row->min_us < t->min_us)
			t->min_us = row->min_us;
		if (!t->samples || row->max_us > t->max_us)
			t->max_us = row->max_us;
		t->samples += n;
		t->rtt_us += n * row->mean_us;
		sketch_merge(&t->rtt, &row->rtt);
	}
}

/* In the order of names or backwards, with peers left out and one from elsewhere. */
static struct report
make(size_t src, int at)
{
	struct report r = { .boot = 1, .seq = (uint64_t)at };
	bool backwards = seed_below(&seed, 8) == 0;

	(void)strcpy(r.node, nodes[src].name);
	r.length_ms = seed_below(&seed, 2) ? 10000 : 300000;
	r.start.ns = T0 + at * 10 * NS_PER_S;
	for (size_t k = 0; k <= NODES; k++) {
		size_t i = backwards ? NODES - k : k;
		const char *peer =
		    i < NODES ? nodes[roster.by_name[i]].name : "zzz-elsewhere";

		if (strcmp(peer, r.node) == 0 || seed_below(&seed, 3) == 0)
			continue;
		for (unsigned p = 0; p < PATH_COUNT; p++) {
			int64_t rtt[6];
			uint32_t n = seed_below(&seed, 7);
			struct report_row *row;

			if (seed_below(&seed, 3) == 0)
				continue;
			row = report_add(&r);
			(void)strcpy(row->peer, peer);
			row->path = (enum path)p;
			row->sent = 6;
			row->lost = 6 - n;
			for (uint32_t s = 0; s < n; s++)
				rtt[s] =
				    (int64_t)(1 + seed_below(&seed, seed_below(&seed, 9)
									? 60
									: 50000)) *
				    NS_PER_MS;
			row_of_samples(row, rtt, n);
		}
	}
	return r;
}

static void
compare(const struct tally *t, const struct matrix_key *key)
{
	const struct truth *want = &truth[key->src][key->dst][key->path];
	struct report_row row = { 0 };
	struct wall last;

	assert_int_equal(tally_get(t, key, &row, &last), want->sent > 0);
	if (want->sent) {
		assert_int_equal(row.sent, want->sent);
		assert_int_equal(row.lost, want->lost);
		assert_int_equal(last.ns, want->end_ns);
	}
	if (want->samples) {
		assert_int_equal(row.min_us, want->min_us);
		assert_int_equal(row.max_us, want->max_us);
		assert_int_equal(row.mean_us, want->rtt_us / want->samples);
		assert_int_equal(row.rtt.n, want->rtt.n);
		for (size_t i = 0; i < row.rtt.n; i++) {
			assert_int_equal(row.rtt.buckets[i].index,
			    want->rtt.buckets[i].index);
			assert_int_equal(row.rtt.buckets[i].count,
			    want->rtt.buckets[i].count);
		}
	}
	sketch_fini(&row.rtt);
}

static void
test_sums(void **state)
{
	const struct tally_opts opts = { &roster, 2, NODES - 2, 7 };
	struct tally *t = tally_new(&opts);
	static uint8_t body[REPORT_BYTES_MAX];

	(void)state;
	for (int i = 0; i < REPORTS; i++) {
		size_t src = 2 + seed_below(&seed, NODES - 2);
		struct report r = make(src, i);
		size_t n = report_encode(&r, body, sizeof(body));

		assert_true(n > 0);
		remember(&r, src);
		assert_int_equal(tally_add(t, src, body, n), 0);
		report_fini(&r);
	}
	for (size_t src = 2; src < NODES; src++)
		for (size_t i = 0; i < NODES * PATH_COUNT; i++)
			compare(t, &(struct matrix_key){ src, i / PATH_COUNT,
				       (enum path)(i % PATH_COUNT) });
	tally_free(t);
	for (size_t i = 0; i < NODES * NODES * PATH_COUNT; i++)
		sketch_fini(&(&truth[0][0][0])[i].rtt);
}

/* A path that is not wanted, and bytes that are no report. */
static void
test_edges(void **state)
{
	const struct tally_opts opts = { &roster, 0, 1, 1u << PATH_PUBLIC };
	struct tally *t = tally_new(&opts);
	struct report r = { .boot = 1, .length_ms = 10000, .start.ns = T0 };
	struct report_row *row = report_add(&r), got = { 0 };
	const struct matrix_key key = { 0, 1, PATH_HUB };
	static uint8_t body[4096];
	struct wall last;
	size_t n;

	(void)state;
	(void)strcpy(r.node, nodes[0].name);
	(void)strcpy(row->peer, nodes[1].name);
	row->sent = row->lost = 3;
	n = report_encode(&r, body, sizeof(body));
	assert_int_equal(tally_add(t, 0, body, n), 0);
	assert_false(tally_get(t, &key, &got, &last));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tally_add(t, 0, body, i), -EBADMSG);
	body[n] = 0;
	assert_int_equal(tally_add(t, 0, body, n + 1), -EBADMSG);
	report_fini(&r);
	sketch_fini(&got.rtt);
	tally_free(t);
	tally_free(NULL);
}

static int
setup(void **state)
{
	static const char *const names[NODES] = { "m", "c", "x", "a", "k", "b", "t" };

	(void)state;
	for (size_t i = 0; i < NODES; i++)
		(void)strcpy(nodes[i].name, names[i]);
	roster_init(&roster, &mesh);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	roster_fini(&roster);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_edges),
	};

	seed = seed_new("tally");
	return cmocka_run_group_tests(tests, setup, teardown);
}
