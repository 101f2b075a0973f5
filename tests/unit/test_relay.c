/* SPDX-License-Identifier: MIT */
/*
 * Plans with relays against brute force: value <= optimum <= bound, and equality where
 * the search says that it has proven the optimum.
 * links: optimizer/decide/relay.c optimizer/decide/exact.c
 * links: optimizer/decide/improve.c optimizer/decide/greedy.c
 * links: optimizer/decide/bundle.c optimizer/decide/network.c
 * links: optimizer/decide/model.c optimizer/decide/dual.c
 * links: optimizer/decide/dual_limits.c optimizer/decide/dual_pass.c
 * links: optimizer/decide/dual_select.c
 * links: optimizer/decide/dual_store.c optimizer/decide/instance.c
 * links: optimizer/decide/matrix.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optimizer/decide/relay.h"
#include "tests/unit/random_instance.h"

#define ROUNDS 10000

/* The network's own account of its value, again from the definition. */
static int64_t
value_of(const struct relay_result *r)
{
	const struct instance *in = r->m->in;
	bool *on = mem_array(in->n_tunnels, sizeof(*on));
	int64_t value;

	for (size_t t = 0; t < r->m->n_tunnels; t++)
		if (r->net->on[t])
			on[instance_tunnel(in, r->m->tunnels[t].u,
			    r->m->tunnels[t].v)] = true;
	value = oracle_value(in, on);
	free(on);
	return value;
}

/* Loads bend rule C1: what a set is worth without them is then only an upper limit. */
static void
check(const struct instance *in, bool loads, bool search)
{
	struct relay_opts opts = { .iterations = 60, .seed = 1, .rounds = 10 };
	struct relay_result *r = NULL;
	int64_t best = oracle_best(in);
	struct err err;

	opts.no_search = !search;
	if (relay_solve(in, &opts, &r, &err) < 0) {
		assert_int_equal(best, INT64_MIN);
		assert_non_null(strstr(err.text, "must be direct"));
		return;
	}
	assert_true(r->net->value <= r->bound);
	assert_true(r->net->value <= best);
	if (!loads) {
		assert_int_equal(r->net->value, value_of(r));
		assert_true(best <= r->bound);
		assert_true(best <= r->bound_by_prices);
	}
	if (search && !loads) {
		assert_true(r->proven);
		assert_int_equal(r->net->value, best);
		assert_int_equal(r->bound, best);
	}
	relay_free(r);
}

static void
against_brute_force(uint64_t seed, bool search)
{
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < ROUNDS; i++) {
		struct random_opts o = {
			.nodes = 3 + random_below(&seed, 4),
			.costs = random_below(&seed, 3) == 0,
			.loads = !search && random_below(&seed, 3) == 0,
			.caps = random_below(&seed, 2),
			.slo = random_below(&seed, 4) == 0,
			.change = random_below(&seed, 3) == 0,
		};
		struct instance *in;

		if (i % 50 == 0)
			o.nodes = 7;
		in = random_instance(&o, &seed);
		check(in, o.loads, search);
		instance_free(in);
	}
}

static void
search_finds_the_optimum(void **state)
{
	(void)state;
	against_brute_force(20261122, true);
}

static void
bound_holds_without_search(void **state)
{
	(void)state;
	against_brute_force(27182818, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(search_finds_the_optimum),
		cmocka_unit_test(bound_holds_without_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
