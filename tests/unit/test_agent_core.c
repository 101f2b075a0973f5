/* SPDX-License-Identifier: MIT */
/*
 * The agent's core: two ends and more of it, each with a kernel of tables, in a network
 * that fails.
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

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often a thing is tried at another phase; valgrind is forty times slower. */
static size_t
tries(size_t n)
{
	return getenv("UNDER_VALGRIND") ? n / 20 + 1 : n;
}

static void
promotes_without_a_loss(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	fleet_run(&f, 2 * NS_PER_S);
	assert_int_equal(f.node[HKG].changes + f.node[NRT].changes, 0);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 10 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	fleet_run(&f, 45 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED); /* not yet */
	fleet_run(&f, 25 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
	assert_int_equal(f.node[HKG].events[CORE_DIRECT], 1);
	assert_int_equal(f.node[HKG].events[CORE_STAGED], 1);
	assert_int_equal(f.node[HKG].events[CORE_FAULT], 0);
	fleet_run(&f, 600 * NS_PER_S);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, NS_PER_S);
	/* One end goes at once, and the other when it has seen that. */
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_FIRM_ROUTE);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	fleet_run(&f, 2 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[HKG].events[CORE_WITHDRAWN], 1);
	assert_int_equal(f.node[NRT].events[CORE_WITHDRAWN], 1);
	assert_int_equal(f.node[HKG].events[CORE_DEMOTED], 0);
	assert_int_equal(f.node[NRT].events[CORE_DEMOTED], 0);
	/* Nobody uses it any more: the peers go. */
	fleet_run(&f, 300 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_HUB);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_HUB);
	assert_int_equal(f.lost, 0);
}

/* The publisher goes by what is said after the plan that asks for it. */
static void
what_no_plan_took_away_is_told_again(void **state)
{
	(void)state;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 10 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, NS_PER_S);
	assert_int_equal(f.node[HKG].events[CORE_DIRECT], 0); /* a lease is none yet */
	make_direct(HKG, NRT);
	f.node[HKG].frozen = f.node[NRT].frozen = true;
	fleet_run(&f, 10 * NS_PER_S);
	f.node[HKG].events[CORE_DIRECT] = 0;
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[HKG].events[CORE_DIRECT], 0);
	for (int i = 0; i < 2; i++) { /* once for both */
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
		fleet_run(&f, 10 * NS_PER_S);
		assert_int_equal(f.node[HKG].events[CORE_DIRECT], 1);
	}
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
}

/* The plan has not reached the end that is to go first, or nothing runs there. */
static void
waits_for_the_first_only_so_long(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_stream(&f, HKG, NRT);
	fleet_kill(&f, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 9 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_FIRM_ROUTE);
	fleet_run(&f, 2 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.lost, 0);
}

static void
either_end_may_be_first(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	fleet_kill(&f, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_STAGED);
	assert_non_null(strstr(f.node[HKG].last[NRT].text, "no handshake in 15 s"));
	/* The key that it must have there is named. */
	assert_non_null(strstr(f.node[HKG].last[NRT].text, "is its key 9ZK9"));
	fleet_start(&f, NRT);
	fleet_wish(&f, NRT, HKG, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
	assert_int_equal(f.lost, 0);
}

/* One way or both ways: the probes go both, so both ends see it. */
static void
dead_path_falls_back_within_a_second(void **state)
{
	static const bool ways[][2] = { { true, true }, { true, false },
		{ false, true } };

	(void)state;
	make_direct(HKG, NRT);
	for (size_t i = 0; i < tries(100); i++) {
		f.cut[HKG][NRT] = ways[i % 3][0];
		f.cut[NRT][HKG] = ways[i % 3][1];
		/* At every phase of the beat. */
		fleet_stream(&f, HKG, NRT);
		fleet_run(&f, 5 * NS_PER_S);
		assert_true(f.lost > 0);
		assert_true(mono_diff(f.last_lost, f.first_lost) < NS_PER_S);
		assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
		assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
		fleet_cut(&f, HKG, NRT, false);
		fleet_hush(&f);
		assert_int_equal(f.node[HKG].events[CORE_DEMOTED], i + 1);
		assert_int_equal(f.node[NRT].events[CORE_DEMOTED], i + 1);
		assert_int_equal(f.node[HKG].events[CORE_WITHDRAWN], 0);
		/* The dwell: nothing for a quarter of an hour. */
		fleet_run(&f, 880 * NS_PER_S);
		assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0); /* fresh */
		fleet_run(&f, 120 * NS_PER_S + (int64_t)i * 37 * NS_PER_MS);
		assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	}
}

