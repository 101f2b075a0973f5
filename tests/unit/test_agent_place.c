/* SPDX-License-Identifier: MIT */
/*
 * The agent's core in place, where two ends must move together: what it costs, what it
 * costs at most, and that nobody stays alone for long, whatever dies.  A packet of the
 * fleet's stream is lost while the two kernels differ; what is under way at that moment
 * is of the lab.
 *
 * links: optimizer/agent/core.c optimizer/agent/core_probe.c optimizer/agent/way.c
 * links: optimizer/agent/way_nat.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way_place.c optimizer/agent/core_word.c
 * links: optimizer/agent/way_watch.c optimizer/agent/live.c
 * links: optimizer/agent/word.c
 * links: optimizer/apply/pair.c tests/fakes/fleet.c
 * links: optimizer/agent/core_ask.c
 * links: optimizer/agent/way_hub.c
 */
#include "tests/unit/agent_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/agent/word.h"
#include "tests/unit/seed.h"

#define SCHEDULES 100

/* Of the stream: 100/s each way; between hkg and nrt a word takes 25 ms. */
#define A_TURN	 14  /* a word's way, and what netd takes */
#define NOTICED	 200 /* 3 beats, and the hub's answer */
#define FOLLOWED 500 /* 2 s that it may take, and likewise */

static int
setup_place(void **state)
{
	(void)setup(state);
	fleet_place(&f);
	return 0;
}

static void
together(size_t a, size_t b)
{
	if (!f.node[a].to[b].route != !f.node[b].to[a].route)
		fail_msg("%zu: %d, %zu: %d", a, f.node[a].to[b].route, b,
		    f.node[b].to[a].route);
}

static void
both_ends_move_a_word_apart(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	make_direct(HKG, NRT);
	assert_in_range(f.lost, 1, A_TURN);
	assert_int_equal(f.node[HKG].events[CORE_FAULT], 0);
	f.lost = 0;
	fleet_run(&f, 600 * NS_PER_S);
	assert_int_equal(f.lost, 0);
	/* One end hears of another plan first: the other goes with it. */
	fleet_wish_one(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	assert_in_range(f.lost, 1, A_TURN);
	/* Nor does it bring a dwell. */
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_LEASE_ROUTE);
	fleet_wish_one(&f, HKG, NRT, WAY_BY_HUB, 0);
	fleet_run(&f, NS_PER_S);
	f.lost = 0;
	fleet_wish_one(&f, NRT, HKG, WAY_BY_HUB, 0);
	fleet_run(&f, 400 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_HUB);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_HUB);
	assert_int_equal(f.lost, 0);
}

/* Nothing that only one end wants or can is begun. */
static void
nobody_moves_before_both_are_ready(void **state)
{
	(void)state;
	fleet_stream(&f, HKG, NRT);
	fleet_wish_one(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 100 * NS_PER_S);
	f.node[NRT].frozen = true;
	fleet_wish_one(&f, NRT, HKG, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 100 * NS_PER_S);
	f.node[NRT].frozen = false;
	f.node[NRT].tokens = 0;
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	f.node[NRT].tokens = 10;
	f.node[HKG].tokens = 0;
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	f.node[HKG].tokens = 10;
	f.mute = true; /* without words likewise */
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	assert_int_equal(f.lost, 0);
	f.mute = false;
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(fleet_state(&f, HKG, NRT), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
}

/* A node that may make one change more promises one, and not two. */
static void
no_more_is_promised_than_can_be_kept(void **state)
{
	int direct;

	(void)state;
	f.node[SIN].tokens = 1; /* both others start towards it */
	fleet_stream(&f, SIN, NRT);
	fleet_wish(&f, SIN, NRT, WAY_BY_TUNNEL, 0);
	fleet_wish(&f, SIN, HKG, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 120 * NS_PER_S);
	together(SIN, NRT);
	together(SIN, HKG);
	direct = (f.node[SIN].to[NRT].route != 0) + (f.node[SIN].to[HKG].route != 0);
	assert_int_equal(direct, 1);
	assert_in_range(f.lost, 0, A_TURN);
	assert_int_equal(f.node[NRT].events[CORE_DEMOTED], 0);
	assert_int_equal(f.node[HKG].events[CORE_DEMOTED], 0);
}

/* It was ready, and died before the other was. */
static void
old_words_are_not_believed(void **state)
{
	(void)state;
	f.node[NRT].frozen = true;
	f.node[NRT].to[HKG].staged = WAY_BY_TUNNEL;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 30 * NS_PER_S);
	fleet_kill(&f, HKG);
	f.node[NRT].frozen = false;
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[NRT].events[CORE_DEMOTED], 0);
}

