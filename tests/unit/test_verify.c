/* SPDX-License-Identifier: MIT */
/*
 * verify against the solver: every plan is accepted, the bound holds against brute
 * force, and each lie is found.  And the order of the input does not matter.
 * links: optimizer/decide/instance_text_line.c
 * links: optimizer/verify/verify.c optimizer/verify/verify_bound.c
 * links: optimizer/verify/verify_quantile.c
 * links: optimizer/verify/verify_forwarding.c optimizer/verify/verify_claim_json.c
 * links: optimizer/decide/solve.c optimizer/decide/select.c optimizer/decide/flow.c
 * links: optimizer/decide/select_prices.c optimizer/decide/knapsack.c
 * links: optimizer/decide/direct.c
 * links: optimizer/decide/relay.c optimizer/decide/relay_plan.c
 * links: optimizer/decide/exact.c optimizer/decide/improve.c
 * links: optimizer/decide/greedy.c optimizer/decide/bundle.c
 * links: optimizer/decide/network.c optimizer/decide/model.c
 * links: optimizer/decide/dual.c optimizer/decide/dual_pass.c
 * links: optimizer/decide/dual_limits.c
 * links: optimizer/decide/dual_select.c optimizer/decide/dual_store.c
 * links: optimizer/decide/instance.c optimizer/decide/instance_text.c
 * links: optimizer/decide/instance_text_write.c optimizer/decide/matrix.c
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/decide/plan_json_write.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "optimizer/decide/instance_text.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/decide/solve.h"
#include "optimizer/verify/verify.h"
#include "tests/unit/random_instance.h"

#define ROUNDS	 3000
#define SHUFFLES 1000

static char *
plan_text(const struct instance *in)
{
	struct solve_opts how = { .iterations = 40, .rounds = 5, .seed = 1 };
	struct plan *plan;
	char *text;

	if (solve_with(in, &how, &plan, NULL) < 0)
		return NULL;
	text = plan_to_json(plan);
	plan_free(plan);
	return text;
}

/* Nobody relays; figures have limits. */
static void
without_relays(struct instance *in, uint64_t *seed)
{
	for (size_t i = 0; i < in->n_nodes; i++)
		in->nodes[i].relay = false;
	for (size_t i = 0; i < in->n_pairs; i++) {
		struct pair *p = &in->pairs[i];

		p->hub_lo_us = p->hub_us;
		p->direct_hi_us = p->direct_us;
		if (p->hub_us != PLAN_UNKNOWN)
			p->hub_lo_us -= random_below(seed, (uint32_t)p->hub_us);
		if (p->direct_us != PLAN_UNKNOWN)
			p->direct_hi_us += random_below(seed, 50);
	}
	free(in->tunnels);
	in->tunnels = NULL;
	in->n_tunnels = 0;
}

static void
direct_plans_are_accepted(void **state)
{
	uint64_t seed = 577215;
	int exact = 0, accepted = 0;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < ROUNDS; i++) {
		struct random_opts o = {
			.nodes = 3 + random_below(&seed, 8),
			.costs = random_below(&seed, 3) == 0,
			.caps = random_below(&seed, 2),
			.change = random_below(&seed, 3) == 0,
		};
		struct instance *in = random_instance(&o, &seed);
		struct verify_claim claim;
		struct verify_verdict v;
		struct err err;
		char *text;

		without_relays(in, &seed);
		text = plan_text(in);
		if (text) {
			assert_int_equal(verify_claim_read(text, strlen(text), in,
					     &claim, &err),
			    0);
			if (verify(in, &claim, &v, &err) < 0)
				fail_msg("round %d: %s", i, err.text);
			assert_true(v.has_bound);
			exact += v.bound == v.value;
			/* Only a knapsack, or limits of nodes, need a search. */
			assert_true(o.costs || o.caps || v.bound == v.value);
			verify_claim_fini(&claim);
			accepted++;
		}
		free(text);
		instance_free(in);
	}
	assert_true(accepted > ROUNDS / 2 && exact > accepted * 3 / 4);
}

static void
plans_are_accepted(void **state)
{
	uint64_t seed = 161803;
	int accepted = 0;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < ROUNDS; i++) {
		struct random_opts o = {
			.nodes = 3 + random_below(&seed, 4),
			.costs = random_below(&seed, 3) == 0,
			.loads = random_below(&seed, 4) == 0,
			.caps = random_below(&seed, 2),
			.slo = random_below(&seed, 4) == 0,
			.change = random_below(&seed, 3) == 0,
		};
		struct instance *in = random_instance(&o, &seed);
		char *text = plan_text(in);
		struct verify_claim claim;
		struct verify_verdict v;
		struct err err;

		if (text) {
			assert_int_equal(verify_claim_read(text, strlen(text), in,
					     &claim, &err),
			    0);
			if (verify(in, &claim, &v, &err) < 0)
				fail_msg("round %d: %s", i, err.text);
			assert_true(v.has_bound);
			assert_int_equal(v.delivered, 2 * in->n_pairs);
			if (!o.loads)
				assert_true(oracle_best(in) <= v.bound);
			verify_claim_fini(&claim);
			accepted++;
		}
		free(text);
		instance_free(in);
	}
	assert_true(accepted > ROUNDS / 2);
}

