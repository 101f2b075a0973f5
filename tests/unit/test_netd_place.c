/* SPDX-License-Identifier: MIT */
/*
 * netd in place: the direct peers on the hub interface, where a prefix that is moved is
 * the switch, and no kernel keeps a lease.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c optimizer/netd/keeper_place.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/apply/state.c optimizer/apply/place.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "optimizer/apply/place.h"
#include "tests/unit/netd_place.h"

static void
a_pair_goes_direct_and_back(void **unused)
{
	(void)unused;
	assert_int_equal(path(SYD), NETD_HUB);
	assert_string_equal(w.self.verdict, "");
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
	assert_int_equal(w.node[SYD].holder, SYD);
	assert_int_equal(held(SYD), 1); /* its probe address */
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	assert_int_equal(held(SYD), 4);
	hub_untouched();
	netd_sleep(40 * NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0); /* renewed */
	assert_int_equal(fake.calls[FAKE_PEER_SET], 2);
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_DIRECT);
	netd_wait(100);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(w.node[SYD].flags, 0);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -EEXIST);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(held(SYD), 1);
	assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -EBUSY);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), 0);
	assert_null(peer_of(SYD));
	hub_untouched();
}

static void
the_initiator_finds_the_port_of_the_hub_interface(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(peer_of(SIN)->keepalive_s, STATE_KEEPALIVE_S);
	assert_int_equal(peer_of(SIN)->port, 51820);
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(peer_of(FRA)->endpoint.family, 0);
}

/* The kernel would never do it. */
static void
a_lease_that_nobody_renews_is_taken_back(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(mono_diff(keeper_wake(w.keeper), fake.now),
	    NETD_LEASE_S * NS_PER_S);
	netd_sleep(59 * NS_PER_S);
	netd_poll();
	assert_int_equal(held(SYD), 4);
	netd_sleep(1 * NS_PER_S);
	netd_poll();
	assert_int_equal(held(SYD), 1);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
	assert_true(keeper_wake(w.keeper).ns == INT64_MAX);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0); /* and again */
}

static void
what_a_kernel_refuses_to_take_back_is_tried_again(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	fake.fail_call = FAKE_PEER_REDUCE;
	fake.fail_rc = -ENOMEM;
	netd_sleep(61 * NS_PER_S);
	netd_poll();
	assert_int_equal(held(SYD), 4);
	fake.fail_rc = 0;
	netd_poll();
	assert_int_equal(held(SYD), 1);
}

static void
a_restart_takes_back_what_was_not_committed(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_stage(SIN), 0);
	promote(SIN);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(held(SYD), 1);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].flags, 0);
	hub_untouched();
}

static void
a_steady_restart_changes_nothing(void **unused)
{
	unsigned before;

	(void)unused;
	promote(SYD);
	before = fake_changes();
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_wait(30);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(fake_changes(), before);
	/* And it still knows that the peer is its own. */
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(held(SYD), 1);
}

static void
an_end_takes_back_what_was_not_committed(void **unused)
{
	(void)unused;
	promote(SIN);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	keeper_leave(w.keeper, netd_now());
	assert_int_equal(held(SYD), 1);
	assert_int_equal(held(SIN), 2);
}