/* What its netd refuses is not tried again and again, at 2 s of silence each. */
static void
an_end_that_cannot(void **state)
{
	(void)state;
	f.refuses[HKG] = true;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_stream(&f, HKG, NRT);
	fleet_run(&f, 600 * NS_PER_S);
	together(HKG, NRT);
	assert_int_equal(f.node[NRT].events[CORE_DEMOTED], 1);
	assert_in_range(f.lost, 1, FOLLOWED);
}

/* One way or both ways, at every phase of the beat. */
static void
a_dead_path_is_left_by_both(void **state)
{
	unsigned worst = 0;

	(void)state;
	for (size_t i = 0; i < (getenv("UNDER_VALGRIND") ? 3u : 30u); i++) {
		fleet_fini(&f);
		fleet_init(&f);
		fleet_place(&f);
		make_direct(HKG, NRT);
		fleet_run(&f, (int64_t)i * 7 * NS_PER_MS);
		fleet_stream(&f, HKG, NRT);
		f.cut[HKG][NRT] = i % 3 != 1;
		f.cut[NRT][HKG] = i % 3 != 2;
		fleet_run(&f, 10 * NS_PER_S);
		assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
		assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
		worst = f.lost > worst ? f.lost : worst;
	}
	assert_in_range(worst, 1, NOTICED);
}

/* Its agent and netd die, and stay dead: while all is well nothing happens. */
static void
a_dead_agent_changes_nothing(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_stream(&f, HKG, NRT);
	fleet_kill(&f, NRT);
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(f.lost, 0);
	fleet_start(&f, NRT);
	fleet_wish_one(&f, NRT, HKG, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 100 * NS_PER_S);
	assert_int_equal(f.lost, 0);
	assert_int_equal(fleet_state(&f, NRT, HKG), WAY_DIRECT);
}

/* Whoever dies between the two moves, and whoever after: the other is soon alone, and
 * goes back; a restart takes back what was not committed. */
static void
killed_in_the_middle(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		size_t dies = who ? NRT : HKG, other = who ? HKG : NRT;

		for (int ms = 0; ms < 40; ms += 4) {
			fleet_fini(&f);
			fleet_init(&f);
			fleet_place(&f);
			fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
			fleet_stream(&f, HKG, NRT);
			while (!f.node[HKG].to[NRT].route && !f.node[NRT].to[HKG].route)
				fleet_run(&f, NS_PER_MS);
			fleet_run(&f, ms * NS_PER_MS);
			fleet_kill(&f, dies);
			f.lost = 0;
			fleet_run(&f, 5 * NS_PER_S);
			/* Moved and alone, or both: who lives does not stay alone. */
			if (f.node[other].to[dies].route)
				together(HKG, NRT);
			fleet_start(&f, dies);
			fleet_wish_one(&f, dies, other, WAY_BY_TUNNEL, 0);
			f.lost = 0;
			fleet_run(&f, 10 * NS_PER_S);
			together(HKG, NRT);
			assert_in_range(f.lost, 0, FOLLOWED);
		}
	}
}

