/* SPDX-License-Identifier: MIT */
/*
 * Tunnels that carry while the hub, or one leg to it, is dead: they are kept, however
 * bad they are, until the hub can take over.
 *
 * links: optimizer/agent/core.c optimizer/agent/core_probe.c optimizer/agent/way.c
 * links: optimizer/agent/way_nat.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way_watch.c
 * links: optimizer/agent/way_place.c optimizer/agent/core_word.c optimizer/agent/live.c
 * links: optimizer/apply/pair.c tests/fakes/fleet.c
 * links: optimizer/agent/core_ask.c
 */
#include "tests/unit/agent_rig.h"

#include <string.h>

/* The tunnel of hkg and nrt stands by, and the hub dies; both ends lease it. */
static void
lose_the_hub(void)
{
	fleet_cut(&f, HKG, DUB, true);
	fleet_cut(&f, NRT, DUB, true);
	fleet_run(&f, 5 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_LEASED);
}

/* Each test of the lease fails, and the hub is dead all the time. */
static void
a_bad_lifeline_is_kept(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 10 * NS_PER_S);
	f.eats_full = true;
	lose_the_hub();
	fleet_stream(&f, HKG, NRT);
	fleet_run(&f, 1800 * NS_PER_S);
	assert_int_equal(f.lost, 0);
	assert_non_null(strstr(core_way(f.node[HKG].core, NRT)->why.text, "full-size"));
}

/* Nor is one that was on trial when the hub died. */
static void
a_trial_that_fails_without_a_hub_is_kept(void **state)
{
	(void)state;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 15 * NS_PER_S);
	f.eats_full = true;
	lose_the_hub();
	fleet_stream(&f, HKG, NRT);
	fleet_run(&f, 600 * NS_PER_S);
	assert_int_equal(f.lost, 0);
}

/* A test that failed a moment before is to be waited for, but not by a lifeline. */
static void
a_failed_test_holds_no_lease_up(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 10 * NS_PER_S);
	f.eats_full = true;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	for (int i = 0; i < 20; i++) {
		fleet_run(&f, 60 * NS_PER_S);
		/* The plan is renewed, and the pause has doubled to its most. */
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	}
	assert_true(core_way(f.node[HKG].core, NRT)->retry_ns >= 600 * NS_PER_S);
	f.eats_full = false;
	lose_the_hub();
	fleet_stream(&f, HKG, NRT);
	fleet_run(&f, 600 * NS_PER_S);
	assert_int_equal(f.lost, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_bad_lifeline_is_kept),
		TEST(a_trial_that_fails_without_a_hub_is_kept),
		TEST(a_failed_test_holds_no_lease_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
