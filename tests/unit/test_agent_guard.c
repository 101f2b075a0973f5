/* SPDX-License-Identifier: MIT */
/*
 * Which plans an agent follows: what the roster allows, how much of it at a time, how
 * old, and in which order.
 *
 * links: optimizer/agent/guard.c optimizer/agent/order.c optimizer/decide/plan.c
 */
#include "optimizer/agent/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

#define NOW ((struct wall){ INT64_C(1800000000) * NS_PER_S })

/* A hub, n POPs, of which the odd relay, and 4 and the last are behind NAT; pins. */
static struct mesh *
make_mesh(size_t n)
{
	FILE *in = tmpfile();
	struct mesh *mesh = NULL;
	struct wgkey key = { { 9 } };
	char text[WGKEY_TEXT_MAX];
	struct err err;

	fprintf(in, "[Mesh]\nName = guards\n");
	for (size_t i = 0; i <= n; i++) {
		key.b[1] = (uint8_t)i;
		key.b[2] = (uint8_t)(i >> 8);
		wgkey_format(&key, text);
		fprintf(in,
		    "[Node]\nName = n%zu\nRole = %s\nAddress = 10.9.%zu.1/24\n"
		    "PublicKey = %s\n",
		    i, i ? "pop" : "hub", i, text);
		if (i == 0)
			fprintf(in, "AllowedIPs = 10.9.0.0/16\n");
		else if (i % 2)
			fprintf(in, "Relay = yes\n");
		if (i < n && i != 4)
			fprintf(in, "Endpoint = 192.0.2.%zu:51820\n", i + 1);
	}
	fprintf(in, "[Pair]\nNodes = n2, n3\nPath = hub\n"
		    "[Pair]\nNodes = n1, n5\nPath = direct\n");
	rewind(in);
	if (mesh_read(in, "guards", &mesh, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	(void)fclose(in); /* a temporary file */
	return mesh;
}

/* Plans are written "1-2 3-4 1-5:3", the last one by the relay 3. */
static struct plan *
make_plan(const struct mesh *mesh, const char *text)
{
	struct plan *plan = mem_alloc(sizeof(*plan));
	size_t a, b, via;
	int used;

	(void)snprintf(plan->mesh, sizeof(plan->mesh), "%s", mesh->name);
	plan->issue = mem_alloc(sizeof(*plan->issue));
	plan->issue->epoch = 7;
	plan->issue->issued = NOW;
	plan->issue->ttl_s = 900;
	plan->n_names = mesh->n_nodes;
	plan->names = mem_array(plan->n_names, sizeof(*plan->names));
	for (size_t i = 0; i < mesh->n_nodes; i++)
		memcpy(plan->names[i], mesh->nodes[i].name, sizeof(plan->names[i]));
	plan->routes = mem_array(strlen(text) + 1, sizeof(*plan->routes));
	for (; sscanf(text, " %zu-%zu%n", &a, &b, &used) == 2; text += used) {
		struct plan_route *r = &plan->routes[plan->n_routes++];

		*r = (struct plan_route){ (uint32_t)a, (uint32_t)b, PLAN_DIRECT, 0,
			50000, 500000, PLAN_HUB, 0, 0, { 0 }, false };
		if (sscanf(text + used, ":%zu", &via) == 1) {
			r->path = PLAN_RELAY;
			r->via = (uint32_t)via;
			used += (int)strcspn(text + used, " ");
		}
	}
	return plan;
}

static struct order
make_order(const struct mesh *mesh, const char *text, uint64_t epoch)
{
	struct plan *plan = make_plan(mesh, text);
	struct order order;
	struct err err;

	plan->issue->epoch = epoch;
	if (order_from_plan(mesh, plan, &order, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	plan_free(plan);
	return order;
}

static void
paths_must_fit_the_roster(void **state)
{
	static const struct {
		const char *plan, *words; /* NULL = accepted */
	} rows[] = {
		{ "1-2", NULL },
		{ "1-2 1-4 2-4:1", NULL },
		{ "0-2", "a pair with the hub" },
		{ "1-2 2-1", "is there twice" },
		{ "2-3", "pins it to the hub" },
		{ "5-6", NULL }, /* 6 is behind NAT, and 5 is not */
		{ "4-6", "neither has an Endpoint" },
		{ "1-5:3 1-3 3-5", "pins it direct" },
		{ "1-5", NULL },
		{ "1-4:2 1-2 2-4", "2 is no relay" },
		{ "1-4:3 1-3", "lacks the tunnel" },
		{ "1-4:3", "lacks the tunnel" },
		{ "1-4:3 1-3 3-4:1", "lacks the tunnel" },
		{ "1-4:0", "can be no relay" },
		{ "1-4:1", "can be no relay" },
	};
	struct mesh *mesh = make_mesh(6);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan *plan = make_plan(mesh, rows[i].plan);
		struct order order;
		struct err err = { "" };
		int rc = order_from_plan(mesh, plan, &order, &err);

		if ((rc < 0) != (rows[i].words != NULL) ||
		    (rc < 0 && !strstr(err.text, rows[i].words)))
			fail_msg("%s: %d: %s", rows[i].plan, rc, err.text);
		order_fini(&order);
		plan_free(plan);
	}
	mesh_free(mesh);
}

static void
plans_of_others_are_refused(void **state)
{
	struct mesh *mesh = make_mesh(6);
	struct plan *plan = make_plan(mesh, "1-2");
	struct order order;
	struct err err;

	(void)state;
	plan->mesh[0] = 'x';
	assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
	assert_non_null(strstr(err.text, "made for the mesh xuards"));
	plan->mesh[0] = 'g';
	plan->names[6][0] = 'x';
	assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
	assert_non_null(strstr(err.text, "no such node"));
	plan->names[6][0] = 'n';
	for (int i = 0; i < 3; i++) {
		struct plan_route good = plan->routes[0], *r = plan->routes;

		if (i == 0)
			r->a = 77;
		else if (i == 1)
			r->b = 77;
		else
			*r = (struct plan_route){ 1, 4, PLAN_RELAY, 77, 50000, 500000,
				PLAN_HUB, 0, 0, { 0 }, false };
		assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
		assert_string_equal(err.text, "plan: a route is not between its nodes");
		*r = good;
	}
	/* Where a node behind NAT is: of one that there is. */
	plan->issue->hints = mem_array(1, sizeof(*plan->issue->hints));
	plan->issue->n_hints = 1;
	plan->issue->hints[0].node = 77;
	assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
	assert_string_equal(err.text, "plan: a hint is of no node");
	plan->issue->hints[0].node = 4;
	plan->routes[0].a = 4;
	plan->routes[0].b = 6;
	assert_int_equal(order_from_plan(mesh, plan, &order, &err), 0);
	order_fini(&order);
	/* One of a file has no epoch; follow.c wants one. */
	free(plan->issue->hints);
	free(plan->issue);
	plan->issue = NULL;
	plan->routes[0].a = 1;
	assert_int_equal(order_from_plan(mesh, plan, &order, &err), 0);
	assert_int_equal(order.epoch, 0);
	order_fini(&order);
	plan_free(plan);
	mesh_free(mesh);
}

static void
one_node_has_sixty_four_tunnels(void **state)
{
	struct mesh *mesh = make_mesh(70);
	char text[2048] = "";
	struct plan *plan;
	struct order order;
	struct err err;

	(void)state;
	/* The first node of them, and the last. */
	for (int row = 0; row < 2; row++) {
		int other = row ? 69 : 1;
		size_t at = 0;
		int i = 4;

		for (; i < 4 + ORDER_DIRECT_MAX; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%d-%d ",
			    other, i);
		plan = make_plan(mesh, text);
		assert_int_equal(order_from_plan(mesh, plan, &order, &err), 0);
		order_fini(&order);
		plan_free(plan);
		(void)snprintf(text + at, sizeof(text) - at, "%d-%d ", other, i);
		plan = make_plan(mesh, text);
		assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
		assert_non_null(strstr(err.text, "more than 64 tunnels"));
		plan_free(plan);
	}
	mesh_free(mesh);
}

static void
a_plan_has_so_many_pairs(void **state)
{
	struct mesh *mesh = make_mesh(6);
	struct plan *plan = make_plan(mesh, "1-2");
	struct plan_route one = plan->routes[0];
	struct order order;
	struct err err;

	(void)state;
	plan->n_routes = ORDER_PAIRS_MAX + 1;
	plan->routes = mem_grow(plan->routes, plan->n_routes, sizeof(one));
	for (size_t i = 0; i < plan->n_routes; i++)
		plan->routes[i] = one;
	assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
	assert_string_equal(err.text, "plan: more than 10000 pairs leave the hub");
	plan_free(plan);
	mesh_free(mesh);
}

/* 12 nodes beside the hub: 66 pairs, so 6 may change; 25 % and 20 % as said. */
static void
so_much_at_a_time(void **state)
{
	static const struct {
		const char *name, *past, *plan;
		int64_t away_s;
		enum guard_verdict want;
	} rows[] = {
		{ "the same", "1-2", "1-2", 0, GUARD_FOLLOW },
		{ "six more", "1-2", "1-2 1-3 1-4 1-5 4-5 4-6 4-7", 0, GUARD_FOLLOW },
		{ "seven more", "1-2", "1-2 1-3 1-4 1-5 4-5 4-6 4-7 4-8", 0,
		    GUARD_REFUSE },
		{ "seven more, ten minutes later", "1-2",
		    "1-2 1-3 1-4 1-5 4-5 4-6 4-7 4-8", 600, GUARD_FOLLOW },
		{ "not quite ten", "1-2", "1-2 1-3 1-4 1-5 4-5 4-6 4-7 4-8", 599,
		    GUARD_REFUSE },
		{ "the clock went back", "1-2", "1-2 1-3 1-4 1-5 4-5 4-6 4-7 4-8",
		    -3600, GUARD_REFUSE },
		{ "one of one, and another", "1-2", "1-3", 0, GUARD_FOLLOW },
		{ "empty", "1-2", "", 0, GUARD_REFUSE },
		{ "empty, a day later", "1-2", "", 86400, GUARD_REFUSE },
		{ "one of four", "1-2 4-5 6-7 8-9", "1-2 4-5 6-7", 0, GUARD_FOLLOW },
		{ "two of four", "1-2 4-5 6-7 8-9", "1-2 4-5", 0, GUARD_REFUSE },
		{ "two of eight", "1-2 4-5 6-7 8-9 1-4 2-5 6-9 7-8",
		    "1-2 4-5 6-7 8-9 1-4 2-5", 0, GUARD_FOLLOW },
		{ "three of eight", "1-2 4-5 6-7 8-9 1-4 2-5 6-9 7-8",
		    "1-2 4-5 6-7 8-9 1-4", 0, GUARD_REFUSE },
		{ "two of one node's five", "1-2 1-3 1-4 1-5 1-6 7-8 7-9 7-10",
		    "1-2 1-3 1-4 7-8 7-9 7-10", 0, GUARD_REFUSE },
		{ "two of one node's ten", "1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-10 1-11",
		    "1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9", 0, GUARD_FOLLOW },
		{ "to a relay is a change", "1-2 1-4 2-4 5-6 5-7 6-7",
		    "1-2 1-4 2-4:1 5-6 5-7 6-7:5", 0, GUARD_FOLLOW },
		{ "two of a node to a relay", "1-2 1-4 1-5 2-4 2-5",
		    "1-2 1-4 1-5 2-4:1 2-5:1", 0, GUARD_REFUSE },
		{ "two of a node to another relay",
		    "1-8 1-10 1-6 3-6 3-8 3-10 6-8:1 6-10:1",
		    "1-8 1-10 1-6 3-6 3-8 3-10 6-8:3 6-10:3", 0, GUARD_REFUSE },
		{ "two fewer and four more", "1-2 4-5 6-7 8-9 1-4 2-5 6-9 7-8",
		    "1-2 4-5 6-7 8-9 1-4 2-5 1-6 1-7 1-8 1-9", 0, GUARD_FOLLOW },
		{ "two fewer and five more", "1-2 4-5 6-7 8-9 1-4 2-5 6-9 7-8",
		    "1-2 4-5 6-7 8-9 1-4 2-5 1-6 1-7 1-8 1-9 1-10", 0, GUARD_REFUSE },
	};
	struct mesh *mesh = make_mesh(12);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct order old = make_order(mesh, rows[i].past, 6);
		struct order order = make_order(mesh, rows[i].plan, 7);
		struct guard_past past = { &old,
			{ NOW.ns - rows[i].away_s * NS_PER_S } };
		struct err err = { "" };
		enum guard_verdict got =
		    guard_judge(mesh, &past, &order, NOW, false, &err);

		if (got != rows[i].want)
			fail_msg("%s: %d: %s", rows[i].name, got, err.text);
		/* Somebody here wants it so. */
		assert_int_equal(guard_judge(mesh, &past, &order, NOW, true, &err),
		    GUARD_FOLLOW);
		order_fini(&old);
		order_fini(&order);
	}
	mesh_free(mesh);
}

/* A tenth of six pairs would be none, and a stage of the publisher's is three. */
static void
a_stage_in_a_small_mesh(void **state)
{
	static const char *const plans[] = { "1-2 1-3 1-4", "1-2 1-3 1-4 2-4" };
	struct mesh *mesh = make_mesh(5);
	struct order old = make_order(mesh, "3-4", 6);
	struct guard_past past = { &old, NOW };
	struct err err;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[32];
		struct order order;

		(void)snprintf(text, sizeof(text), "3-4 %s", plans[i]);
		order = make_order(mesh, text, 7);
		assert_int_equal(guard_judge(mesh, &past, &order, NOW, false, &err),
		    i ? GUARD_REFUSE : GUARD_FOLLOW);
		order_fini(&order);
	}
	order_fini(&old);
	mesh_free(mesh);
}

static void
in_order_and_in_time(void **state)
{
	static const struct {
		uint64_t epoch;
		int64_t age_s;
		uint32_t ttl_s;
		enum guard_verdict want;
		int64_t fresh_s;
	} rows[] = {
		{ 7, 0, 900, GUARD_FOLLOW, 900 },
		{ 6, 0, 900, GUARD_REFUSE, 900 },
		{ 5, 0, 900, GUARD_REFUSE, 900 },
		{ 7, 899, 900, GUARD_FOLLOW, 1 },
		{ 7, 900, 900, GUARD_STALE, 0 },
		{ 7, 3600, 900, GUARD_STALE, 0 },
		{ 7, 3600, 86400, GUARD_STALE, 0 }, /* none is good for longer */
		{ 7, 100, 60, GUARD_STALE, 0 },
		{ 7, -60, 900, GUARD_FOLLOW, 900 },
		{ 7, -61, 900, GUARD_REFUSE, 0 },
		{ 7, -86400, 900, GUARD_REFUSE, 0 },
	};
	struct mesh *mesh = make_mesh(12);
	struct order old = make_order(mesh, "1-2", 6);
	struct guard_past past = { &old, NOW };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct order order = make_order(mesh, "1-2", rows[i].epoch);

		order.issued.ns -= rows[i].age_s * NS_PER_S;
		order.ttl_ns = rows[i].ttl_s * NS_PER_S;
		/* Nobody on this node can want it otherwise. */
		for (int forced = 0; forced < 2; forced++)
			assert_int_equal(guard_judge(mesh, &past, &order, NOW, forced,
					     &err),
			    rows[i].want);
		assert_int_equal(guard_fresh_ns(&order, NOW),
		    rows[i].fresh_s * NS_PER_S);
		order_fini(&order);
	}
	order_fini(&old);
	mesh_free(mesh);
}

