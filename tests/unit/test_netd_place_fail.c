/* SPDX-License-Identifier: MIT */
/*
 * netd in place when the kernel or the disk fails, and what it finds there: each call
 * of each arrow fails, that one alone or it and all after it.  It ends committed and
 * whole or by the hub, and the hub's peer is never touched.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c optimizer/netd/keeper_place.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/apply/state.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "tests/unit/netd_fail.h"
#include "tests/unit/netd_place.h"

static const struct arrow {
	enum netd_verb verb;
	enum netd_path then;
} life[] = { { NETD_STAGE, NETD_HUB }, { NETD_LEASE, NETD_LEASED },
	{ NETD_LEASE, NETD_LEASED },				   /* renewed */
	{ NETD_COMMIT, NETD_DIRECT }, { NETD_LEASE, NETD_DIRECT }, /* for nothing */
	{ NETD_COMMIT, NETD_DIRECT }, { NETD_WITHDRAW, NETD_HUB },
	{ NETD_UNSTAGE, NETD_HUB } };

#define LIFE (sizeof(life) / sizeof(life[0]))

static int
go(size_t arrow)
{
	netd_sleep(NS_PER_S);
	if (life[arrow].verb == NETD_UNSTAGE)
		netd_wait(130);
	if (peer_of(SYD))
		peer_of(SYD)->handshake = netd_now().wall;
	return netd_ask(life[arrow].verb, SYD, NETD_NONE);
}

/* Committed and whole, or by the hub; soon, for good, and nobody is blamed. */
static void
check_whole(void)
{
	netd_wait(70);
	for (int restart = 0; restart < 2; restart++) {
		enum netd_path p = path(SYD);

		assert_true(p == NETD_HUB || p == NETD_DIRECT);
		assert_int_equal(w.node[SYD].flags, 0);
		if (p == NETD_DIRECT)
			assert_int_equal(held(SYD), 4);
		else
			assert_in_range(held(SYD), 0, 1);
		hub_untouched();
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
	}
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(netd_stage(SYD), 0);
	peer_of(SYD)->handshake = netd_now().wall;
	promote(SYD);
	hub_untouched();
}

static bool
one_fails(size_t arrow, enum kind kind, bool lasting, unsigned n)
{
	enum netd_path before, now;
	bool failed;
	int rc;

	w.io = &fail_io;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	for (size_t i = 0; i < arrow; i++)
		assert_int_equal(go(i), 0);
	before = path(SYD);
	break_at(kind, lasting, n);
	rc = go(arrow);
	failed = fake.failed > 0;
	if (failed)
		netd_poll();
	break_at(kind, false, 0);
	now = path(SYD);
	if (rc == 0)
		assert_int_equal(now, life[arrow].then);
	else if (rc != -ENOTRECOVERABLE && life[arrow].verb != NETD_WITHDRAW)
		assert_true(now == before || now == NETD_HUB);
	assert_true(failed || rc == 0);
	check_whole();
	return failed;
}

static void
each_call_of_an_arrow_fails(void **unused)
{
	unsigned step = getenv("UNDER_VALGRIND") ? 7 : 1;

	for (unsigned i = 0; i < LIFE * KINDS * 2; i++) {
		for (unsigned n = 1;
		     one_fails(i % LIFE, i / LIFE % KINDS, i / LIFE / KINDS, n);
		     n += step) {
			(void)finish(unused);
			(void)place(unused);
		}
		(void)finish(unused);
		(void)place(unused);
	}
}

/* With the disk: what was begun is on it, and what came after is not. */
static void
killed_at_any_step_with_its_disk(void **unused)
{
	static const struct journal_io io = { mortal_write, mortal_sync };

	for (size_t arrow = 0; arrow < LIFE; arrow++) {
		bool died = true;

		for (unsigned n = 0; died; n++) {
			w.io = &io;
			assert_int_equal(netd_restart(), 0);
			assert_int_equal(netd_hello(), 0);
			for (size_t i = 0; i < arrow; i++)
				assert_int_equal(go(i), 0);
			fake.mortal = true;
			fake.steps_left = n;
			(void)go(arrow); /* or death */
			died = fake.dead;
			fake.mortal = fake.dead = false;
			assert_int_equal(netd_restart(), 0);
			assert_int_equal(netd_hello(), 0);
			check_whole();
			(void)finish(unused);
			(void)place(unused);
		}
	}
}

/* --- what it finds --- */

static void
a_peer_under_an_old_key(void **unused)
{
	static char text[sizeof(netd_mesh_text) + 64];
	const char *old;

	(void)unused;
	promote(SYD);
	old = strstr(w.mesh_text, "9yHQmzbL");
	(void)snprintf(text, sizeof(text), "%.*s9yHQmzbK%s", (int)(old - w.mesh_text),
	    w.mesh_text, old + 8); /* fits */
	w.mesh_text = text;
	w.io = &fail_io;
	fake.fail_call = FAKE_PEER_REMOVE;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), -ENOMEM);
	assert_int_equal(fake.direct.n_peers, 2); /* the hub's and the old one */
	fake.fail_rc = 0;
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(fake.direct.n_peers, 1); /* nothing waits for a STAGE */
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(fake.direct.n_peers, 2);
	assert_int_equal(held(SYD), 1);
	promote(SYD);
	hub_untouched();
}

