/* SPDX-License-Identifier: MIT */
/*
 * netd and a mesh file that has changed, under it or before its start: what the file no
 * longer gives goes, what it gives anew is made, and nobody is blamed.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_roster.c optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_place.c optimizer/apply/state.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "tests/unit/netd_place.h"

static char text[sizeof(netd_mesh_text) + 128];
static bool edited;

/* The file as it is, with another text in the place of what follows `after`. */
static void
edit(const char *after, const char *old, const char *new)
{
	static char rest[sizeof(text)];
	char *at;

	if (!edited)
		(void)snprintf(text, sizeof(text), "%s", w.mesh_text); /* fits */
	edited = true;
	at = strstr(strstr(text, after), old);
	(void)snprintf(rest, sizeof(rest), "%s%s", new, at + strlen(old)); /* fits */
	memcpy(at, rest, strlen(rest) + 1);
}

static void
without(const char *name)
{
	char head[32];
	char *at, *end;

	(void)snprintf(head, sizeof(head), "[Node]\nName = %s\n", name); /* fits */
	edit(head, head, head);						 /* a copy */
	at = strstr(text, head);
	end = strstr(at + 1, "[Node]");
	memmove(at, end, strlen(end) + 1);
}

/* Under the running netd, or before its next start. */
static void
comes(bool restart)
{
	if (!restart) {
		assert_int_equal(hello_with(text), 0);
		return;
	}
	w.mesh_text = text;
	assert_int_equal(netd_restart(), 0);
	netd_poll();
	assert_int_equal(netd_hello(), 0);
}

/* Another mesh, of the file as it was. */
static int
anew(void **unused, int set_up(void **))
{
	edited = false;
	(void)finish(unused);
	return set_up(unused);
}

static uint32_t
at(const char *name)
{
	return (uint32_t)mesh_find(w.mesh, name);
}

static void
by_fra(void)
{
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	netd_sleep(NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, FRA), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_DIRECT);
}

static void
a_relay_is_none_any_more(void **unused)
{
	for (int i = 0; i < 6; i++) {
		uint32_t sin;

		by_fra();
		if (i / 2 == 0)
			without("fra");
		else if (i / 2 == 1)
			edit("Name = fra", "AdqU", "BdqU");
		else
			edit("Name = fra", "Relay = yes\n", "");
		comes(i % 2);
		sin = at("sin");
		assert_int_equal(path(sin), NETD_HUB);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		netd_wait(20);
		assert_int_equal(path(sin), NETD_HUB);
		assert_int_equal(w.node[sin].flags, 0);
		if (i / 2 == 2) {
			assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
			assert_int_equal(w.node[FRA].flags, 0);
			assert_int_equal(fake.direct.n_peers, 2);
		}
		if (i / 2 == 1)
			assert_int_equal(netd_stage(FRA), 0);
		promote(sin);
		assert_int_equal(w.node[sin].holder, sin);
		(void)anew(unused, begin);
	}
}

static void
what_a_relay_carried_is_no_more(void **unused)
{
	for (int restart = 0; restart < 2; restart++) {
		by_fra();
		without("sin");
		comes(restart);
		netd_wait(20);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		assert_int_equal(path(FRA), NETD_HUB);
		assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
		assert_int_equal(w.node[FRA].flags, 0);
		assert_int_equal(peer_of(FRA)->n_allowed, 2);
		(void)anew(unused, begin);
	}
}

static void
a_node_is_no_more(void **unused)
{
	for (int restart = 0; restart < 2; restart++) {
		promote(SIN);
		promote(SYD);
		without("sin");
		comes(restart);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 3);
		assert_int_equal(path(at("syd")), NETD_DIRECT);
		assert_int_equal(w.node[at("syd")].flags, 0);
		/* Its far end may still be sending; but its key does not stay. */
		netd_wait(100);
		assert_int_equal(fake.direct.n_peers, 2);
		netd_wait(30);
		assert_int_equal(fake.direct.n_peers, 1);
		assert_int_equal(path(at("syd")), NETD_DIRECT);
		(void)anew(unused, begin);
	}
}

