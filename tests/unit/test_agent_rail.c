/* SPDX-License-Identifier: MIT */
/*
 * What a plan says of the hub is held against what the ends measure by it.
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

/* hkg to nrt by the hub, whatever the plan thinks. */
static void
hub_takes(int64_t us)
{
	f.rtt_us[HKG][DUB] = f.rtt_us[DUB][HKG] = us / 2;
	f.rtt_us[NRT][DUB] = f.rtt_us[DUB][NRT] = us - us / 2;
}

/* A plan that praises what is slower than the hub, as a stolen collector can. */
static void
a_tunnel_slower_than_the_hub_is_not_begun(void **state)
{
	static const struct {
		int64_t hub_us;
		bool direct;
	} rows[] = { { 492000, true }, { 49001, true }, { 49000, false },
		{ 20000, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fleet_fini(&f);
		fleet_init(&f);
		fleet_stream(&f, HKG, NRT);
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
		hub_takes(rows[i].hub_us);
		fleet_run(&f, 300 * NS_PER_S);
		if (!f.node[HKG].to[NRT].route == rows[i].direct ||
		    !f.node[NRT].to[HKG].route == rows[i].direct)
			fail_msg("row %zu: %d", i, f.node[HKG].to[NRT].route);
		assert_int_equal(f.lost, 0);
		if (rows[i].direct)
			continue;
		assert_non_null(strstr(f.node[HKG].last[NRT].text, "as measured here"));
		/* Said once, and held until it is worth another look. */
		assert_int_equal(f.node[HKG].events[CORE_FAULT], 1);
		hub_takes(492000);
		fleet_run(&f, 590 * NS_PER_S);
		assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
		fleet_run(&f, 120 * NS_PER_S);
		assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	}
}

static void
nor_in_place(void **state)
{
	(void)state;
	fleet_place(&f);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	hub_takes(49000);
	fleet_run(&f, 300 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	assert_non_null(strstr(f.node[HKG].last[NRT].text, "as measured here"));
}

/* The plan's figure of the hub is as high as ever. */
static void
a_tunnel_slower_than_the_hub_is_left(void **state)
{
	static const struct {
		int64_t hub_us;
		bool left;
	} rows[] = { { 46000, false }, { 43000, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fleet_fini(&f);
		fleet_init(&f);
		make_direct(HKG, NRT);
		fleet_run(&f, 70 * NS_PER_S);
		hub_takes(rows[i].hub_us);
		fleet_run(&f, 290 * NS_PER_S);
		assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
		fleet_run(&f, 410 * NS_PER_S);
		if (!f.node[HKG].to[NRT].route != rows[i].left ||
		    !f.node[NRT].to[HKG].route != rows[i].left)
			fail_msg("row %zu", i);
	}
	assert_non_null(
	    strstr(core_way(f.node[HKG].core, NRT)->why.text, "more than 1.1 x"));
}

/* So does an agent that starts when the tunnel is in use, and never saw the hub. */
static void
a_restart_measures_by_the_tunnel(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_start(&f, HKG);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 30 * NS_PER_S);
	assert_in_range(core_way(f.node[HKG].core, NRT)->hub.rtt_us, 491000, 493000);
	hub_takes(43000);
	fleet_run(&f, 700 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
}

/* A hub that lets no such probes through: the plan is all there is. */
static void
what_cannot_be_measured_is_believed_later(void **state)
{
	(void)state;
	f.mute_by_hub[HKG] = f.mute_by_hub[NRT] = true;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 15 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_VERIFIED);
	fleet_run(&f, 10 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_tunnel_slower_than_the_hub_is_not_begun),
		TEST(nor_in_place),
		TEST(a_tunnel_slower_than_the_hub_is_left),
		TEST(a_restart_measures_by_the_tunnel),
		TEST(what_cannot_be_measured_is_believed_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