static void
what_the_mesh_file_drops_goes(void **unused)
{
	static char text[sizeof(netd_mesh_text) + 64];

	(void)unused;
	promote(SYD);
	assert_int_equal(netd_stage(NRT), 0);
	(void)snprintf(text, sizeof(text), "%s", w.mesh_text); /* fits */
	*strstr(text, "[Node]\nName = sin") = '\0';	       /* and syd after it */
	assert_int_equal(hello_with(text), 0);
	assert_int_equal(fake.direct.n_peers, 2); /* the hub's and nrt's */
	hub_untouched();
}

static void
no_more_can_be_claimed(void **unused)
{
	(void)unused;
	fake.claims_full = true;
	assert_int_equal(netd_stage(SYD), -ENOSPC);
	assert_non_null(strstr(w.reply.text, "claiming its peer"));
	assert_null(peer_of(SYD));
	fake.claims_full = false;
	promote(SYD);
}

static void
leased_again_after_a_withdrawal_that_failed(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	fake.fail_call = FAKE_PEER_REDUCE;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), -ENOMEM);
	fake.fail_rc = 0;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	netd_poll();
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_int_equal(w.node[SYD].flags, 0);
}

/* Just as ours would be, but nobody has written down that it is. */
static void
a_peer_that_was_there_before(void **unused)
{
	struct prefix probe = { wgkey_link_local(&w.mesh->nodes[SYD].key), 128 };
	struct kernel_peer_change change = { .key = w.mesh->nodes[SYD].key,
		.allowed = &probe,
		.n_allowed = 1 };

	(void)unused;
	assert_int_equal(kernel_claim(w.kernel, &change.key), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	kernel_disclaim(w.kernel, &change.key);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_stage(SYD), -EACCES);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(held(SYD), 1);
	hub_untouched();
}

/* All of syd's prefixes by hand: held, but nobody's lease until it is asked for. */
static void
given_by_hand(void **unused)
{
	const struct mesh_node *syd = &w.mesh->nodes[SYD];
	struct kernel_peer_change change = { .key = syd->key,
		.allowed = syd->prefixes,
		.n_allowed = syd->n_prefixes };

	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	netd_wait(70);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
}

/* Adopted as it is: what was committed stays so, half of it does not. */
static void
adopted_as_it_is(void **unused)
{
	(void)unused;
	for (int half = 0; half < 2; half++) {
		promote(SYD);
		netd_poll();
		peer_of(SYD)->keepalive_s = 7;
		if (half)
			peer_of(SYD)->n_allowed = 3;
		netd_poll();
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[SYD].flags & NETD_OPERATOR, NETD_OPERATOR);
		peer_of(SYD)->keepalive_s = 0;
		assert_int_equal(netd_ask(NETD_ADOPT, SYD, NETD_NONE), 0);
		assert_int_equal(path(SYD), half ? NETD_LEASED : NETD_DIRECT);
		netd_wait(70);
		assert_int_equal(path(SYD), half ? NETD_HUB : NETD_DIRECT);
		assert_int_equal(w.node[SYD].flags, 0);
		(void)finish(unused);
		(void)place(unused);
	}
}

/* With the freeze file there: only what looks as `meshopt panic` leaves it is that. */
static void
frozen_and_by_hand(void **unused)
{
	(void)unused;
	promote(SIN);
	promote(SYD);
	netd_poll();
	w.freeze = true;
	peer_of(SIN)->keepalive_s = 7;
	assert_int_equal(kernel_peer_remove(w.kernel, &w.mesh->nodes[SYD].key), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].flags, NETD_OPERATOR);
	assert_int_equal(w.node[SYD].flags, NETD_OPERATOR);
	assert_non_null(strstr(w.node[SYD].foreign, "removed"));
	hub_untouched();
}

/* The earliest of the leases that the kernel does not hold is looked after in time. */
static void
the_next_lease_to_end(void **unused)
{
	struct mono first;

	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	first = keeper_wake(w.keeper);
	netd_sleep(10 * NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(keeper_wake(w.keeper).ns, first.ns);
	/* It cannot see, and leaves what it cannot see to its next start. */
	fake.read_fails_in = 1;
	fake.lasting = true;
	keeper_leave(w.keeper, netd_now());
	fake.read_fails_in = 0;
	assert_int_equal(held(SIN), 2);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(held(SIN), 1);
	hub_untouched();
}

static void
side_by_side_the_kernel_keeps_leases(void **unused)
{
	(void)finish(unused);
	(void)begin(unused);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(keeper_wake(w.keeper).ns, INT64_MAX);
	keeper_leave(w.keeper, netd_now());
	assert_int_equal(path(SYD), NETD_LEASED);
	/* Another interface is another handle of the kernel, in place or not. */
	assert_int_equal(hello_with(place_text()), -ESTALE);
	assert_non_null(strstr(w.reply.text, "meshopt panic"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		P(each_call_of_an_arrow_fails),
		P(killed_at_any_step_with_its_disk),
		P(a_peer_under_an_old_key),
		P(what_the_mesh_file_drops_goes),
		P(no_more_can_be_claimed),
		P(leased_again_after_a_withdrawal_that_failed),
		P(a_peer_that_was_there_before),
		P(given_by_hand),
		P(adopted_as_it_is),
		P(frozen_and_by_hand),
		P(the_next_lease_to_end),
		P(side_by_side_the_kernel_keeps_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
