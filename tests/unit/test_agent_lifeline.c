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
 * links: optimizer/agent/way_hub.c
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

/*
 * Of the two legs that pairs have to the hub this one's dies.  The other end's hub
 * answers, but what it sends there arrives no more.
 */
static void
a_dead_leg_is_seen_from_both_ends(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	for (size_t i = 0; i < 2; i++) {
		size_t far = i ? HKG : NRT, near = i ? NRT : HKG;

		fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
		fleet_run(&f, 10 * NS_PER_S);
		fleet_stream(&f, HKG, NRT);
		fleet_cut(&f, near, DUB, true);
		fleet_run(&f, 10 * NS_PER_S);
		assert_int_equal(fleet_state(&f, near, far), WAY_LEASED);
		assert_int_equal(fleet_state(&f, far, near), WAY_LEASED);
		assert_true(mono_diff(f.last_lost, f.first_lost) < 3 * NS_PER_S);
		assert_non_null(strstr(f.node[far].last[near].text, "by the hub"));
		fleet_stream(&f, HKG, NRT);
		fleet_run(&f, 600 * NS_PER_S);
		/* Both go back when it has answered for a minute. */
		fleet_cut(&f, near, DUB, false);
		fleet_run(&f, 55 * NS_PER_S);
		assert_int_equal(fleet_state(&f, far, near), WAY_LEASED);
		fleet_run(&f, 20 * NS_PER_S);
		assert_int_equal(f.node[far].to[near].route, WAY_NO_ROUTE);
		assert_int_equal(f.node[near].to[far].route, WAY_NO_ROUTE);
		assert_int_equal(f.lost, 0);
		fleet_hush(&f);
		make_direct(HKG, NRT);
	}
}

/* A far end that never answers there is not lost: it is asked what nobody answers. */
static void
an_end_that_is_mute_by_the_hub_is_not_lost(void **state)
{
	(void)state;
	f.mute_by_hub[HKG] = f.mute_by_hub[NRT] = true;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 120 * NS_PER_S);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	/* Nor is one that fell mute while nobody sent there. */
	f.mute_by_hub[HKG] = f.mute_by_hub[NRT] = false;
	make_direct(HKG, NRT);
	f.mute_by_hub[HKG] = f.mute_by_hub[NRT] = true;
	fleet_run(&f, 60 * NS_PER_S);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_bad_lifeline_is_kept),
		TEST(a_trial_that_fails_without_a_hub_is_kept),
		TEST(a_failed_test_holds_no_lease_up),
		TEST(a_dead_leg_is_seen_from_both_ends),
		TEST(an_end_that_is_mute_by_the_hub_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