static void
dead_hub_promotes_what_stands_by(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 10 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	fleet_stream(&f, HKG, NRT);
	for (size_t i = 1; i < f.n; i++)
		fleet_cut(&f, i, DUB, true);
	fleet_run(&f, 5 * NS_PER_S);
	assert_true(f.lost > 0);
	assert_true(mono_diff(f.last_lost, f.first_lost) < NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	fleet_run(&f, 300 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED); /* and no further */
	/* An agent that starts meanwhile keeps it up. */
	fleet_start(&f, HKG);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 300 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	assert_true(mono_diff(f.last_lost, f.first_lost) < NS_PER_S);
	for (size_t i = 1; i < f.n; i++)
		fleet_cut(&f, i, DUB, false);
	fleet_run(&f, 50 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	fleet_run(&f, 20 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route,
	    WAY_NO_ROUTE); /* as the plan says */
	assert_true(mono_diff(f.last_lost, f.first_lost) < NS_PER_S);
}

static void
dead_hub_leaves_direct_pairs_alone(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_stream(&f, HKG, NRT);
	for (size_t i = 1; i < f.n; i++)
		fleet_cut(&f, i, DUB, true);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.lost, 0);
	/* Both dead: the fault is more likely here than everywhere else. */
	unsigned before = f.node[HKG].changes;

	fleet_cut(&f, HKG, NRT, true);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[HKG].changes, before);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
}

static void
both_dead_at_once_changes_nothing(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	for (size_t i = 0; i < tries(40); i++) {
		unsigned before = f.node[HKG].changes;

		fleet_cut(&f, HKG, NRT, true);
		fleet_cut(&f, HKG, DUB, true);
		fleet_run(&f, 10 * NS_PER_S);
		assert_int_equal(f.node[HKG].changes, before);
		fleet_cut(&f, HKG, NRT, false);
		fleet_cut(&f, HKG, DUB, false);
		fleet_run(&f, 30 * NS_PER_S + (int64_t)i * 23 * NS_PER_MS);
		assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
		/* The far end sees its hub, so it may go back there, and does no harm.
		 */
		fleet_start(&f, NRT);
		fleet_wish(&f, NRT, HKG, WAY_BY_TUNNEL, 0);
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
		fleet_run(&f, 100 * NS_PER_S);
	}
}

static void
steady_restart_changes_nothing(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_stream(&f, HKG, NRT);
	for (size_t i = 0; i < tries(100); i++) {
		unsigned before = f.node[HKG].changes;

		fleet_start(&f, HKG);
		f.node[HKG].events[CORE_DIRECT] = 0;
		if (i % 2) /* the plan comes later */
			fleet_run(&f, 7 * NS_PER_S);
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
		fleet_run(&f, 100 * NS_PER_S + (int64_t)i * 17 * NS_PER_MS);
		assert_int_equal(f.node[HKG].changes, before);
		assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
		/* The last agent may have died before it could say so; and nobody
		 * believes of a plan what was said before it. */
		assert_int_equal(f.node[HKG].events[CORE_DIRECT], 1 + i % 2);
	}
	assert_int_equal(f.lost, 0);
}

static void
killed_agent_loses_its_lease(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 20 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	fleet_kill(&f, HKG);
	fleet_run(&f, 61 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	fleet_start(&f, HKG);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 20 * NS_PER_S);
	/* Killed and back in time: it goes on from its lease. */
	fleet_start(&f, HKG);
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 80 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	/* Committed: stays, dead agent or not. */
	fleet_kill(&f, HKG);
	fleet_run(&f, 600 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_FIRM_ROUTE);
	assert_int_equal(f.lost, 0);
}