/* An operator's peer with a key of the roster, with or without a prefix. */
static void
a_peer_of_somebody_elses_is_left_alone(void **unused)
{
	struct kernel_peer_change change = { .set_keepalive = true, .keepalive_s = 7 };
	struct prefix all;

	(void)unused;
	assert_int_equal(prefix_parse("10.50.4.2/32", &all), 0);
	change.key = w.mesh->nodes[SIN].key;
	change.allowed = &all;
	change.n_allowed = 1;
	assert_int_equal(kernel_claim(w.kernel, &change.key), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	kernel_disclaim(w.kernel, &change.key);
	assert_int_equal(netd_stage(SIN), -EACCES);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, NETD_NONE);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, NETD_NONE), -EBUSY);
	netd_wait(200);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, NETD_NONE), -EXDEV);
	assert_int_equal(held(SIN), 1);
	assert_int_equal(peer_of(SIN)->keepalive_s, 7);
	/* Not even one that is just as ours would be. */
	peer_of(SIN)->allowed[0] =
	    (struct prefix){ wgkey_link_local(&w.mesh->nodes[SIN].key), 128 };
	peer_of(SIN)->keepalive_s = STATE_KEEPALIVE_S;
	assert_int_equal(netd_stage(SIN), -EACCES);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_stage(SIN), -EACCES);
	/* Nor is a prefix taken that such a peer has. */
	change.key = w.mesh->nodes[FRA].key;
	assert_int_equal(prefix_parse("10.50.4.3/32", &all), 0);
	assert_int_equal(kernel_claim(w.kernel, &change.key), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	kernel_disclaim(w.kernel, &change.key);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EACCES);
	assert_int_equal(held(SYD), 1);
	assert_int_equal(held(FRA), 1);
	hub_untouched();
}

static void
an_operators_hand_is_told_and_not_fought(void **unused)
{
	struct kernel_peer *peer;

	(void)unused;
	promote(SIN);
	peer = peer_of(SIN);
	peer->n_allowed = 1; /* wg set wg0 peer ... allowed-ips fe80::...: by the hub */
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags, NETD_OPERATOR);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -EACCES);
	netd_wait(60);
	assert_int_equal(netd_ask(NETD_ADOPT, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].peer, NETD_RIGHT);
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_LEASED);
}

/* wg-quick down and up: another interface of that name, without anything of ours. */
static void
an_interface_made_anew_has_nothing_of_ours(void **unused)
{
	struct kernel_peer *sin;

	(void)unused;
	promote(SIN);
	netd_poll();
	sin = peer_of(SIN);
	free(sin->allowed);
	fake.direct.n_peers--; /* it is the last */
	fake.direct_link.ifindex = fake.hub_link.ifindex = 17;
	fake.routes[1].ifindex = fake.routes[2].ifindex = 17;
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags, 0);
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(held(SIN), 1);
}

static void
what_does_not_read_back_is_undone(void **unused)
{
	(void)unused;
	fake.deaf_peers = true;
	assert_int_equal(netd_stage(SYD), -EUCLEAN);
	fake.deaf_peers = false;
	assert_int_equal(netd_stage(SYD), 0);
	fake.deaf_peers = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(held(SYD), 1);
	fake.deaf_peers = false;
	fake.fail_call = FAKE_PEER_SET;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOMEM);
	assert_int_equal(path(SYD), NETD_HUB);
	fake.fail_rc = 0;
	fake.half_peers = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(held(SYD), 1);
	fake.half_peers = false;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	peer_of(SYD)->keepalive_s = 3;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -EUCLEAN);
	peer_of(SYD)->keepalive_s = 0;
	fake.deaf_peers = true;
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), -EUCLEAN);
	fake.deaf_peers = false;
	netd_poll(); /* goes on with it */
	assert_int_equal(held(SYD), 1);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	/* Half of its prefixes are nobody's wish. */
	peer_of(SYD)->n_allowed = 2;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOENT);
}

static void
the_hubs_prefix_must_be_wider(void **unused)
{
	struct kernel_peer *hub = peer_of(DUB);

	(void)unused;
	assert_int_equal(prefix_parse("10.50.4.2/32", &hub->allowed[0]), 0);
	assert_int_equal(netd_stage(SIN), -ENETDOWN);
	assert_non_null(strstr(w.reply.text, "wider"));
	hub->n_allowed = 0;
	assert_int_equal(netd_stage(SIN), -ENETDOWN);
	assert_int_equal(prefix_parse("10.50.4.0/24", &hub->allowed[0]), 0);
	hub->n_allowed = 1;
	assert_int_equal(netd_stage(SIN), 0);
	hub = peer_of(DUB); /* it has moved */
	hub->n_allowed = 2;
	assert_int_equal(prefix_parse(cover[0], &hub->allowed[0]), 0);
}