static void
wishes_are_this_nodes(void **state)
{
	struct mesh *mesh = make_mesh(6);
	struct order order = make_order(mesh, "1-2 1-4 2-4:1", 7);
	struct way_wish wishes[7];

	(void)state;
	order_wishes(&order, 4, 7, wishes);
	assert_int_equal(wishes[1].path, WAY_BY_TUNNEL);
	assert_int_equal(wishes[1].promise_us, 50000);
	assert_int_equal(wishes[1].hub_us, 500000);
	assert_int_equal(wishes[2].path, WAY_BY_RELAY);
	assert_int_equal(wishes[2].via, 1);
	for (size_t i = 3; i < 7; i++)
		assert_int_equal(wishes[i].path, WAY_BY_HUB);
	/* Its tunnel to the relay is a leg of that, and so are the relay's of both. */
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(wishes[i].leg, i == 1);
	order_wishes(&order, 1, 7, wishes);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(wishes[i].leg, i == 2 || i == 4);
	order_wishes(&order, 3, 7, wishes);
	for (size_t i = 0; i < 7; i++)
		assert_false(wishes[i].leg);
	order_fini(&order);
	mesh_free(mesh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_must_fit_the_roster),
		cmocka_unit_test(plans_of_others_are_refused),
		cmocka_unit_test(one_node_has_sixty_four_tunnels),
		cmocka_unit_test(a_plan_has_so_many_pairs),
		cmocka_unit_test(so_much_at_a_time),
		cmocka_unit_test(a_stage_in_a_small_mesh),
		cmocka_unit_test(in_order_and_in_time),
		cmocka_unit_test(wishes_are_this_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
