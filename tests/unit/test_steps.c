/* SPDX-License-Identifier: MIT */
/*
 * From plan and kernel to a list of steps: what a plan must be, and the difference that
 * is left to do.
 *
 * links: optimizer/apply/goals.c optimizer/apply/state.c optimizer/decide/plan.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 * links: optimizer/apply/steps.c optimizer/apply/steps_text.c
 */
#include "optimizer/apply/steps.h"

#include <errno.h>

#include "tests/unit/apply_node.h"

/* All steps for a plan as one text, a line each, and the refusals after "!". */
static char *
steps_of(const char *plan, char out[8192])
{
	struct goals goals = world_goals(mesh, plan);
	struct state state = read_state();
	struct steps steps;
	char text[STEPS_TEXT_MAX];
	size_t len = 0;

	steps_make(&goals, &state, &steps);
	out[0] = '\0';
	for (size_t i = 0; i < steps.n; i++) {
		steps_text(&goals, &steps.step[i], text);
		len += (size_t)snprintf(out + len, 8192 - len, "%s\n", text);
	}
	for (size_t i = 0; i < steps.n_refusals; i++)
		len += (size_t)snprintf(out + len, 8192 - len, "! %s\n",
		    steps.refusal[i].text);
	for (size_t i = 0; i < steps.n_orphans; i++)
		len += (size_t)snprintf(out + len, 8192 - len, "orphan\n");
	steps_fini(&steps);
	state_fini(&state);
	goals_fini(&goals);
	return out;
}

