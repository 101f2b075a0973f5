/* SPDX-License-Identifier: MIT */
/*
 * From nodes and measurements to a plan: estimates, pins, states, order, JSON.
 * links: optimizer/decide/solve.c optimizer/decide/select.c
 * links: optimizer/decide/select_prices.c optimizer/decide/knapsack.c
 * links: optimizer/decide/direct.c
 * links: optimizer/decide/flow.c optimizer/decide/instance.c
 * links: optimizer/decide/matrix.c optimizer/decide/plan.c
 * links: optimizer/decide/plan_json.c
 * links: optimizer/decide/relay.c optimizer/decide/relay_plan.c
 * links: optimizer/decide/exact.c optimizer/decide/improve.c
 * links: optimizer/decide/greedy.c optimizer/decide/bundle.c
 * links: optimizer/decide/network.c optimizer/decide/model.c
 * links: optimizer/decide/dual.c optimizer/decide/dual_pass.c
 * links: optimizer/decide/dual_limits.c
 * links: optimizer/decide/dual_select.c optimizer/decide/dual_store.c
 * links: optimizer/decide/plan_json_write.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/decide/solve.h"

/* dub is the hub; fra and nrt are backends, hkg is the POP; alphabetical. */
enum { DUB, FRA, HKG, NRT, NODES };

static const char *const names[] = { "dub", "fra", "hkg", "nrt" };

static struct instance *
new_instance(void)
{
	struct instance *in = mem_alloc(sizeof(*in));

	in->n_nodes = NODES;
	in->nodes = mem_array(NODES, sizeof(*in->nodes));
	for (size_t i = 0; i < NODES; i++) {
		memcpy(in->nodes[i].name, names[i], strlen(names[i]) + 1);
		in->nodes[i].role = MESH_BACKEND;
		in->nodes[i].reachable = true;
		in->nodes[i].weight = 1;
		in->nodes[i].max_tunnels = MESH_NO_LIMIT;
	}
	in->nodes[DUB].role = MESH_HUB;
	in->nodes[HKG].role = MESH_POP;
	in->hub = DUB;
	in->budget = 5;
	memcpy(in->mesh, "test", sizeof("test"));
	return in;
}

static struct matrix *
new_matrix(void)
{
	struct matrix *m = matrix_new(NODES);

	for (size_t i = 0; i < NODES; i++)
		memcpy(m->names[i], names[i], strlen(names[i]) + 1);
	return m;
}

static void
set(struct matrix *m, size_t a, size_t b, int32_t us)
{
	*matrix_cell(m, a, b) = us;
}

/* Public RTTs of the whole quartet, in one direction only. */
static struct matrix *
public_matrix(void)
{
	struct matrix *m = new_matrix();

	set(m, DUB, FRA, 25000);
	set(m, HKG, DUB, 205000);
	set(m, DUB, NRT, 287000);
	set(m, HKG, FRA, 188000);
	set(m, HKG, NRT, 49000);
	set(m, FRA, NRT, 220000);
	return m;
}

static struct plan *
solve_ok(const struct instance *in)
{
	struct plan *plan = NULL;
	struct err err;

	assert_int_equal(solve(in, &plan, &err), 0);
	return plan;
}

static void
hub_path_is_the_sum_of_its_legs(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix();
	struct measured measured = { NULL, NULL, public };
	struct instance_opts opts = { 0 };
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	assert_int_equal(in->n_pairs, 2); /* hkg with fra and nrt */
	plan = solve_ok(in);
	assert_int_equal(plan->n_tunnels, 2);
	assert_string_equal(plan->names[plan->tunnels[0].b], "nrt");
	assert_int_equal(plan->tunnels[0].hub_us, 492000);
	assert_int_equal(plan->tunnels[0].direct_us, 49000);
	assert_int_equal(plan->tunnels[1].saves_us, 230000 - 188000);
	assert_int_equal(plan->value, 443000 + 42000);
	assert_int_equal(plan->bound, plan->value);
	assert_int_equal(plan->hub_sum, 492000 + 230000);
	plan_free(plan);
	instance_free(in);
	matrix_free(public);
}

