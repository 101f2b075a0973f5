/* SPDX-License-Identifier: MIT */
/*
 * Agents killed and started at any moment, plans that change at any moment, at both
 * ends independently, over tables and leases: no packet is lost by any of it while the
 * network is well, and when all is left alone the paths become what was wished.
 *
 * But one: an end that an older plan moves off a relay may do so in the second in which
 * the other, by a newer plan, comes back to it, since nothing shows an end that its far
 * end tests a relay path.  That is seen like any fault, or ends with the lease if its
 * agent is killed then.
 *
 * SCHEDULES=100000 in the environment for as many.
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

#include <stdlib.h>

#include "tests/unit/seed.h"

#define SCHEDULES 300
#define STEPS	  25
#define LEASE_NS  (61 * NS_PER_S)

static struct seed dice;

/* Of the pair NRT-SIN: what the plan in force says, for agents that start. */
static enum way_path said;

static void
tell(size_t i)
{
	if (!f.node[i].alive)
		return;
	for (size_t j = 1; j < f.n; j++) {
		enum way_path path = i == HKG || j == HKG ? WAY_BY_TUNNEL : said;

		if (j != i)
			fleet_wish_one(&f, i, j, path, HKG);
	}
}

static void
step(void)
{
	size_t i = HKG + seed_below(&dice, 3);

	switch (seed_below(&dice, 6)) {
	case 0:
		fleet_kill(&f, i);
		break;
	case 1:
		fleet_start(&f, i); /* dead or not: a kill and a start */
		tell(i);
		break;
	case 2:
		said = (enum way_path)seed_below(&dice, 3);
		tell(i); /* the others hear of it later */
		break;
	case 3:
		f.node[i].frozen = !f.node[i].frozen;
		break;
	default:
		tell(i);
		break;
	}
}

static bool
is_as_said(void)
{
	return way_path(core_way(f.node[NRT].core, SIN)) == said &&
	       way_path(core_way(f.node[SIN].core, NRT)) == said;
}

/* Until all is as wished, and then for as long again as anything may take. */
static void
leave_alone(void)
{
	bool was = false;

	for (size_t i = HKG; i <= SIN; i++) {
		f.node[i].frozen = false;
		if (!f.node[i].alive)
			fleet_start(&f, i);
	}
	for (int k = 0; k < 20 && !(was && is_as_said()); k++) {
		was = is_as_said();
		for (size_t i = HKG; i <= SIN; i++)
			tell(i);
		fleet_run(&f, 150 * NS_PER_S);
	}
}

static void
nothing_is_lost_by_kills_and_plans(void **state)
{
	const char *given = getenv("SCHEDULES");
	unsigned long n = given			     ? strtoul(given, NULL, 10)
			  : getenv("UNDER_VALGRIND") ? 2
						     : SCHEDULES;
	uint64_t sent = 0, lost = 0, crossed = 0;
	int64_t longest_ns = 0;

	(void)state;
	dice = seed_new("model");
	for (unsigned long s = 0; s < n; s++) {
		fleet_init(&f);
		fleet_stream(&f, NRT, SIN);
		said = WAY_BY_HUB;
		for (int k = 0; k < STEPS; k++) {
			step();
			fleet_run(&f, (int64_t)seed_below(&dice, 40000) * NS_PER_MS);
			/* systemd starts what has died. */
			for (size_t i = HKG; i <= SIN; i++) {
				if (!f.node[i].alive && seed_below(&dice, 2)) {
					fleet_start(&f, i);
					tell(i);
				}
			}
		}
		leave_alone();
		if (f.lost != f.crossed || f.longest_ns > LEASE_NS)
			fail_msg("schedule %lu: %u of %u packets lost, %u of them to "
				 "plans that crossed, for %.1f s",
			    s, f.lost, f.sent, f.crossed,
			    (double)f.longest_ns / NS_PER_S);
		sent += f.sent;
		lost += f.lost;
		crossed += f.lost > 0;
		if (f.longest_ns > longest_ns)
			longest_ns = f.longest_ns;
		if (!is_as_said())
			fail_msg("schedule %lu: wished %d, and it is %d and %d", s,
			    said, way_path(core_way(f.node[NRT].core, SIN)),
			    way_path(core_way(f.node[SIN].core, NRT)));
		fleet_fini(&f);
	}
	print_message("%lu schedules, %llu packets; %llu lost in %llu of them to plans "
		      "that crossed, for %.1f s at most\n",
	    n, (unsigned long long)sent, (unsigned long long)lost,
	    (unsigned long long)crossed, (double)longest_ns / NS_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_by_kills_and_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