static void
a_plan_is_judged(void **unused)
{
	static const struct {
		const char *mesh, *routes, *want; /* NULL: good */
	} rows[] = {
		{ "edgeproxy", "nrt=direct:49 sin=hub", NULL },
		{ "edgeproxy", "", NULL },
		{ "another", "nrt=direct:49", "made for the mesh another" },
		{ "", "nrt=direct:49", "made for the mesh (no name)" },
		{ "edgeproxy", "nrt=relay:49", "relay paths cannot be applied yet" },
		{ "edgeproxy", "nrt=hub nrt=direct", "hkg to nrt is there twice" },
		{ "edgeproxy", "dub=direct:100", "no direct tunnel" },
		{ "edgeproxy", "hkg=direct:1", "not between two" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan *plan = world_plan(rows[i].mesh, rows[i].routes);
		struct goals goals;
		struct err err = { "" };
		int rc =
		    goals_from_plan(mesh, mesh_find(mesh, "hkg"), plan, &goals, &err);

		print_message("%s / %s: %s\n", rows[i].mesh, rows[i].routes, err.text);
		assert_int_equal(rc, rows[i].want ? -EINVAL : 0);
		if (rows[i].want)
			assert_non_null(strstr(err.text, rows[i].want));
		goals_fini(&goals);
		plan_free(plan);
	}
}

static void
a_stranger_in_the_plan_is_named(void **unused)
{
	struct plan *plan = world_plan("edgeproxy", "nrt=direct:49");
	struct goals goals;
	struct err err;

	(void)unused;
	strcpy(plan->names[4], "gru"); /* not an end of any route, and still wrong */
	assert_int_equal(goals_from_plan(mesh, 1, plan, &goals, &err), -EINVAL);
	assert_non_null(strstr(err.text, "gru: the mesh file has no such node"));
	plan_free(plan);
}

static void
two_ends_behind_nat_are_refused(void **unused)
{
	struct plan *plan = world_plan("edgeproxy", "nrt=direct:49");
	struct goals goals;
	struct err err;

	(void)unused;
	plan->routes[0].a = 4; /* syd to nrt */
	assert_int_equal(goals_from_plan(mesh, mesh_find(mesh, "nrt"), plan, &goals,
			     &err),
	    -EINVAL);
	assert_non_null(strstr(err.text, "neither has an Endpoint"));
	plan_free(plan);
}

static void
the_tunnels_figure_is_the_promise(void **unused)
{
	struct plan *plan = world_plan("edgeproxy", "nrt=direct:60 sin=direct:38");
	struct plan_tunnel tunnel = { .a = 2, .b = 1, .direct_us = 49000 };
	struct goals goals;

	(void)unused;
	plan->tunnels = mem_array(1, sizeof(tunnel));
	plan->tunnels[0] = tunnel;
	plan->n_tunnels = 1;
	assert_int_equal(goals_from_plan(mesh, mesh_find(mesh, "hkg"), plan, &goals,
			     NULL),
	    0);
	assert_int_equal(goals.goal[0].promise_us, 49000);
	assert_int_equal(goals.goal[1].promise_us, 38000);
	assert_false(goals.goal[0].starts);
	assert_true(goals.goal[1].starts);
	assert_int_equal(goals.goal[1].port, 51821);
	goals_fini(&goals);
	plan_free(plan);
}

static void
everything_from_nothing(void **unused)
{
	char out[8192];

	(void)unused;
	steps_of("nrt=direct:49 sin=direct:38 syd=hub", out);
	print_message("%s", out);
	assert_string_equal(out,
	    "wgd0: create WireGuard interface, MTU 1420\n"
	    "wgd0: set the key of wg0 and UDP port 51821\n"
	    "wgd0: set up\n"
	    "wgd0: add address 10.50.5.1/32\n"
	    "wgd0: add address fe80::5a69:b84f:7cf8:8629/64\n"
	    "nrt: add peer 9ZK9FzSz on wgd0, allowed 10.50.4.1/32,"
	    "fe80::3649:c293:298d:a0f3/128, nrt starts the handshake\n"
	    "nrt: add route 10.50.4.1/32 dev wgd0 src 10.50.5.1\n"
	    "sin: add peer gcwoqaT9 on wgd0, allowed 10.50.4.2/32,"
	    "fe80::97d5:6452:d5e3:7cac/128, endpoint 198.51.100.7:51821, keepalive 25 "
	    "s\n"
	    "sin: add route 10.50.4.2/32 dev wgd0 src 10.50.5.1\n");
}

static void
nothing_from_everything(void **unused)
{
	char out[8192];

	(void)unused;
	stage("nrt");
	stage("sin");
	stage("syd");
	route("10.50.4.1/32");
	route("10.50.4.2/32");
	route("10.50.4.3/32");
	route("10.50.6.0/24");
	assert_string_equal(steps_of("nrt=direct:49 sin=direct:38 syd=direct:122", out),
	    "");
	/* And nobody who is by the hub needs the interface. */
	assert_string_equal(steps_of("", out), "orphan\norphan\norphan\norphan\n");
}

static void
only_what_is_missing(void **unused)
{
	char out[8192];

	(void)unused;
	stage("syd");
	route("10.50.4.3/32");
	assert_string_equal(steps_of("syd=direct:122", out),
	    "syd: add route 10.50.6.0/24 dev wgd0 src 10.50.5.1\n");
	fake.direct.peers[0].n_allowed--; /* the link-local one */
	fake.direct.peers[0].keepalive_s = 25;
	steps_of("syd=direct:122", out);
	print_message("%s", out);
	assert_non_null(
	    strstr(out, "syd: complete peer 9yHQmzbL on wgd0, allowed fe80::"));
	assert_non_null(strstr(out, "/128, keepalive 0 s\n"));
	fake.direct_link.up = false;
	fake.n_addrs = 1;
	steps_of("syd=direct:122", out);
	assert_non_null(strstr(out, "wgd0: set up\nwgd0: add address fe80::"));
}

static void
back_to_the_hub(void **unused)
{
	char out[8192];

	(void)unused;
	stage("nrt");
	stage("syd");
	route("10.50.4.1/32");
	route("10.50.4.3/32");
	route("10.50.6.0/24");
	assert_string_equal(steps_of("nrt=direct:49 syd=hub", out),
	    "syd: delete route 10.50.4.3/32 dev wgd0 src 10.50.5.1\n"
	    "syd: delete route 10.50.6.0/24 dev wgd0 src 10.50.5.1\n");
}

static void
a_dead_tunnel_is_left_first(void **unused)
{
	char out[8192];

	(void)unused;
	stage("nrt");
	route("10.50.4.1/32");
	fake.direct.peers[0].handshake.ns = WORLD_WALL.ns - 181 * NS_PER_S;
	assert_string_equal(steps_of("nrt=direct:49", out),
	    "nrt: delete route 10.50.4.1/32 dev wgd0 src 10.50.5.1: its tunnel is "
	    "dead\n"
	    "nrt: add route 10.50.4.1/32 dev wgd0 src 10.50.5.1\n");
	/* A handshake from the future is a clock that was set back, not a dead tunnel.
	 */
	fake.direct.peers[0].handshake.ns = WORLD_WALL.ns + 3600 * NS_PER_S;
	assert_string_equal(steps_of("nrt=direct:49", out), "");
}

static void
an_endpoint_that_roamed_is_left_alone(void **unused)
{
	char out[8192];

	(void)unused;
	stage("sin");
	route("10.50.4.2/32");
	fake.direct.peers[0].port = 33333;
	assert_string_equal(steps_of("sin=direct:38", out), "");
	fake.direct.peers[0].handshake.ns = WORLD_WALL.ns - 181 * NS_PER_S;
	steps_of("sin=direct:38", out);
	assert_non_null(strstr(out,
	    "sin: complete peer gcwoqaT9 on wgd0, endpoint 198.51.100.7:51821\n"));
}

static void
what_others_set_is_refused(void **unused)
{
	char out[8192];
	struct prefix extra;

	(void)unused;
	assert_int_equal(prefix_parse("10.50.9.0/24", &extra), 0);
	stage("nrt");
	stage("sin");
	fake.direct.peers[0].allowed[0] = extra;
	steps_of("nrt=direct:49 sin=direct:38", out);
	print_message("%s", out);
	assert_non_null(strstr(out, "! nrt: its peer on wgd0 has 10.50.9.0/24, which "
				    "the mesh file does not give"));
	assert_non_null(strstr(out, "sin: add route")); /* goes its own way */
	assert_null(strstr(out, "nrt: add"));

	/* Another key holds nrt's prefix: setting ours would take it silently. */
	fake.direct.peers[0].key.b[0] ^= 1;
	fake.direct.peers[0].allowed[0] = node("nrt")->prefixes[0];
	steps_of("nrt=direct:49", out);
	assert_non_null(strstr(out, "! nrt: another peer on wgd0 has 10.50.4.1/32"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_plan_is_judged),
		CASE(a_stranger_in_the_plan_is_named),
		CASE(two_ends_behind_nat_are_refused),
		CASE(the_tunnels_figure_is_the_promise),
		CASE(everything_from_nothing),
		CASE(nothing_from_everything),
		CASE(only_what_is_missing),
		CASE(back_to_the_hub),
		CASE(a_dead_tunnel_is_left_first),
		CASE(an_endpoint_that_roamed_is_left_alone),
		CASE(what_others_set_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