static void
prefixes_are_others(void **unused)
{
	static const char old[] = "10.50.4.3/32, 10.50.6.0/24, fd50:6::/64";
	static const char new[] = "10.50.4.3/32, 10.50.8.0/24, fd50:7::/64";

	for (int i = 0; i < 4; i++) {
		assert_int_equal(netd_stage(SYD), 0);
		if (i / 2)
			promote(SYD);
		edit("Name = syd", old, new);
		comes(i % 2);
		netd_wait(20);
		assert_int_equal(path(SYD), NETD_HUB);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		assert_int_equal(w.node[SYD].flags, 0);
		/* What it lacks comes by the policy, and from there on all is well. */
		assert_int_equal(peer_of(SYD)->n_allowed, 2);
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		promote(SYD);
		netd_wait(20);
		assert_int_equal(path(SYD), NETD_DIRECT);
		assert_int_equal(w.node[SYD].flags, 0);
		(void)anew(unused, begin);
	}
}

static void
a_prefix_goes_to_another(void **unused)
{
	for (int restart = 0; restart < 2; restart++) {
		promote(SYD);
		edit("Name = syd", ", 10.50.6.0/24", "");
		edit("Name = sin\n", "PublicKey",
		    "AllowedIPs = 10.50.4.2/32, 10.50.6.0/24\nPublicKey");
		comes(restart);
		netd_wait(20);
		assert_int_equal(path(SIN), NETD_HUB);
		assert_int_equal(path(SYD), NETD_HUB);
		assert_int_equal(w.node[SIN].flags | w.node[SYD].flags, 0);
		assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		promote(SIN);
		(void)anew(unused, begin);
	}
}

/* The end that starts is another then, and a healthy pair stays where it is. */
static void
an_endpoint_comes_or_goes(void **unused)
{
	for (int i = 0; i < 4; i++) {
		uint32_t node = i / 2 ? SIN : NRT;
		uint16_t was;

		promote(node);
		was = peer_of(node)->keepalive_s;
		assert_int_equal(was, i / 2 ? STATE_KEEPALIVE_S : 0);
		if (i / 2)
			edit("Name = sin", "Endpoint = 198.51.100.7:51820\n", "");
		else
			edit("Name = nrt\n", "PublicKey",
			    "Endpoint = 203.0.113.77:51820\nPublicKey");
		comes(i % 2);
		netd_wait(20);
		assert_int_equal(path(node), NETD_DIRECT);
		assert_int_equal(w.node[node].peer, NETD_RIGHT);
		assert_int_equal(w.node[node].flags, 0);
		assert_int_equal(peer_of(node)->keepalive_s, STATE_KEEPALIVE_S - was);
		(void)anew(unused, begin);
	}
}

/* ... but not for what somebody did, whatever the file says of others. */
static void
no_excuse_for_a_hand(void **unused)
{
	for (int before = 0; before < 2; before++) {
		promote(SIN);
		netd_poll();
		peer_of(SIN)->keepalive_s = 7;
		if (before)
			netd_poll();
		without("fra");
		if (before)
			edit("Name = sin", "Endpoint = 198.51.100.7:51820\n", "");
		comes(true);
		netd_wait(20);
		assert_int_equal(path(at("sin")), NETD_DIRECT);
		assert_int_equal(w.node[at("sin")].flags, NETD_OPERATOR);
		assert_int_equal(peer_of(at("sin"))->keepalive_s, 7);
		(void)anew(unused, begin);
	}
}

/* Both at once: a route into no peer does not stay, whoever it was. */
static void
an_edit_and_a_hand(void **unused)
{
	for (int direct = 0; direct < 2; direct++) {
		assert_int_equal(netd_stage(SIN), 0);
		if (direct)
			promote(SIN);
		netd_poll();
		assert_int_equal(kernel_peer_remove(w.kernel, &w.mesh->nodes[SIN].key),
		    0);
		edit("Name = sin", "Endpoint = 198.51.100.7:51820\n", "");
		comes(true);
		netd_wait(20);
		assert_int_equal(path(SIN), NETD_HUB);
		assert_int_equal(w.node[SIN].flags, 0);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		promote(SIN);
		(void)anew(unused, begin);
	}
}

