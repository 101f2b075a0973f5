/* SPDX-License-Identifier: MIT */
/*
 * Whole runs against a kernel in memory, a prober that the test directs, and a clock
 * that moves only when the run waits: what goes well, and taking it back.
 *
 * links: optimizer/apply/goals.c optimizer/apply/state.c optimizer/apply/preflight.c
 * links: optimizer/apply/steps.c optimizer/apply/steps_text.c optimizer/apply/pair.c
 * links: optimizer/apply/run_pairs.c optimizer/apply/run.c optimizer/decide/plan.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c tests/fakes/air.c
 */
#include <errno.h>

#include "tests/unit/apply_run.h"

static void
a_dry_run_touches_nothing(void **unused)
{
	(void)unused;
	assert_int_equal(run("nrt=direct:49 sin=direct:49", false), 0);
	assert_int_equal(result.steps.n, 9);
	assert_int_equal(result.failed, 0);
	assert_int_equal(fake_changes(), 0);
	assert_int_equal(air.sent, 0);
}

static void
pairs_become_direct_side_by_side(void **unused)
{
	struct mono began = fake.now;

	(void)unused;
	assert_int_equal(run("nrt=direct:49 sin=direct:49 syd=direct:49", true), 0);
	assert_int_equal(result.done, 3);
	assert_int_equal(result.failed, 0);
	assert_int_equal(ours("10.50.4.1/32"), 1);
	assert_int_equal(ours("10.50.4.2/32"), 1);
	assert_int_equal(ours("10.50.4.3/32"), 1);
	assert_int_equal(ours("10.50.6.0/24"), 1);
	assert_int_equal(fake.calls[FAKE_PEER_SET], 3);
	assert_int_equal(air.sent, 3 * 2 * PAIR_PROBES);
	assert_int_equal(result.pair[0].median_us, 49200);
	/* Three pairs at once take no longer than one. */
	assert_true(mono_diff(fake.now, began) < 3 * NS_PER_S);
	for (size_t i = 2; i < fake.n_routes; i++)
		assert_true(addr_equal(&fake.routes[i].src,
		    &mesh->nodes[mesh_find(mesh, "hkg")].address.addr));
}

static void
a_second_run_changes_nothing(void **unused)
{
	unsigned before;

	(void)unused;
	assert_int_equal(run("nrt=direct:49 sin=direct:49 syd=hub", true), 0);
	before = fake_changes();
	assert_int_equal(run("nrt=direct:49 sin=direct:49 syd=hub", true), 0);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(result.steps.n, 0);
	assert_int_equal(result.done, 2);
	assert_int_equal(result.failed, 0);
	assert_int_equal(air.sent, 40);
}

static void
a_plan_that_says_hub_takes_routes_back(void **unused)
{
	struct table before = table();
	size_t peers;

	(void)unused;
	assert_int_equal(run("nrt=direct:49 syd=direct:49", true), 0);
	peers = fake.direct.n_peers;
	assert_int_equal(run("nrt=hub syd=direct:49", true), 0);
	assert_int_equal(result.done, 2);
	assert_int_equal(ours("10.50.4.1/32"), 0);
	assert_int_equal(ours("0.0.0.0/0"), 2);
	assert_int_equal(run("nrt=hub syd=hub", true), 0);
	assert_table(&before);
	/* The other end may still send. */
	assert_int_equal(fake.direct.n_peers, peers);
	assert_int_equal(fake.calls[FAKE_LINK_DEL], 0);
}

static void
undo_restores_the_table(void **unused)
{
	struct table before;
	struct table staged;

	(void)unused;
	/* Others' routes, some of which look a little like ours. */
	fake_add_route("10.60.0.0/16", FAKE_OTHER_IFINDEX, RTPROT_MESHOPT);
	fake_add_route("10.61.0.0/16", FAKE_HUB_IFINDEX, 4);
	before = table();
	assert_int_equal(run("nrt=direct:49 sin=direct:49 syd=direct:49", true), 0);
	fake_add_route("10.62.0.0/16", FAKE_DIRECT_IFINDEX, 4); /* an operator's */
	staged = table();
	assert_int_equal(undo(false), 0);
	assert_int_equal(result.steps.n, 4);
	assert_table(&staged);
	assert_int_equal(undo(true), 0);
	assert_int_equal(result.done, 4);
	assert_int_equal(fake.routes[fake.n_routes - 1].protocol, 4);
	fake.n_routes--;
	assert_table(&before);
	assert_int_equal(fake.direct.n_peers, 3);
	fake.n_routes++;
	assert_int_equal(undo(true), 0);
	assert_int_equal(result.steps.n, 0);
}

static void
undo_goes_on_after_a_failure(void **unused)
{
	(void)unused;
	assert_int_equal(run("nrt=direct:49 sin=direct:49", true), 0);
	fake.fail_call = FAKE_ROUTE_DEL;
	fake.fail_rc = -EBUSY;
	fake.fail_after = fake.calls[FAKE_ROUTE_DEL] + 1;
	assert_int_equal(undo(true), -EBUSY);
	assert_int_equal(result.done, 1);
	assert_int_equal(result.failed, 1);
}

static void
an_interruption_leaves_pairs_whole(void **unused)
{
	struct table before = table();

	(void)unused;
	air.stop_at = mono_add(fake.now, NS_PER_S); /* while it probes */
	assert_int_equal(run("nrt=direct:49 syd=direct:49", true), 0);
	assert_int_equal(result.failed, 2);
	assert_non_null(strstr(why(0), "nrt: interrupted; it stays by the hub"));
	assert_table(&before);
	/* And the next run goes on from there. */
	air.stop_at.ns = 0;
	air.n = 0;
	assert_int_equal(run("nrt=direct:49 syd=direct:49", true), 0);
	assert_int_equal(result.done, 2);
	assert_int_equal(fake.calls[FAKE_PEER_SET], 2);
}

static void
a_dead_tunnel_is_taken_off_first(void **unused)
{
	(void)unused;
	assert_int_equal(run("nrt=direct:49", true), 0);
	fake.now = mono_add(fake.now, 600 * NS_PER_S);
	fake.silent = fake.direct.peers[0].key; /* it stays dead */
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_int_equal(result.failed, 1);
	assert_int_equal(ours("0.0.0.0/0"), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_dry_run_touches_nothing),
		CASE(pairs_become_direct_side_by_side),
		CASE(a_second_run_changes_nothing),
		CASE(a_plan_that_says_hub_takes_routes_back),
		CASE(undo_restores_the_table),
		CASE(undo_goes_on_after_a_failure),
		CASE(an_interruption_leaves_pairs_whole),
		CASE(a_dead_tunnel_is_taken_off_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