static void
quantile_plans_are_accepted(void **state)
{
	uint64_t seed = 693147;
	int accepted = 0, bounded = 0;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < ROUNDS / 10; i++) {
		struct random_opts o = {
			.nodes = 4 + random_below(&seed, 4),
			.caps = random_below(&seed, 3) == 0,
		};
		struct instance *in = random_instance(&o, &seed);
		struct verify_claim claim;
		struct verify_verdict v;
		struct err err;
		char *text;

		/* Hundreds of us would be found in one step. */
		for (size_t k = 0; k < in->n_pairs; k++)
			if (in->pairs[k].hub_us != PLAN_UNKNOWN)
				in->pairs[k].hub_us *= 10;
		in->goal = GOAL_QUANTILE;
		in->quantile_ppm = 1000 * (1 + random_below(&seed, 1000));
		text = plan_text(in);
		if (text) {
			assert_int_equal(verify_claim_read(text, strlen(text), in,
					     &claim, &err),
			    0);
			if (verify(in, &claim, &v, &err) < 0)
				fail_msg("round %d: %s", i, err.text);
			assert_true(v.value <= v.bound);
			bounded += v.has_bound;
			claim.value++;
			claim.bound++;
			assert_true(verify(in, &claim, &v, &err) < 0);
			verify_claim_fini(&claim);
			accepted++;
		}
		free(text);
		instance_free(in);
	}
	assert_true(accepted > ROUNDS / 20 && bounded > 0);
}

static const char question[] = "meshopt-instance 1\n"
			       "budget 3\n"
			       "node hub hub - public\n"
			       "node a pop relay public\n"
			       "node b pop relay public\n"
			       "node c backend - public\n"
			       "node d backend - nat\n"
			       "node e backend - public cap 1\n"
			       "rtt hub a 100000\nrtt hub b 110000\n"
			       "rtt hub c 120000\nrtt hub d 130000\n"
			       "rtt hub e 140000\n"
			       "rtt a b 30000\nrtt a c 20000\nrtt a d 25000\n"
			       "rtt a e 45000\nrtt b c 35000\nrtt b d 15000\n"
			       "rtt b e 60000\nrtt c d 70000\nrtt c e 50000\n"
			       "rtt d e 90000\n"
			       "demand all gravity\n";

static struct instance *
asked(const char *text)
{
	struct instance *in = NULL;
	struct err err;

	assert_int_equal(instance_text_read("x", text, strlen(text), &in, &err), 0);
	return in;
}

/* What verify says of the claim after one change. */
static void
refuted(const struct instance *in, const struct verify_claim *claim, const char *why)
{
	struct verify_verdict v;
	struct err err;

	assert_true(verify(in, claim, &v, &err) < 0);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void
lies_are_found(void **state)
{
	struct instance *in = asked(question);
	char *text = plan_text(in);
	struct verify_claim c;
	struct verify_route *relayed = NULL;
	struct verify_verdict v;
	struct err err;

	(void)state;
	assert_int_equal(verify_claim_read(text, strlen(text), in, &c, &err), 0);
	assert_int_equal(verify(in, &c, &v, &err), 0);
	assert_int_equal(c.n_tunnels, 3);
	assert_true(c.n_rho > 0);
	for (size_t i = 0; i < c.n_routes; i++)
		if (c.routes[i].path == VERIFY_RELAY)
			relayed = &c.routes[i];
	assert_non_null(relayed);
	c.value++;
	refuted(in, &c, "value");
	c.value--;
	in->budget = 2;
	refuted(in, &c, "budget");
	in->budget = 3;
	relayed->path = VERIFY_HUB;
	refuted(in, &c, "shortest");
	relayed->path = VERIFY_DIRECT;
	refuted(in, &c, "without a tunnel");
	relayed->path = VERIFY_RELAY;
	in->nodes[relayed->via].relay = false;
	refuted(in, &c, "may not relay");
	in->nodes[relayed->via].relay = true;
	in->nodes[c.tunnels[0].a].max_tunnels = 0;
	refuted(in, &c, "more than its 0");
	in->nodes[c.tunnels[0].a].max_tunnels = MESH_NO_LIMIT;
	c.theta = -1;
	refuted(in, &c, "negative");
	c.theta = 0;
	refuted(in, &c, "bound");
	c.n_routes--;
	refuted(in, &c, "routes for");
	verify_claim_fini(&c);
	free(text);
	instance_free(in);
}

/* The same lines in another order: byte for byte the same plan. */
static void
order_does_not_matter(void **state)
{
	struct instance *in = asked(question);
	char *first = plan_text(in), *lines[64], copy[2048], text[2048];
	uint64_t seed = 314159;
	size_t n = 0;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	instance_free(in);
	for (int i = 0; i < SHUFFLES; i++) {
		char *save = NULL, *again;
		size_t len;

		memcpy(copy, question, sizeof(question));
		n = 0;
		for (char *s = strtok_r(copy, "\n", &save); s;
		     s = strtok_r(NULL, "\n", &save))
			lines[n++] = s;
		for (size_t k = n - 1; k > 1; k--) {
			size_t other = 1 + random_below(&seed, (uint32_t)k);
			char *swap = lines[k];

			lines[k] = lines[other];
			lines[other] = swap;
		}
		len = 0;
		for (size_t k = 0; k < n; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
			    lines[k]);
		in = asked(text);
		again = plan_text(in);
		assert_string_equal(first, again);
		free(again);
		instance_free(in);
	}
	free(first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_accepted),
		cmocka_unit_test(direct_plans_are_accepted),
		cmocka_unit_test(quantile_plans_are_accepted),
		cmocka_unit_test(lies_are_found),
		cmocka_unit_test(order_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