static void
bad_tunnels_carry_nothing(void **state)
{
	static const struct {
		const char *name, *words;
		bool deaf, eats;
		int64_t rtt_us;
	} rows[] = {
		{ "mtu", "full-size probes", false, true, 49000 },
		{ "promise", "but the plan promised", false, false, 90000 },
		{ "rp_filter", "takes no packet from this node's overlay", true, false,
		    49000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fleet_fini(&f);
		fleet_init(&f);
		fleet_stream(&f, HKG, NRT);
		f.deaf[NRT] = rows[i].deaf;
		f.eats_full = rows[i].eats;
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
		f.rtt_us[HKG][NRT] = f.rtt_us[NRT][HKG] = rows[i].rtt_us;
		fleet_run(&f, 300 * NS_PER_S);
		if (f.node[HKG].to[NRT].route)
			fail_msg("%s: switched", rows[i].name);
		if (!strstr(f.node[HKG].last[NRT].text, rows[i].words))
			fail_msg("%s: said: %s", rows[i].name,
			    f.node[HKG].last[NRT].text);
		assert_int_equal(f.lost, 0);
	}
}

/*
 * 5 % each way are 98 of 1000 echoes. One test of 20 probes passes one time in eight,
 * and is tried again; what is leased is in use.
 */
static void
lossy_tunnels_are_not_begun(void **state)
{
	unsigned leased = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		fleet_fini(&f);
		fleet_init(&f);
		f.drops_permille = 98;
		f.dice = seed * 2654435761U;
		fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
		for (int s = 0; s < 800; s += 10) {
			fleet_run(&f, 10 * NS_PER_S);
			leased += fleet_state(&f, HKG, NRT) >= WAY_LEASED;
			assert_int_not_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
		}
	}
	print_message("leased at %u of 4000 looks\n", leased);
	assert_in_range(leased, 0, 6); /* one lease */
}

static void
refusals_are_waited_out(void **state)
{
	(void)state;
	f.node[HKG].tokens = 0;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 120 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_VERIFIED);
	/* To wait is no bad verdict. */
	assert_int_equal(f.node[HKG].events[CORE_REFUSED], 0);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
	f.node[HKG].tokens = 1;
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
}

/* The mesh file was read again while probes were under way: indices moved. */
static void
answers_of_another_roster_are_nobodys(void **state)
{
	uint64_t before;
	struct core *c;

	(void)state;
	make_direct(HKG, NRT);
	before = f.seq;
	fleet_start(&f, HKG);
	c = f.node[HKG].core;
	for (int i = 0; i < 2; i++) {
		core_answer(c, NRT * CORE_KINDS + CORE_LIVE, before, 7000, false);
		core_answer(c, 9999 * CORE_KINDS, before, 7000, false);
		core_lost(c, 9999 * CORE_KINDS + CORE_SMALL, before);
		assert_int_equal(core_way(c, NRT)->live.rtt_us,
		    i ? 49000 : LIVE_UNKNOWN);
		fleet_run(&f, NS_PER_S);
	}
}

/* Two that are tried again each second, by a kernel that refuses. */
static void
the_same_refusal_is_told_once(void **state)
{
	unsigned told;

	(void)state;
	make_direct(HKG, NRT);
	make_direct(HKG, SIN);
	f.withdraw_rc = -EIO;
	fleet_cut(&f, HKG, NRT, true);
	fleet_cut(&f, HKG, SIN, true);
	told = f.node[HKG].events[CORE_REFUSED];
	fleet_run(&f, 290 * NS_PER_S);
	told = f.node[HKG].events[CORE_REFUSED] - told;
	assert_int_equal(told, 2);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	f.withdraw_rc = 0;
	fleet_run(&f, 5 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[HKG].to[SIN].route, WAY_NO_ROUTE);
}