/* Nothing is made before it is gone, and it is tried again. */
static void
what_cannot_be_withdrawn_is_not_forgotten(void **unused)
{
	for (int by_hello = 0; by_hello < 2; by_hello++) {
		by_fra();
		promote(SYD);
		without("fra");
		edit("Name = syd", ", 10.50.6.0/24", "");
		fake.fail_call = FAKE_ROUTE_DEL;
		fake.fail_rc = -ETIMEDOUT;
		assert_int_equal(hello_with(text), -ETIMEDOUT);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 4);
		assert_int_equal(netd_state(), -ESTALE);
		netd_poll();
		assert_int_equal(netd_hello(), -ETIMEDOUT);
		fake.fail_rc = 0;
		if (by_hello)
			assert_int_equal(netd_hello(), 0);
		netd_wait(20);
		assert_int_equal(netd_hello(), 0);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		assert_int_equal(path(at("sin")), NETD_HUB);
		assert_int_equal(w.node[at("sin")].flags, 0);
		assert_int_equal(path(at("syd")), NETD_HUB);
		assert_int_equal(w.node[at("syd")].flags, 0);
		(void)anew(unused, begin);
	}
}

/* Likewise a peer: whatever fails, it is not blamed, and right in the end. */
static void
what_cannot_be_mended_is_not_forgotten(void **unused)
{
	for (int i = 0; i < 4; i++) {
		promote(SYD);
		if (i == 3)
			edit("Name = syd\n", "PublicKey",
			    "Endpoint = 203.0.113.77:51820\nPublicKey");
		else
			edit("Name = syd", ", 10.50.6.0/24", "");
		fake.fail_call = i == 1 ? FAKE_PEER_REMOVE : FAKE_PEER_SET;
		fake.fail_rc = i == 2 ? 0 : -ENOMEM;
		fake.deaf_peers = i == 2; /* says yes, and does nothing */
		assert_int_equal(hello_with(text), fake.fail_rc);
		netd_poll();
		fake.fail_rc = 0;
		fake.deaf_peers = false;
		netd_wait(20);
		assert_int_equal(netd_hello(), 0);
		assert_int_equal(path(SYD), i == 3 ? NETD_DIRECT : NETD_HUB);
		assert_int_equal(w.node[SYD].flags, 0);
		assert_int_equal(w.node[SYD].peer, i == 2 ? NETD_DIFFERS : NETD_RIGHT);
		netd_wait(130);
		assert_int_equal(fake.direct.n_peers, 1);
		(void)anew(unused, begin);
	}
}

/* Killed before each step of that, the next one ends it. */
static void
killed_while_it_follows(void **unused)
{
	bool died = true;

	for (unsigned n = 0; died; n++) {
		by_fra();
		promote(SYD);
		edit("Name = fra", "Relay = yes\n", "");
		edit("Name = syd", ", 10.50.6.0/24", "");
		fake.mortal = true;
		fake.steps_left = n;
		(void)hello_with(text); /* or death */
		died = fake.dead;
		fake.mortal = fake.dead = false;
		comes(true);
		netd_wait(20);
		assert_int_equal(path(SIN), NETD_HUB);
		assert_int_equal(path(SYD), NETD_HUB);
		assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
		assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
		for (uint32_t i = FRA; i <= SYD; i++)
			assert_int_equal(w.node[i].flags, 0);
		netd_wait(130);
		assert_int_equal(fake.direct.n_peers, 3);
		(void)anew(unused, begin);
	}
}

/* What a relay's peer is given is in its record last: that is no hand's work. */
static void
killed_on_the_way_to_a_relay(void **unused)
{
	static const struct journal_io io = { mortal_write, mortal_sync };
	bool died = true;

	for (unsigned n = 0; died; n++) {
		w.io = &io;
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		assert_int_equal(netd_stage(FRA), 0);
		fake.mortal = true;
		fake.steps_left = n;
		(void)netd_ask(NETD_STAGE_RELAY, SIN, FRA); /* or death */
		died = fake.dead;
		fake.mortal = fake.dead = false;
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		netd_wait(20);
		assert_int_equal(path(SIN), NETD_HUB);
		assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
		assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
		assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
		assert_int_equal(netd_ask(NETD_LEASE, SIN, FRA), 0);
		(void)anew(unused, begin);
	}
}