static void
neither_relays_nor_reflectors(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), -EPERM);
	assert_non_null(strstr(w.reply.text, "relay"));
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), -EPERM);
	assert_non_null(strstr(w.reply.text, "in place"));
	assert_int_equal(netd_stage(DUB), -EPERM);
	hub_untouched();
}

static void
panic_gives_all_back(void **unused)
{
	(void)unused;
	promote(SIN);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	assert_int_equal(held(SIN) + held(SYD), 2);
	assert_int_equal(path(SIN), NETD_HUB);
	hub_untouched();
}

static void
count_back(const char *name, void *ctx)
{
	(void)name;
	++*(unsigned *)ctx;
}

/* meshopt panic needs neither netd nor its journal; and netd blames nobody for it. */
static void
panic_by_another_program(void **unused)
{
	unsigned before, n = 0;
	struct kernel *k;

	(void)unused;
	promote(SIN);
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(kernel_open("wg0", &k, NULL), 0);
	before = fake_changes();
	assert_int_equal(place_undo(k, w.mesh, false, count_back, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(fake_changes(), before);
	w.freeze = true;
	assert_int_equal(place_undo(k, w.mesh, true, count_back, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(held(SIN) + held(SYD) + held(FRA), 3);
	assert_int_equal(place_undo(k, w.mesh, true, count_back, &n), 0);
	assert_int_equal(n, 4);
	kernel_close(k);
	hub_untouched();
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags | w.node[SYD].flags, 0);
	w.freeze = false;
	netd_poll();
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	/* Whatever else is changed while it is frozen is told all the same. */
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	w.freeze = true;
	peer_of(SIN)->n_allowed = 0;
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags, NETD_OPERATOR);
}

static void
the_way_of_switching_is_not_changed_under_way(void **unused)
{
	(void)unused;
	promote(SIN);
	assert_int_equal(hello_with(netd_mesh_text), -ESTALE);
	assert_int_equal(held(SIN), 2);
	w.mesh_text = place_text();
}

/* Killed before each step of the way, it is by the hub or committed, and goes on. */
static void
killed_at_any_step(void **unused)
{
	bool done = false;

	(void)unused;
	for (unsigned steps = 0; !done; steps++) {
		enum netd_path was;

		fake.mortal = true;
		fake.dead = false;
		fake.steps_left = steps;
		done = netd_stage(SYD) == 0 &&
		       netd_ask(NETD_LEASE, SYD, NETD_NONE) == 0 &&
		       netd_ask(NETD_COMMIT, SYD, NETD_NONE) == 0 && !fake.dead;
		fake.mortal = fake.dead = false;
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		was = path(SYD);
		assert_int_equal(held(SYD), was == NETD_DIRECT ? 4
					    : peer_of(SYD)     ? 1
							       : 0);
		assert_int_not_equal(was, NETD_LEASED);
		assert_int_equal(w.told[SYD] ? w.node[SYD].flags : 0, 0);
		hub_untouched();
		assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
		netd_wait(30);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		P(a_pair_goes_direct_and_back),
		P(the_initiator_finds_the_port_of_the_hub_interface),
		P(a_lease_that_nobody_renews_is_taken_back),
		P(what_a_kernel_refuses_to_take_back_is_tried_again),
		P(a_restart_takes_back_what_was_not_committed),
		P(a_steady_restart_changes_nothing),
		P(an_end_takes_back_what_was_not_committed),
		P(a_peer_of_somebody_elses_is_left_alone),
		P(an_operators_hand_is_told_and_not_fought),
		P(an_interface_made_anew_has_nothing_of_ours),
		P(what_does_not_read_back_is_undone),
		P(the_hubs_prefix_must_be_wider),
		P(neither_relays_nor_reflectors),
		P(panic_gives_all_back),
		P(panic_by_another_program),
		P(the_way_of_switching_is_not_changed_under_way),
		P(killed_at_any_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