static void
measured_hub_path_beats_the_sum(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix(), *hub = new_matrix();
	struct measured measured = { hub, NULL, public };
	struct instance_opts opts = { 0 };
	struct err err;

	(void)state;
	set(hub, HKG, NRT, 500000);
	set(hub, NRT, HKG, 510000);
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	assert_int_equal(in->pairs[1].hub_us, 505000);
	instance_free(in);
	matrix_free(public);
	matrix_free(hub);
}

static void
unknown_stays_unknown(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = new_matrix();
	struct measured measured = { NULL, NULL, public };
	struct instance_opts opts = { .all_pairs = true };
	struct plan *plan;
	struct err err;

	(void)state;
	set(public, HKG, NRT, 49000); /* no leg to the hub is known */
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	assert_int_equal(in->n_pairs, 3);
	plan = solve_ok(in);
	assert_int_equal(plan->n_tunnels, 0);
	assert_int_equal(plan->value, 0);
	assert_int_equal(plan->unmeasured, 3);
	assert_int_equal(plan->weight_sum, 0);
	assert_int_equal(plan->routes[2].us, PLAN_UNKNOWN);
	plan_free(plan);
	instance_free(in);
	matrix_free(public);
}

static void
no_endpoint_no_candidate(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix();
	struct measured measured = { NULL, NULL, public };
	struct instance_opts opts = { .all_pairs = true };
	struct plan *plan;
	struct err err;

	(void)state;
	in->nodes[FRA].reachable = in->nodes[NRT].reachable = false;
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	plan = solve_ok(in);
	assert_int_equal(plan->unreachable, 1); /* fra-nrt */
	assert_int_equal(plan->n_tunnels, 2);
	plan_free(plan);
	instance_free(in);
	matrix_free(public);
}

static void
present_tunnels_are_kept_or_dropped(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix(), *direct = new_matrix();
	struct measured measured = { NULL, direct, public };
	struct instance_opts opts = { 0 };
	struct plan *plan;
	struct err err;

	(void)state;
	set(direct, HKG, NRT, 50000);  /* beats the public figure */
	set(direct, FRA, HKG, 240000); /* slower than the hub: 230 ms */
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	plan = solve_ok(in);
	assert_int_equal(plan->n_tunnels, 2);
	assert_int_equal(plan->tunnels[0].state, PLAN_KEEP);
	assert_int_equal(plan->tunnels[0].direct_us, 50000);
	assert_int_equal(plan->tunnels[1].state, PLAN_DROP);
	assert_int_equal(plan->tunnels[1].saves_us, -10000);
	plan_free(plan);
	instance_free(in);
	matrix_free(public);
	matrix_free(direct);
}

static void
pins_count_and_can_be_too_many(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix();
	struct measured measured = { NULL, NULL, public };
	struct instance_opts opts = { 0 };
	struct plan *plan = NULL;
	struct err err;

	(void)state;
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	in->pairs[0].pin = MESH_PIN_DIRECT; /* fra-hkg, the worse one */
	in->budget = 1;
	plan = solve_ok(in);
	assert_int_equal(plan->n_tunnels, 1);
	assert_string_equal(plan->names[plan->tunnels[0].a], "fra");
	assert_int_equal(plan->value, 42000);
	assert_int_equal(plan->next_value, 443000);
	plan_free(plan);
	in->budget = 0;
	assert_true(solve(in, &plan, &err) < 0);
	assert_non_null(strstr(err.text, "pins"));
	in->budget = 2;
	in->nodes[HKG].max_tunnels = 0;
	assert_true(solve(in, &plan, &err) < 0);
	assert_non_null(strstr(err.text, "hkg may have 0"));
	in->nodes[HKG].max_tunnels = 2;
	in->pairs[1].pin = MESH_PIN_HUB;
	plan = solve_ok(in);
	assert_int_equal(plan->n_tunnels, 1);
	plan_free(plan);
	instance_free(in);
	matrix_free(public);
}

