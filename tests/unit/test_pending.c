/* SPDX-License-Identifier: MIT */
/*
 * What a dry run says, for every state of a kernel that a run can find.
 *
 * links: optimizer/operate/pending.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/apply/state.c optimizer/apply/pair.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "optimizer/operate/pending.h"

#include "tests/unit/apply_node.h"

static struct way_wish wishes[8];
static char said[4096];

static void
take_line(const char *text, void *ctx)
{
	size_t len = strlen(said);

	(void)ctx;
	(void)snprintf(said + len, sizeof(said) - len, "%s\n", text);
}

static struct way_wish *
wish(const char *name, enum way_path path)
{
	struct way_wish *w = &wishes[mesh_find(mesh, name)];

	*w = (struct way_wish){ .path = path, .promise_us = 49000, .hub_us = 492000 };
	w->via = mesh_find(mesh, "sin");
	return w;
}

static size_t
ask(size_t (*what)(const struct pending *))
{
	struct state state = read_state();
	const struct pending p = { mesh, mesh_find(mesh, "hkg"), &state, wishes,
		take_line, NULL };
	size_t n;

	said[0] = '\0';
	n = what(&p);
	print_message("%s", said);
	state_fini(&state);
	return n;
}

static int
begin(void **unused)
{
	(void)set_up(unused);
	for (size_t i = 0; i < 8; i++)
		wishes[i] = (struct way_wish){ .leave = true };
	return 0;
}

#define SAYS(words) assert_non_null(strstr(said, words))

static void
from_nothing_each_step_is_said(void **unused)
{
	(void)unused;
	assert_int_equal(ask(pending), 0);
	wish("nrt", WAY_BY_TUNNEL);
	assert_int_equal(ask(pending), 8);
	SAYS("wgd0: create WireGuard interface, MTU 1420\n"
	     "wgd0: set the key of wg0 and UDP port 51821\n"
	     "wgd0: set up\n"
	     "wgd0: add address 10.50.5.1/32\n"
	     "wgd0: add address fe80:");
	SAYS("nrt: add peer 9ZK9FzSz on wgd0, allowed fe80:");
	SAYS(",10.50.4.1/32, nrt starts the handshake\n"
	     "nrt: wait for a handshake, then 10 small and 10 full-size probes, at "
	     "most 60.8 ms\n"
	     "nrt: add route 10.50.4.1/32 dev wgd0 src 10.50.5.1\n");
	assert_int_equal(fake_changes(), 0);
}

static void
what_is_right_is_not_said(void **unused)
{
	(void)unused;
	wish("syd", WAY_BY_TUNNEL);
	stage("syd");
	assert_int_equal(ask(pending), 3);
	SAYS("syd: add route 10.50.4.3/32 dev wgd0 src 10.50.5.1\n"
	     "syd: add route 10.50.6.0/24 dev wgd0 src 10.50.5.1\n");
	route("10.50.4.3/32");
	assert_int_equal(ask(pending), 2);
	SAYS("syd: add route 10.50.6.0/24 dev");
	route("10.50.6.0/24");
	assert_int_equal(ask(pending), 0);
	wish("sin", WAY_BY_TUNNEL);
	assert_int_equal(ask(pending), 3);
	SAYS("sin: add peer");
	SAYS("this node starts the handshake");
}

static void
a_dead_tunnel_is_no_tunnel(void **unused)
{
	(void)unused;
	wish("nrt", WAY_BY_TUNNEL);
	stage("nrt");
	route("10.50.4.1/32");
	assert_int_equal(ask(pending), 0);
	fake.direct.peers[0].handshake.ns -= 200 * NS_PER_S;
	assert_int_equal(ask(pending), 3);
	SAYS("nrt: delete route 10.50.4.1/32 dev wgd0: its tunnel is dead\n");
}

static void
a_peer_that_lacks_something_is_completed(void **unused)
{
	(void)unused;
	wish("nrt", WAY_BY_TUNNEL);
	stage("nrt");
	fake.direct.peers[0].n_allowed--;
	assert_int_equal(ask(pending), 3);
	SAYS("nrt: complete peer 9ZK9FzSz");
}

static void
by_the_hub_and_not_spoken_of(void **unused)
{
	(void)unused;
	stage("nrt");
	route("10.50.4.1/32");
	assert_int_equal(ask(pending), 0);
	assert_int_equal(ask(pending_orphans), 1);
	SAYS("10.50.4.1/32: a route of ours on wgd0 of which the plan says nothing");
	wish("nrt", WAY_BY_HUB);
	assert_int_equal(ask(pending_orphans), 0);
	assert_int_equal(ask(pending), 1);
	SAYS("nrt: delete route 10.50.4.1/32 dev wgd0\n");
	fake_drop_route(fake.n_routes - 1);
	assert_int_equal(ask(pending), 0);
}

static void
by_a_relay(void **unused)
{
	struct prefix nrt = node("nrt")->prefixes[0];
	struct kernel_peer_change more = { .key = node("sin")->key,
		.allowed = &nrt,
		.n_allowed = 1 };

	(void)unused;
	wish("sin", WAY_BY_TUNNEL);
	wish("nrt", WAY_BY_RELAY);
	stage("sin");
	route("10.50.4.2/32");
	assert_int_equal(ask(pending), 2);
	SAYS("nrt: once sin is direct give its peer the prefixes, then 10 small and 10 "
	     "full-size probes");
	SAYS("nrt: add route 10.50.4.1/32 dev wgd0 src 10.50.5.1\n");
	assert_int_equal(kernel_peer_set(kernel, &more), 0);
	route("10.50.4.1/32");
	fake.direct.peers[0].handshake = (struct wall){ WORLD_WALL.ns - 60 * NS_PER_S };
	assert_int_equal(ask(pending), 0);
	/* From there to its own tunnel is another way. */
	wish("nrt", WAY_BY_TUNNEL);
	assert_true(ask(pending) > 0);
	SAYS("nrt: delete route 10.50.4.1/32 dev wgd0: it is to go another way\n");
	SAYS("nrt: add peer");
}

#undef CASE
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(from_nothing_each_step_is_said),
		CASE(what_is_right_is_not_said),
		CASE(a_dead_tunnel_is_no_tunnel),
		CASE(a_peer_that_lacks_something_is_completed),
		CASE(by_the_hub_and_not_spoken_of),
		CASE(by_a_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
