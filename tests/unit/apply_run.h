/* SPDX-License-Identifier: MIT */
/*
 * Whole runs of apply on hkg, in a fake world that set_up() makes sound.
 */
#ifndef TESTS_UNIT_APPLY_RUN_H
#define TESTS_UNIT_APPLY_RUN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/log.h"
#include "optimizer/apply/run.h"
#include "tests/fakes/air.h"
#include "tests/fakes/kernel.h"
#include "tests/unit/apply_world.h"

static struct mesh *mesh;
static struct kernel *kernel;
static struct run_result result;
static struct err err;

static inline int
set_up(void **unused)
{
	(void)unused;
	log_init("test_apply", false);
	mesh = world_mesh();
	fake_reset(&mesh->nodes[mesh_find(mesh, "hkg")].key, "10.50.0.0/16");
	memset(&air, 0, sizeof(air));
	air.rtt_ns = 49200 * NS_PER_US;
	err.text[0] = '\0';
	return kernel_open("wgd0", &kernel, NULL);
}

static inline int
tear_down(void **unused)
{
	(void)unused;
	run_result_fini(&result);
	kernel_close(kernel);
	mesh_free(mesh);
	fake_fini();
	return 0;
}

static inline int
run(const char *plan, bool yes)
{
	struct goals goals = world_goals(mesh, plan);
	struct run_opts opts = { .yes = yes, .wait_ns = 60 * NS_PER_S };
	int rc;

	run_result_fini(&result);
	rc = run_apply(kernel, &goals, &opts, &air_io, &result, &err);
	assert_false(air.open);
	goals_fini(&goals);
	return rc;
}

static inline int
undo(bool yes)
{
	struct goals goals = { .mesh = mesh };
	struct run_opts opts = { .yes = yes };

	run_result_fini(&result);
	return run_undo(kernel, &goals, &opts, &air_io, &result, &err);
}

/* How many of our routes lie within this prefix? */
static inline size_t
ours(const char *within)
{
	struct prefix prefix;
	size_t n = 0;

	assert_int_equal(prefix_parse(within, &prefix), 0);
	for (size_t i = 0; i < fake.n_routes; i++)
		n += fake.routes[i].protocol == RTPROT_MESHOPT &&
		     fake.routes[i].ifindex == FAKE_DIRECT_IFINDEX &&
		     prefix_covers(&prefix, &fake.routes[i].dst);
	return n;
}

struct table {
	struct kernel_route routes[FAKE_MAX];
	size_t n;
};

static inline struct table
table(void)
{
	struct table t;

	memset(&t, 0, sizeof(t));
	memcpy(t.routes, fake.routes, sizeof(t.routes));
	t.n = fake.n_routes;
	return t;
}

static inline void
assert_table(const struct table *want)
{
	struct table got = table();

	assert_int_equal(got.n, want->n);
	assert_memory_equal(got.routes, want->routes, sizeof(got.routes[0]) * got.n);
}

static inline const char *
why(size_t goal)
{
	return result.pair[goal].why.text;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