static void
weights_that_overflow_are_refused(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix(), *weights = new_matrix();
	struct measured measured = { NULL, NULL, public };
	struct instance_opts opts = { .weights = weights };
	struct err err;

	(void)state;
	set(weights, HKG, NRT, 1000000000);
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	assert_int_equal(in->pairs[0].weight, 0); /* a hole in the weights */
	assert_int_equal(pair_value(&in->pairs[1]), INT64_C(443000000000000));
	instance_free(in);
	in = new_instance();
	opts.weights = NULL;
	in->nodes[HKG].weight = in->nodes[NRT].weight = 1000000000;
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), -EOVERFLOW);
	assert_non_null(strstr(err.text, "too large"));
	instance_free(in);
	matrix_free(public);
	matrix_free(weights);
}

static void
json_round_trip(void **state)
{
	struct instance *in = new_instance();
	struct matrix *public = public_matrix();
	struct measured measured = { NULL, NULL, public };
	struct instance_opts opts = { .all_pairs = true };
	struct plan *plan, *again = NULL;
	char *text, *twice;
	struct err err;

	(void)state;
	assert_int_equal(instance_build(in, &measured, NULL, &opts, &err), 0);
	in->budget = 1;
	plan = solve_ok(in);
	text = plan_to_json(plan);
	assert_int_equal(plan_from_json(text, strlen(text), &again, &err), 0);
	assert_int_equal(again->n_routes, 3);
	assert_int_equal(again->n_tunnels, 1);
	assert_string_equal(again->mesh, "test");
	assert_int_equal(again->routes[2].path, PLAN_DIRECT);
	assert_int_equal(again->routes[2].us, 49000);
	assert_int_equal(again->routes[0].hub_us, 230000);
	assert_string_equal(again->names[again->routes[2].b], "nrt");
	twice = plan_to_json(again);
	assert_non_null(strstr(twice, "\"direct_ms\": 49.0"));
	free(text);
	free(twice);
	plan_free(plan);
	plan_free(again);
	instance_free(in);
	matrix_free(public);
}

static void
bad_plans_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "plan" },
		{ "[]", "mesh" },
		{ "{\"mesh\": \"m\"}", "routes" },
		{ "{\"mesh\": \"m\", \"routes\": [], \"tunnels\": {}}", "tunnels" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": [{\"a\": \"x\"}]}",
		    "routes[0]" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": "
		  "[{\"a\": \"x\", \"b\": \"x\", \"path\": \"hub\"}]}",
		    "two names" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": "
		  "[{\"a\": \"x\", \"b\": \"y\", \"path\": \"moon\"}]}",
		    "path" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": "
		  "[{\"a\": \"x\", \"b\": \"y\", \"path\": \"hub\", \"ms\": -1}]}",
		    "ms" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": "
		  "[{\"a\": \"x\", \"b\": \"y\", \"path\": \"hub\"},"
		  " {\"a\": \"y\", \"b\": \"x\", \"path\": \"direct\"}]}",
		    "twice" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": "
		  "[{\"a\": \"x\", \"b\": \"y\", \"path\": \"relay:\"}]}",
		    "\"\" is not a name" },
		{ "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": "
		  "[{\"a\": \"x\", \"b\": \"y\", \"path\": "
		  "\"relay:012345678901234567890123456789012345678901234567890123456789"
		  "0123456789\"}]}",
		    "0123456789\" is not a name" },
		{ "{\"mesh\": \"m\", \"routes\": [], \"tunnels\": "
		  "[{\"a\": \"x\", \"b\": \"y\", \"state\": \"burn\"}]}",
		    "state" },
		{ "{\"mesh\": \"m\", \"mesh\": \"n\", \"routes\": [], \"tunnels\": []}",
		    "duplicate" },
	};
	struct plan *plan;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(plan_from_json(rows[i].text, strlen(rows[i].text), &plan,
				&err) < 0);
		assert_null(plan);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text,
			    rows[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hub_path_is_the_sum_of_its_legs),
		cmocka_unit_test(measured_hub_path_beats_the_sum),
		cmocka_unit_test(unknown_stays_unknown),
		cmocka_unit_test(no_endpoint_no_candidate),
		cmocka_unit_test(present_tunnels_are_kept_or_dropped),
		cmocka_unit_test(pins_count_and_can_be_too_many),
		cmocka_unit_test(weights_that_overflow_are_refused),
		cmocka_unit_test(json_round_trip),
		cmocka_unit_test(bad_plans_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