/* Nor does what cannot be read end it half-way. */
static void
each_read_fails(void **unused)
{
	for (unsigned n = 1; n < 60; n++) {
		by_fra();
		promote(SYD);
		edit("Name = fra", "Relay = yes\n", "");
		edit("Name = syd", ", 10.50.6.0/24", "");
		fake.read_fails_in = n;
		fake.lasting = true;
		(void)hello_with(text); /* or what it could not read */
		netd_poll();
		fake.read_fails_in = 0;
		netd_poll();
		assert_int_equal(netd_hello(), 0);
		netd_wait(20);
		assert_int_equal(path(SIN), NETD_HUB);
		assert_int_equal(path(SYD), NETD_HUB);
		assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
		assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
		for (uint32_t i = FRA; i <= SYD; i++)
			assert_int_equal(w.node[i].flags, 0);
		(void)anew(unused, begin);
	}
}

/* A former peer is left as long as somebody routes into it; and without an interface.
 */
static void
a_former_peer_that_carries(void **unused)
{
	for (int leased = 0; leased < 2; leased++) {
		promote(SIN);
		edit("Name = sin", "gcwo", "hcwo");
		comes(false);
		assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
		fake_add_route("10.50.4.2/32", FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
		if (leased) {
			fake.routes[fake.n_routes - 1].expires_s = 1;
			fake.route_until[fake.n_routes - 1].ns = INT64_MAX / 2;
		}
		netd_wait(200);
		assert_int_equal(fake.direct.n_peers, 1);
		fake_drop_route(fake.n_routes - 1);
		if (leased)
			(void)kernel_link_del(w.kernel);
		assert_int_equal(netd_hello(), 0);
		assert_int_equal(fake.direct.n_peers, 0);
		(void)anew(unused, begin);
	}
}

static void
a_tunnel_goes_and_the_relay_stays(void **unused)
{
	(void)unused;
	by_fra();
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, NETD_NONE), 0);
	netd_wait(20);
	assert_null(peer_of(SIN));
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, FRA);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
}

static void
a_reflector_under_an_old_key(void **unused)
{
	for (int i = 0; i < 3; i++) {
		behind_nat(true);
		edited = false;
		assert_int_equal(netd_ask(NETD_REFLECT, NRT, NETD_NONE), 0);
		assert_int_equal(netd_ask(NETD_REFLECT, HKG, NETD_NONE), 0);
		if (i == 0)
			edit("Name = nrt", "9ZK9", "9ZK8");
		else if (i == 1)
			without("nrt");
		else
			edit("Name = nrt", "9ZK9", "9ZK8");
		if (i == 2) /* somebody has made another of it: theirs */
			peer_of(NRT)->allowed = mem_array(peer_of(NRT)->n_allowed = 1,
			    sizeof(struct prefix));
		assert_int_equal(hello_with(text), 0);
		assert_int_equal(fake.direct.n_peers, 1 + (i == 2));
		(void)anew(unused, begin);
	}
}

/* A revoked key that cannot be taken away, yet. */
static void
a_former_peer_that_stays(void **unused)
{
	promote(SIN);
	promote(SYD);
	without("sin");
	comes(false);
	fake.fail_call = FAKE_PEER_REMOVE;
	fake.fail_rc = -ENOMEM;
	netd_wait(200);
	assert_int_equal(fake.direct.n_peers, 2);
	fake.fail_rc = 0;
	netd_wait(10);
	assert_int_equal(fake.direct.n_peers, 1);
	(void)anew(unused, begin);
}

static void
the_same_file_changes_nothing(void **unused)
{
	struct netd_request req;
	unsigned before;

	(void)unused;
	by_fra();
	promote(SYD);
	netd_request_init(&req, NETD_HELLO);
	before = fake_changes();
	for (int i = 0; i < 20; i++) { /* a half that lies has it read each time */
		req.hash = 1;
		assert_int_equal(netd_ask_at(&req), -ESTALE);
		netd_wait(10);
	}
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(path(SYD), NETD_DIRECT);
}

