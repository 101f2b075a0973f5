/* SPDX-License-Identifier: MIT */
/*
 * The core in the foreground, as `meshopt apply` runs it: routes are permanent after
 * one more good round under their lease, nothing is taken away afterwards, and what no
 * plan speaks of stays as it is.
 *
 * links: optimizer/agent/core.c optimizer/agent/core_probe.c optimizer/agent/way.c
 * links: optimizer/agent/way_nat.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way_watch.c optimizer/agent/live.c
 * links: optimizer/agent/way_place.c optimizer/agent/core_word.c
 * links: optimizer/apply/pair.c tests/fakes/fleet.c
 * links: optimizer/agent/core_ask.c
 * links: optimizer/agent/way_hub.c
 */
#include "tests/unit/agent_rig.h"

#include <stdlib.h>
#include <string.h>

static int
setup_once(void **state)
{
	(void)setup(state);
	f.once = true;
	for (size_t i = HKG; i <= SIN; i++)
		fleet_start(&f, i);
	return 0;
}

static void
commits_back_to_back(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 8 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED); /* not yet */
	fleet_run(&f, 10 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
	/* Nobody will ask where a node behind NAT is seen. */
	assert_false(f.node[NRT].to[DUB].there);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 12 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	/* The far end may be undone much later. */
	fleet_hush(&f);
	fleet_run(&f, 600 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_STAGED);
	assert_int_equal(f.lost, 0);
}

static void
a_round_that_fails_takes_the_lease_back(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 8 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	f.eats_full = true;
	fleet_run(&f, 15 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_non_null(strstr(core_way(f.node[HKG].core, NRT)->why.text, "full-size"));
	assert_int_equal(f.lost, 0);
}

static void
what_is_not_spoken_of_is_left(void **state)
{
	struct way_wish wishes[FLEET_MAX] = { 0 };
	unsigned changes;

	(void)state;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 20 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	fleet_start(&f, HKG);
	changes = f.node[HKG].changes;
	for (size_t i = 0; i < f.n; i++)
		wishes[i].leave = true;
	core_want(f.node[HKG].core, wishes, (struct mono){ INT64_MAX }, f.now);
	fleet_run(&f, 20 * NS_PER_S);
	fleet_cut(&f, HKG, NRT, true);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_FIRM_ROUTE);
	assert_int_equal(f.node[HKG].changes, changes);
}

/* All three at the same time, as three people would type it. */
static void
a_relay_path_with_its_legs(void **state)
{
	(void)state;
	fleet_stream(&f, NRT, SIN);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_wish(&f, HKG, SIN, WAY_BY_TUNNEL, 0);
	fleet_wish(&f, NRT, SIN, WAY_BY_RELAY, HKG);
	fleet_run(&f, 50 * NS_PER_S);
	assert_int_equal(fleet_state(&f, NRT, SIN), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, SIN, NRT), WAY_DIRECT);
	assert_int_equal(f.node[NRT].to[SIN].via, HKG);
	assert_int_equal(f.lost, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_once, teardown)
	const struct CMUnitTest tests[] = {
		TEST(commits_back_to_back),
		TEST(a_round_that_fails_takes_the_lease_back),
		TEST(what_is_not_spoken_of_is_left),
		TEST(a_relay_path_with_its_legs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
