/* SPDX-License-Identifier: MIT */
/*
 * From the collector's rows, or a file's cells, to the evidence behind a pair.
 * links: optimizer/gather.c optimizer/measure_index.c optimizer/measure_json.c
 * links: optimizer/decide/evidence.c optimizer/decide/instance.c
 * links: optimizer/decide/matrix.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/gather.h"

static size_t
node_of(const char *name)
{
	return *name == 'h' ? 0 : (size_t)(*name - 'x') + 1;
}

/* h is the hub; x and y talk. */
static void
make_input(struct input *in, const char *rows)
{
	static const char *const names[] = { "h", "x", "y" };
	struct err err = { "" };
	char text[4096];

	memset(in, 0, sizeof(*in));
	in->instance = mem_alloc(sizeof(*in->instance));
	in->instance->n_nodes = 3;
	in->instance->nodes = mem_array(3, sizeof(struct node));
	for (size_t i = 0; i < 3; i++)
		memcpy(in->instance->nodes[i].name, names[i], 2);
	for (enum path p = 0; p < PATH_COUNT; p++)
		in->by_path[p] = matrix_new(3);
	if (!rows)
		return;
	(void)snprintf(text, sizeof(text), "{\"mesh\": \"m\", \"rows\": [%s]}", rows);
	if (measure_from_json(text, strlen(text), &in->measure, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < in->measure->n_rows; i++) {
		const struct measure_row *row = &in->measure->rows[i];

		*matrix_cell(in->by_path[row->path], node_of(row->src),
		    node_of(row->dst)) = row->p50_us;
	}
}

static void
free_input(struct input *in)
{
	measure_free(in->measure);
	instance_free(in->instance);
	for (enum path p = 0; p < PATH_COUNT; p++)
		matrix_free(in->by_path[p]);
}

static struct evidence_pair
gathered(const struct input *in)
{
	struct gather *g = gather_new(in, 90);
	struct pair p = { .a = 1, .b = 2 };
	struct evidence_pair e = gather_pair(g, &p);

	gather_free(g);
	return e;
}

#define ROW(src, dst, path, sent, lost, p50, age)                         \
	"{\"src\":\"" src "\",\"dst\":\"" dst "\",\"path\":\"" path       \
	"\",\"sent\":" #sent ",\"lost\":" #lost ",\"min_ms\":" #p50       \
	".0,\"p50_ms\":" #p50 ".5,\"p95_ms\":" #p50 ".9,\"max_ms\":" #p50 \
	".9,\"age_s\":" #age "}"

static void
legs_and_public_addresses(void **state)
{
	struct evidence_pair e;
	struct input in;

	(void)state;
	make_input(&in, ROW("x", "h", "hub", 100, 10, 50, 3) "," ROW("h", "x", "hub",
			    100, 10, 50, 4) "," ROW("y", "h", "public", 40, 0, 80,
			    9) "," ROW("y", "x", "public", 20, 2, 30, 5));
	assert_int_equal(gather_samples_min(&in), 30);
	e = gathered(&in);
	assert_int_equal(e.hub_from, EVIDENCE_LEGS);
	assert_int_equal(e.leg_a.n, 180); /* both directions */
	assert_int_equal(e.leg_b.n, 40);
	assert_int_equal(e.hub.n, 40); /* as sure as its weaker leg */
	assert_int_equal(e.hub.mid_us, 131000);
	assert_true(e.hub.lo_us < 131000 && e.hub.lo_us >= 130000);
	assert_true(e.hub_loss > 0.0999 && e.hub_loss < 0.1001);
	assert_int_equal(e.direct_from, EVIDENCE_PUBLIC);
	assert_int_equal(e.direct.n, 18);
	assert_true(e.direct.hi_us > 30500 && e.direct.hi_us <= 30900);
	assert_true(e.direct_loss > 0.0999 && e.direct_loss < 0.1001);
	assert_true(e.age_s == 9);
	assert_int_equal(evidence_missing(&e, 30), 12);
	free_input(&in);
}

static void
own_figures_come_first(void **state)
{
	struct evidence_pair e;
	struct input in;

	(void)state;
	make_input(&in,
	    ROW("x", "h", "hub", 100, 0, 50, 3) "," ROW("y", "h", "hub", 100, 0, 50,
		3) "," ROW("x", "y", "hub", 60, 0, 99, 1) "," ROW("x", "y", "public",
		60, 0, 30, 2) "," ROW("x", "y", "direct", 50, 0, 33, 2));
	e = gathered(&in);
	assert_int_equal(e.hub_from, EVIDENCE_OVERLAY);
	assert_int_equal(e.hub.mid_us, 99500);
	assert_int_equal(e.direct_from, EVIDENCE_TUNNEL);
	assert_int_equal(e.direct.n, 50);
	free_input(&in);
	make_input(&in, ROW("x", "h", "hub", 100, 0, 50, 3));
	e = gathered(&in);
	assert_int_equal(e.hub_from, EVIDENCE_NONE);
	assert_int_equal(e.direct_from, EVIDENCE_NONE);
	assert_int_equal(e.hub.n, 0);
	assert_true(e.hub_loss < 0 && e.direct_loss < 0);
	free_input(&in);
}

static void
a_sketch_beats_a_summary(void **state)
{
	struct evidence_pair e;
	struct input in;

	(void)state;
	/* 40 of 100 samples around 1 ms, 60 around 1.04: all limits lie there. */
	make_input(&in,
	    "{\"src\":\"x\",\"dst\":\"y\",\"path\":\"public\",\"sent\":100,\"lost\":0,"
	    "\"min_ms\":0.5,\"p50_ms\":1.03,\"p95_ms\":9.0,\"max_ms\":10.0,"
	    "\"age_s\":1,\"sketch\":[319,40,321,60]}");
	e = gathered(&in);
	assert_int_equal(e.direct.n, 100);
	assert_in_range(e.direct.lo_us, 1000, 1060);
	assert_in_range(e.direct.hi_us, 1000, 1080);
	free_input(&in);
}

static void
bad_sketches_are_refused(void **state)
{
	static const char *const sketches[] = { "{}", "[1]", "[1,0]", "[2,1,1,1]",
		"[1,1,1,1]", "[848,1]", "[-1,1]", "[1,1.5]", "[1,4294967296]",
		"\"x\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(sketches) / sizeof(sketches[0]); i++) {
		struct measure *m;
		struct err err;
		char text[512];

		(void)snprintf(text, sizeof(text),
		    "{\"mesh\":\"m\",\"rows\":[{\"src\":\"x\",\"dst\":\"y\","
		    "\"path\":\"hub\",\"sent\":1,\"lost\":0,\"age_s\":1,"
		    "\"sketch\":%s}]}",
		    sketches[i]);
		if (measure_from_json(text, strlen(text), &m, &err) == 0)
			fail_msg("%s was taken", sketches[i]);
		assert_null(m);
		assert_non_null(strstr(err.text, "row 0"));
	}
}

static void
a_file_speaks_for_itself(void **state)
{
	struct evidence_pair e;
	struct input in;

	(void)state;
	make_input(&in, NULL);
	*matrix_cell(in.by_path[PATH_PUBLIC], 1, 0) = 10000;
	*matrix_cell(in.by_path[PATH_PUBLIC], 0, 1) = 12000;
	*matrix_cell(in.by_path[PATH_PUBLIC], 2, 0) = 20000;
	*matrix_cell(in.by_path[PATH_PUBLIC], 1, 2) = 5000;
	assert_int_equal(gather_samples_min(&in), 1);
	e = gathered(&in);
	assert_int_equal(e.hub.lo_us, 31000);
	assert_int_equal(e.hub.hi_us, 31000);
	assert_int_equal(e.hub.n, 1);
	assert_int_equal(e.direct.hi_us, 5000);
	assert_true(e.age_s < 0);
	free_input(&in);
}

static void
tunnels_stand_at_their_upper_limit(void **state)
{
	struct evidence_opts how = { 90, 30, 0 };
	struct gather *g;
	struct input in;

	(void)state;
	make_input(&in, ROW("x", "y", "public", 100, 50, 30, 1));
	in.instance->tunnels = mem_array(1, sizeof(struct tunnel));
	in.instance->n_tunnels = 1;
	in.instance->tunnels[0] = (struct tunnel){ .a = 1, .b = 2, .direct_us = 30500 };
	g = gather_new(&in, 90);
	gather_tunnels(g, &how, in.instance);
	assert_in_range(in.instance->tunnels[0].direct_us, 30501, 30900);
	assert_false(in.instance->tunnels[0].denied);
	how = (struct evidence_opts){ 90, 51, 2 };
	in.instance->tunnels[0].direct_us = 30500;
	gather_tunnels(g, &how, in.instance);
	assert_true(in.instance->tunnels[0].denied); /* 50 answers are too few */
	/* Half of two packets wait 200 ms each. */
	assert_in_range(in.instance->tunnels[0].direct_us, 230501, 230900);
	gather_free(g);
	free_input(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legs_and_public_addresses),
		cmocka_unit_test(own_figures_come_first),
		cmocka_unit_test(a_sketch_beats_a_summary),
		cmocka_unit_test(bad_sketches_are_refused),
		cmocka_unit_test(a_file_speaks_for_itself),
		cmocka_unit_test(tunnels_stand_at_their_upper_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