/* --- in place --- */

static void
in_place_a_node_is_no_more(void **unused)
{
	for (int restart = 0; restart < 2; restart++) {
		promote(SIN);
		promote(SYD);
		without("sin");
		comes(restart);
		assert_int_equal(fake.direct.n_peers, 2); /* the hub's and syd's */
		assert_int_equal(path(at("syd")), NETD_DIRECT);
		hub_untouched();
		(void)anew(unused, place);
	}
}

/* A peer that nobody has written down is somebody's, however it looks. */
static void
in_place_without_a_journal(void **unused)
{
	promote(SIN);
	without("sin");
	w.mesh_text = text;
	keeper_close(w.keeper);
	w.keeper = NULL;
	assert_int_equal(unlink(w.journal), 0);
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_wait(200);
	assert_int_equal(fake.direct.n_peers, 2);
	hub_untouched();
	(void)anew(unused, place);
}

static void
in_place_prefixes_are_others(void **unused)
{
	static const char old[] = "10.50.4.3/32, 10.50.6.0/24, fd50:6::/64";
	static const char new[] = "10.50.4.3/32, 10.50.8.0/24, fd50:7::/64";

	for (int i = 0; i < 4; i++) {
		promote(SYD);
		edit("Name = syd", old, i / 2 ? "10.50.4.3/32" : new);
		comes(i % 2);
		netd_wait(20);
		assert_int_equal(path(SYD), NETD_HUB);
		assert_int_equal(held(SYD), 1);
		assert_int_equal(w.node[SYD].flags, 0);
		promote(SYD);
		netd_wait(20);
		assert_int_equal(path(SYD), NETD_DIRECT);
		hub_untouched();
		(void)anew(unused, place);
	}
}

static void
in_place_an_endpoint_goes(void **unused)
{
	for (int restart = 0; restart < 2; restart++) {
		promote(SIN);
		edit("Name = sin", "Endpoint = 198.51.100.7:51820\n", "");
		comes(restart);
		netd_wait(20);
		assert_int_equal(path(SIN), NETD_DIRECT);
		assert_int_equal(w.node[SIN].flags, 0);
		assert_int_equal(peer_of(SIN)->keepalive_s, 0);
		hub_untouched();
		(void)anew(unused, place);
	}
}

/* Given its prefixes by hand, and the file is another: nobody's lease. */
static void
in_place_an_edit_and_a_hand(void **unused)
{
	const struct mesh_node *sin = &w.mesh->nodes[SIN];
	struct kernel_peer_change change = { .key = sin->key,
		.allowed = sin->prefixes,
		.n_allowed = sin->n_prefixes };

	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	edit("Name = sin", "Endpoint = 198.51.100.7:51820\n", "");
	comes(false);
	netd_wait(20);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(held(SIN), 1);
	assert_int_equal(w.node[SIN].flags, 0);
	hub_untouched();
	(void)anew(unused, place);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_relay_is_none_any_more),
		T(what_a_relay_carried_is_no_more),
		T(a_node_is_no_more),
		T(prefixes_are_others),
		T(a_prefix_goes_to_another),
		T(an_endpoint_comes_or_goes),
		T(no_excuse_for_a_hand),
		T(an_edit_and_a_hand),
		T(what_cannot_be_withdrawn_is_not_forgotten),
		T(what_cannot_be_mended_is_not_forgotten),
		T(killed_while_it_follows),
		T(killed_on_the_way_to_a_relay),
		T(each_read_fails),
		T(a_former_peer_that_carries),
		T(a_tunnel_goes_and_the_relay_stays),
		T(a_reflector_under_an_old_key),
		T(a_former_peer_that_stays),
		T(the_same_file_changes_nothing),
		P(in_place_a_node_is_no_more),
		P(in_place_without_a_journal),
		P(in_place_prefixes_are_others),
		P(in_place_an_endpoint_goes),
		P(in_place_an_edit_and_a_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