/* Leased while the hub was silent, wished since, and no change is left to commit it. */
static void
lease_lives_while_its_commit_waits(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, 10 * NS_PER_S);
	fleet_cut(&f, HKG, DUB, true);
	fleet_run(&f, 10 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	f.node[HKG].tokens = 0;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_cut(&f, HKG, DUB, false);
	for (int i = 0; i < 60; i++) {
		fleet_run(&f, 10 * NS_PER_S);
		assert_int_equal(fleet_state(&f, HKG, NRT), WAY_LEASED);
	}
	assert_int_equal(f.node[HKG].events[CORE_REFUSED], 0);
	f.node[HKG].tokens = 1;
	fleet_run(&f, 30 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
}

static void
frozen_nodes_only_withdraw(void **state)
{
	unsigned before;

	(void)state;
	make_direct(HKG, NRT);
	f.node[HKG].frozen = true;
	fleet_run(&f, 10 * NS_PER_S);
	before = f.node[HKG].changes;
	fleet_wish(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_wish(&f, HKG, SIN, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[HKG].changes, before);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	fleet_cut(&f, HKG, NRT, true);
	fleet_run(&f, 5 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
}

static void
operators_are_not_fought(void **state)
{
	unsigned before;

	(void)state;
	make_direct(HKG, NRT);
	f.node[HKG].to[NRT].foreign = true;
	f.node[HKG].to[NRT].route = WAY_NO_ROUTE;
	before = f.node[HKG].changes;
	fleet_run(&f, 600 * NS_PER_S);
	assert_int_equal(f.node[HKG].changes, before);
	assert_int_equal(f.node[HKG].events[CORE_OPERATOR], 1);
	/* But our own routes do not stay where nothing arrives. */
	fleet_start(&f, HKG);
	f.node[HKG].to[NRT].route = WAY_FIRM_ROUTE;
	fleet_run(&f, 30 * NS_PER_S);
	before = f.node[HKG].changes;
	fleet_cut(&f, HKG, NRT, true);
	fleet_run(&f, 5 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[HKG].changes, before + 1);
}

static void
relay_paths_switch_without_a_loss(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_stream(&f, NRT, SIN);
	/* Asked for before its tunnels are there: it waits for them. */
	fleet_wish(&f, NRT, SIN, WAY_BY_RELAY, HKG);
	fleet_run(&f, 30 * NS_PER_S);
	assert_int_equal(fleet_state(&f, NRT, SIN), WAY_STAGED);
	assert_int_equal(fleet_state(&f, SIN, NRT), WAY_HUB);
	make_direct(HKG, SIN);
	fleet_run(&f, 300 * NS_PER_S);
	assert_int_equal(fleet_state(&f, NRT, SIN), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, SIN, NRT), WAY_DIRECT);
	assert_int_equal(f.node[NRT].to[SIN].via, HKG);
	assert_int_equal(f.lost, 0);
	/* From the relay to a tunnel of its own and back, by way of the hub. */
	fleet_wish(&f, NRT, SIN, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 200 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[SIN].staged, WAY_BY_TUNNEL);
	assert_int_equal(fleet_state(&f, NRT, SIN), WAY_DIRECT);
	fleet_wish(&f, NRT, SIN, WAY_BY_RELAY, HKG);
	fleet_run(&f, 200 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[SIN].staged, WAY_BY_RELAY);
	assert_int_equal(fleet_state(&f, NRT, SIN), WAY_DIRECT);
	assert_int_equal(f.lost, 0);
}

static void
dead_relay_falls_back_within_a_second(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	make_direct(HKG, SIN);
	fleet_wish(&f, NRT, SIN, WAY_BY_RELAY, HKG);
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(fleet_state(&f, NRT, SIN), WAY_DIRECT);
	fleet_stream(&f, NRT, SIN);
	/* The relay as a whole: its tunnels and its way to the hub. */
	fleet_kill(&f, HKG);
	fleet_cut(&f, HKG, NRT, true);
	fleet_cut(&f, HKG, SIN, true);
	fleet_cut(&f, HKG, DUB, true);
	fleet_run(&f, 10 * NS_PER_S);
	assert_true(f.lost > 0);
	assert_true(mono_diff(f.last_lost, f.first_lost) < NS_PER_S);
	assert_int_equal(f.node[NRT].to[SIN].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[SIN].to[NRT].route, WAY_NO_ROUTE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(promotes_without_a_loss),
		TEST(what_no_plan_took_away_is_told_again),
		TEST(waits_for_the_first_only_so_long),
		TEST(either_end_may_be_first),
		TEST(dead_path_falls_back_within_a_second),
		TEST(dead_hub_promotes_what_stands_by),
		TEST(dead_hub_leaves_direct_pairs_alone),
		TEST(both_dead_at_once_changes_nothing),
		TEST(steady_restart_changes_nothing),
		TEST(killed_agent_loses_its_lease),
		TEST(bad_tunnels_carry_nothing),
		TEST(lossy_tunnels_are_not_begun),
		TEST(refusals_are_waited_out),
		TEST(answers_of_another_roster_are_nobodys),
		TEST(the_same_refusal_is_told_once),
		TEST(lease_lives_while_its_commit_waits),
		TEST(frozen_nodes_only_withdraw),
		TEST(operators_are_not_fought),
		TEST(relay_paths_switch_without_a_loss),
		TEST(dead_relay_falls_back_within_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