/* netd at the other end refuses what it had promised. */
static void
an_end_that_does_not_follow(void **state)
{
	(void)state;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	fleet_stream(&f, HKG, NRT);
	while (!f.node[HKG].to[NRT].route && !f.node[NRT].to[HKG].route)
		fleet_run(&f, NS_PER_MS);
	fleet_kill(&f, f.node[HKG].to[NRT].route ? NRT : HKG);
	fleet_run(&f, 20 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_int_equal(f.node[NRT].to[HKG].route, WAY_NO_ROUTE);
	assert_in_range(f.lost, 1, 2 * FOLLOWED);
	assert_true(mono_diff(f.last_lost, f.first_lost) < 5 * NS_PER_S);
}

/* Somebody's hand, or the other's netd: only overlay packets tell. */
static void
an_end_that_goes_back_without_a_word(void **state)
{
	(void)state;
	make_direct(HKG, NRT);
	fleet_kill(&f, NRT);
	fleet_stream(&f, HKG, NRT);
	f.node[NRT].to[HKG].route = WAY_NO_ROUTE;
	fleet_run(&f, 5 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	assert_in_range(f.lost, 1, NOTICED);
}

static void
without_the_hub_both_take_the_tunnel(void **state)
{
	(void)state;
	fleet_wish(&f, HKG, NRT, WAY_BY_TUNNEL, 0);
	f.node[HKG].tokens = 0; /* it stands by */
	fleet_run(&f, 60 * NS_PER_S);
	assert_int_equal(f.node[HKG].to[NRT].route, WAY_NO_ROUTE);
	fleet_stream(&f, HKG, NRT);
	fleet_cut(&f, HKG, DUB, true);
	fleet_cut(&f, NRT, DUB, true);
	fleet_run(&f, 30 * NS_PER_S);
	assert_true(fleet_arrives(&f, HKG, NRT, NULL));
	assert_in_range(f.lost, 1, 3 * NOTICED);
	f.lost = 0;
	fleet_cut(&f, HKG, DUB, false);
	fleet_cut(&f, NRT, DUB, false);
	fleet_run(&f, 200 * NS_PER_S);
	together(HKG, NRT);
	assert_in_range(f.lost, 0, NOTICED);
}

/* Kills, starts, plans and freezes at any moment: left alone, both ends agree. */
static void
nobody_stays_alone(void **state)
{
	const char *given = getenv("SCHEDULES");
	unsigned long n = given			     ? strtoul(given, NULL, 10)
			  : getenv("UNDER_VALGRIND") ? 3
						     : SCHEDULES;
	struct seed dice = seed_new("place");

	(void)state;
	for (unsigned long s = 0; s < n; s++) {
		enum way_path said = WAY_BY_HUB;

		fleet_fini(&f);
		fleet_init(&f);
		fleet_place(&f);
		fleet_stream(&f, HKG, NRT);
		for (int k = 0; k < 25; k++) {
			size_t i = seed_below(&dice, 2) ? HKG : NRT;

			switch (seed_below(&dice, 5)) {
			case 0:
				fleet_kill(&f, i);
				break;
			case 1:
				fleet_start(&f, i);
				break;
			case 2:
				f.node[i].frozen = !f.node[i].frozen;
				break;
			default:
				said = (enum way_path)seed_below(&dice, 2);
				break;
			}
			fleet_wish_one(&f, i, HKG + NRT - i, said, 0);
			fleet_run(&f, (int64_t)seed_below(&dice, 20000) * NS_PER_MS);
			for (i = HKG; i <= NRT; i++) {
				if (!f.node[i].alive)
					fleet_start(&f, i);
			}
		}
		f.node[HKG].frozen = f.node[NRT].frozen = false;
		fleet_wish(&f, HKG, NRT, said, 0);
		fleet_run(&f, 8 * NS_PER_S);
		f.lost = 0;
		for (int k = 0; k < 10; k++) {
			fleet_wish(&f, HKG, NRT, said, 0);
			fleet_run(&f, 120 * NS_PER_S);
			together(HKG, NRT);
		}
		if (f.lost > 2 * A_TURN)
			fail_msg("schedule %lu: %u lost in peace", s, f.lost);
		if (!f.node[HKG].to[NRT].route != (said == WAY_BY_HUB))
			fail_msg("schedule %lu: wished %d, route %d", s, said,
			    f.node[HKG].to[NRT].route);
	}
}

static void
words_survive_the_wire_and_nothing_else_does(void **state)
{
	struct core_word word = { .word = WAY_MOVED, .no = 0xfedcba98 }, back;
	uint8_t buf[WORD_BYTES + 1] = { 0 };

	(void)state;
	word_pack(&word, buf);
	assert_int_equal(word_parse(buf, WORD_BYTES, &back), 0);
	assert_int_equal(back.word, WAY_MOVED);
	assert_true(back.no == word.no);
	assert_int_equal(word_parse(buf, WORD_BYTES - 1, &back), -EBADMSG);
	assert_int_equal(word_parse(buf, WORD_BYTES + 1, &back), -EBADMSG);
	for (size_t i = 0; i < WORD_BYTES; i++) {
		/* Checksum, sequence and number may be any. */
		if (i == 2 || i == 3 || i == 6 || i == 7 || (i >= 16 && i < 20))
			continue;
		buf[i] ^= 0x80;
		assert_int_equal(word_parse(buf, WORD_BYTES, &back), -EBADMSG);
		buf[i] ^= 0x80;
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_place, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_ends_move_a_word_apart),
		T(nobody_moves_before_both_are_ready),
		T(no_more_is_promised_than_can_be_kept),
		T(old_words_are_not_believed),
		T(an_end_that_cannot),
		T(a_dead_path_is_left_by_both),
		T(a_dead_agent_changes_nothing),
		T(killed_in_the_middle),
		T(an_end_that_does_not_follow),
		T(an_end_that_goes_back_without_a_word),
		T(without_the_hub_both_take_the_tunnel),
		T(nobody_stays_alone),
		T(words_survive_the_wire_and_nothing_else_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
