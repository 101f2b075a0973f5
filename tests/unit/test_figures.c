/* SPDX-License-Identifier: MIT */
/*
 * The matrix as bytes: random rows there and back, and as the optimizer takes them;
 * bytes that were cut or bent are refused or are rows that could be.
 * links: optimizer/measure_rows.c optimizer/measure_json.c
 */
#include "common/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/measure_rows.h"
#include "tests/unit/random_report.h"

#define NODES 5
#define ROWS  (NODES * NODES)
#define BYTES 200000

static struct mesh_node nodes[NODES];
static struct mesh mesh = { .name = "m", .nodes = nodes, .n_nodes = NODES };
static uint8_t bytes[BYTES];
static struct figures_row rows[ROWS];

static void
make_row(struct seed *seed, struct figures_row *f, size_t src, size_t dst)
{
	struct report_row *row = &f->row;
	uint32_t n = seed_below(seed, 7);
	int64_t rtt[6];

	*f = (struct figures_row){ .src = src, .dst = dst };
	f->age_ms = (int64_t)seed_below(seed, 100000) - 50000;
	row->path = (enum path)seed_below(seed, PATH_COUNT);
	row->sent = seed_below(seed, 8) ? 6 : UINT32_MAX;
	row->lost = row->sent - n;
	for (uint32_t i = 0; i < n; i++)
		rtt[i] = (int64_t)(1 + seed_below(seed, 50000)) * NS_PER_US * 1000;
	row_of_samples(row, rtt, n);
}

/* Random rows into rows and bytes; how many bytes. */
static size_t
make(struct seed *seed, size_t *n_rows)
{
	size_t at = figures_put_head(&mesh, bytes, sizeof(bytes)), n, k = 0;

	assert_in_range(at, 1, FIGURES_HEAD_BYTES(NODES));
	assert_int_equal(figures_put_head(&mesh, bytes, at - 1), 0);
	for (size_t src = 0; src < NODES; src++) {
		for (size_t dst = 0; dst < NODES; dst++) {
			if (seed_below(seed, 2))
				continue;
			make_row(seed, &rows[k], src, dst);
			n = figures_put_row(&rows[k++], bytes + at, FIGURES_ROW_BYTES);
			assert_true(n > 0);
			assert_int_equal(figures_put_row(&rows[k - 1], bytes + at,
					     n - 1),
			    0);
			n = figures_put_row(&rows[k - 1], bytes + at, n);
			at += n;
		}
		bytes[at++] = FIGURES_END;
	}
	*n_rows = k;
	return at;
}

static void
check_measure(size_t len, size_t n_rows)
{
	struct measure *m = NULL;
	struct err err = { "" };

	assert_int_equal(measure_rows_decode((char *)bytes, len, &m, &err), 0);
	assert_string_equal(m->mesh, "m");
	assert_int_equal(m->n_rows, n_rows);
	for (size_t i = 0; i < n_rows; i++) {
		const struct report_row *want = &rows[i].row;
		const struct measure_row *got = &m->rows[i];

		assert_string_equal(got->src, nodes[rows[i].src].name);
		assert_string_equal(got->dst, nodes[rows[i].dst].name);
		assert_int_equal(got->path, want->path);
		assert_int_equal(got->p50_us, report_quantile_us(want, 0.5));
		assert_int_equal(got->p95_us, report_quantile_us(want, 0.95));
		assert_int_equal(got->max_us,
		    want->rtt.n ? (int32_t)want->max_us : MEASURE_UNKNOWN);
		assert_int_equal(got->rtt.n, want->rtt.n);
	}
	measure_free(m);
}

static void
comes_back(void **state)
{
	struct seed seed = seed_new(__func__);

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct figures f = { 0 };
		struct err err = { "" };
		size_t n_rows, len = make(&seed, &n_rows), i = 0;
		int r = figures_start(&f, bytes, len, &err);

		while (r >= 0 && (r = figures_next(&f, &err)) > 0) {
			const struct figures_row *want = &rows[i++];

			assert_int_equal(f.row.src, want->src);
			assert_int_equal(f.row.dst, want->dst);
			assert_int_equal(f.row.age_ms, want->age_ms);
			assert_true(row_equal(&f.row.row, &want->row));
		}
		assert_int_equal(r, 0);
		assert_int_equal(i, n_rows);
		figures_fini(&f);
		check_measure(len, n_rows);
		for (i = 0; i < n_rows; i++)
			sketch_fini(&rows[i].row.rtt);
	}
}

/* In memory of its own length; how it ended. */
static int
judge(size_t len)
{
	uint8_t *exact = mem_array(len, 1);
	struct figures f = { 0 };
	struct err err = { "" };
	int r;

	memcpy(exact, bytes, len);
	r = figures_start(&f, exact, len, &err);
	while (r >= 0 && (r = figures_next(&f, &err)) > 0) {
		assert_true(f.row.src < f.n_names && f.row.dst < f.n_names);
		assert_true(f.row.row.lost <= f.row.row.sent);
		assert_true(f.row.row.max_us <= REPORT_RTT_MAX_US);
	}
	assert_int_equal(r < 0, err.text[0] != '\0');
	figures_fini(&f);
	free(exact);
	return r;
}

static void
refuses_what_is_cut_or_bent(void **state)
{
	struct seed seed = seed_new(__func__);
	size_t n_rows, len = make(&seed, &n_rows);

	(void)state;
	assert_int_equal(judge(len), 0);
	for (size_t cut = 0; cut < len; cut++)
		assert_true(judge(cut) < 0);
	bytes[len] = 0;
	assert_true(judge(len + 1) < 0);
	for (int round = 0; round < 20000; round++) {
		size_t at = seed_below(&seed, (uint32_t)len);
		uint8_t was = bytes[at];

		bytes[at] = (uint8_t)seed_next(&seed);
		(void)judge(len); /* either is right */
		bytes[at] = was;
	}
	for (size_t i = 0; i < n_rows; i++)
		sketch_fini(&rows[i].row.rtt);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(refuses_what_is_cut_or_bent),
	};

	for (size_t i = 0; i < NODES; i++)
		nodes[i].name[0] = (char)('a' + i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
