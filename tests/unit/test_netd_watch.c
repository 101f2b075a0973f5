/* SPDX-License-Identifier: MIT */
/*
 * What netd does by itself: an operator's hand, flushes, dead sessions, a clock that is
 * set, another boot.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/netd/keeper_place.c optimizer/apply/state.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "tests/unit/netd_test.h"

static void
what_an_operator_changes_is_theirs(void **unused)
{
	static const char *const words[] = { "removed", "allowed-ips", "endpoint",
		"keepalive", "route", "endpoint" };

	for (int i = 0; i < 6; i++) {
		struct kernel_peer *p;
		uint64_t before;

		promote(SIN);
		promote(SYD);
		netd_wait(20);
		p = peer_of(SYD);
		if (i == 0)
			(void)kernel_peer_remove(w.kernel, &w.mesh->nodes[SYD].key);
		if (i == 1)
			p->allowed[0].addr.b[3] ^= 2;
		if (i == 2) {
			(void)addr_parse("203.0.113.7", &p->endpoint);
			netd_wait(10); /* syd had none: its first is its own */
			assert_int_equal(w.node[SYD].flags, 0);
			(void)addr_parse("203.0.113.8", &p->endpoint);
		}
		if (i == 3)
			p->keepalive_s = 7;
		if (i == 5) {
			(void)addr_parse("203.0.113.7", &p->endpoint);
			netd_wait(10);
			p->port++;
		}
		for (size_t r = 0; r < fake.n_routes && i == 4; r++) {
			if (fake.routes[r].protocol == RTPROT_MESHOPT &&
			    fake.routes[r].dst.addr.b[3] == 3)
				fake_drop_route(r);
		}
		before = fake_changes();
		netd_wait(20);
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[SYD].flags & NETD_OPERATOR, NETD_OPERATOR);
		assert_non_null(strstr(w.node[SYD].foreign, words[i]));
		assert_int_equal(w.node[SIN].flags, 0);
		netd_wait(60);
		assert_int_equal(fake_changes(), before); /* never fought */
		assert_int_equal(netd_ask(NETD_STAGE, SYD, NETD_NONE), -EACCES);
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		assert_int_equal(netd_ask(NETD_STAGE, SYD, NETD_NONE), -EACCES);
		assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
		assert_int_equal(netd_ask(NETD_ADOPT, SYD, NETD_NONE), 0);
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[SYD].flags, 0);
		(void)finish(unused);
		(void)begin(unused);
	}
}

static void
all_that_may_be_adopted_is(void **unused)
{
	(void)unused;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(netd_stage(SIN), 0);
		assert_int_equal(netd_stage(SYD), 0);
		netd_poll();
		if (i)
			peer_of(SIN)->keepalive_s = 7;
		peer_of(SYD)->keepalive_s = 7;
		netd_poll();
		/* syd was adopted a moment ago, when it is asked for again. */
		assert_int_equal(netd_ask(NETD_ADOPT, NETD_NONE, NETD_NONE),
		    i ? -EBUSY : 0);
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[SIN].flags, 0);
		assert_int_equal(w.node[SYD].flags, i ? NETD_OPERATOR : 0);
		assert_int_equal(peer_of(SYD)->keepalive_s, 7);
	}
}

static void
another_route_is_told(void **unused)
{
	uint64_t before;

	(void)unused;
	promote(SIN);
	promote(SYD);
	fake_add_route("10.50.4.3/32", FAKE_HUB_IFINDEX, RTPROT_BOOT);
	fake.routes[fake.n_routes - 1].metric = KERNEL_ROUTE_METRIC + 1;
	netd_wait(20); /* ours goes first */
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[SYD].flags, 0);
	fake.routes[fake.n_routes - 1].metric = 0;
	before = fake_changes();
	netd_wait(20);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[SYD].flags, NETD_OPERATOR);
	assert_non_null(strstr(w.node[SYD].foreign, "ip route show"));
	assert_int_equal(w.node[SIN].flags, 0);
	assert_int_equal(fake_changes(), before);
	fake_drop_route(fake.n_routes - 1);
	assert_int_equal(netd_ask(NETD_ADOPT, NETD_NONE, NETD_NONE), 0);
	netd_wait(20);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(w.node[SYD].flags, 0);
}

static void
roaming_is_no_operator(void **unused)
{
	struct kernel_peer *p;

	(void)unused;
	promote(SYD);
	for (int i = 0; i < 5; i++) {
		p = peer_of(SYD);
		(void)addr_parse("203.0.113.7", &p->endpoint);
		p->endpoint.b[3] = (uint8_t)i;
		p->rx_bytes += 32;
		netd_wait(10);
		assert_int_equal(path(SYD), NETD_DIRECT);
		assert_int_equal(w.node[SYD].flags, 0);
	}
}

/* The one that netd itself was hinted at, where nobody has answered yet. */
static void
an_endpoint_of_ours_is_no_operator(void **unused)
{
	struct netd_request req;

	(void)unused;
	behind_nat(false);
	fake.silent = w.mesh->nodes[NRT].key;
	netd_request_init(&req, NETD_STAGE);
	req.node = NRT;
	req.family = AF_INET;
	memcpy(req.addr, (uint8_t[4]){ 203, 0, 113, 9 }, 4);
	for (req.port = 7777; req.port < 7780; req.port++) {
		assert_int_equal(netd_ask_at(&req), 0);
		assert_int_equal(peer_of(NRT)->port, req.port);
		netd_wait(20);
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[NRT].flags, 0);
	}
	peer_of(NRT)->port = 1; /* but this is */
	netd_wait(20);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[NRT].flags, NETD_OPERATOR);
}

static void
flush(void)
{
	for (size_t r = fake.n_routes; r-- > 0;) {
		if (fake.routes[r].protocol == RTPROT_MESHOPT)
			fake_drop_route(r);
	}
}

static void
a_flush_is_repaired_once(void **unused)
{
	(void)unused;
	promote(SIN);
	promote(SYD);
	flush();
	fake.direct_link.up = false; /* while it is down nothing is tried */
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	fake.direct_link.up = true;
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(path(SYD), NETD_DIRECT);
	netd_wait(100);
	flush();
	netd_wait(10);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags, NETD_FROZEN);
	assert_non_null(strstr(w.node[SIN].foreign, "ManageForeignRoutes"));
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ECANCELED);
	netd_wait(700);
	assert_int_equal(path(SIN), NETD_HUB); /* until a person says so */
	assert_int_equal(netd_ask(NETD_ADOPT, NETD_NONE, NETD_NONE), 0);
	peer_of(SIN)->handshake = netd_now().wall;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
}

static void
a_frozen_flush_stays(void **unused)
{
	uint64_t before;

	(void)unused;
	promote(SIN);
	flush();
	w.freeze = true;
	before = fake_changes();
	netd_wait(30);
	assert_int_equal(path(SIN), NETD_HUB);
	w.freeze = false;
	netd_wait(30);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(w.node[SIN].flags, 0); /* nobody's fault */
	assert_int_equal(w.node[SIN].peer, NETD_RIGHT);
	/* The way there is by verification and a lease again. */
	peer_of(SIN)->handshake = netd_now().wall;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_DIRECT);
}

static void
what_cannot_be_repaired_goes_by_the_hub(void **unused)
{
	(void)unused;
	promote(SIN);
	assert_int_equal(netd_stage(SYD), 0); /* has no part in it */
	flush();
	fake.rp_all = 1;
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags, 0);
	fake.rp_all = 0;
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB); /* the agent's to decide again */
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].peer, NETD_RIGHT);
}

static void
a_flush_beside_an_operators_pair(void **unused)
{
	(void)unused;
	promote(SIN);
	promote(SYD);
	netd_poll();
	peer_of(SYD)->keepalive_s = 7;
	netd_poll();
	for (size_t r = fake.n_routes; r-- > 0;) {
		if (fake.routes[r].protocol == RTPROT_MESHOPT &&
		    fake.routes[r].dst.addr.b[3] == 2)
			fake_drop_route(r);
	}
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT); /* put back */
	assert_int_equal(w.node[SYD].flags, NETD_OPERATOR);
	assert_int_equal(peer_of(SYD)->keepalive_s, 7);
}

static void
a_flush_of_leases_restores_nothing(void **unused)
{
	uint64_t before;

	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	for (size_t i = fake.n_addrs; i-- > 0;) {
		if (fake.addrs[i].peer.addr.family)
			fake_drop_addr(i);
	}
	before = fake_changes();
	netd_wait(60);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].flags, 0);
	assert_int_equal(fake_changes(), before);
}

/* The agent asks for it anew before netd has heard that it is gone. */
static void
the_interface_goes_unheard(void **unused)
{
	(void)unused;
	promote(SIN);
	(void)kernel_link_del(w.kernel);
	promote(SIN);
	(void)kernel_link_del(w.kernel);
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -ECANCELED);
	assert_non_null(strstr(w.reply.text, "removed twice"));
	assert_int_equal(fake.direct_link.ifindex, 0); /* not fought */
}

static void
the_interface_goes(void **unused)
{
	(void)unused;
	promote(SIN);
	(void)kernel_link_del(w.kernel);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	promote(SIN); /* made anew, at the cost of a token */
	(void)kernel_link_del(w.kernel);
	netd_poll();
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -ECANCELED);
	assert_non_null(strstr(w.reply.text, "removed twice"));
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[SIN].flags, NETD_FROZEN);
}

static void
the_interface_goes_under_a_relay(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, FRA), 0);
	(void)kernel_link_del(w.kernel);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[FRA].holder, FRA);
	assert_false(w.told[SIN]); /* forgotten, not half there */
}

/* On the hub and behind NAT, the peer alone and with its interface. */
static void
a_reflector_is_not_fought_for(void **unused)
{
	for (int i = 0; i < 8; i++) {
		uint32_t node = i % 2 ? NRT : DUB;
		const bool link = i / 2 % 2, late = i / 4;
		unsigned before;

		behind_nat(i % 2);
		for (int times = 0; times < 2; times++) {
			assert_int_equal(netd_ask(NETD_REFLECT, node, NETD_NONE), 0);
			assert_non_null(peer_of(node));
			assert_int_equal(netd_ask(NETD_REFLECT, node, NETD_NONE), 0);
			if (link)
				(void)kernel_link_del(w.kernel);
			else
				(void)kernel_peer_remove(w.kernel,
				    &w.mesh->nodes[node].key);
			netd_wait(late && times ? 600 : 10);
		}
		before = fake_changes();
		for (int s = 0; s < 60 && !late; s += 5) {
			assert_int_equal(netd_ask(NETD_REFLECT, node, NETD_NONE),
			    -ECANCELED);
			netd_sleep(5 * NS_PER_S);
			netd_poll();
		}
		assert_int_equal(fake_changes(), before);
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[node].flags, late ? 0 : NETD_FROZEN);
		if (!late)
			assert_non_null(strstr(w.node[node].foreign, "reflector"));
		assert_int_equal(netd_ask(NETD_ADOPT, NETD_NONE, NETD_NONE), 0);
		assert_int_equal(netd_ask(NETD_REFLECT, node, NETD_NONE), 0);
		assert_non_null(peer_of(node));
		(void)finish(unused);
		(void)begin(unused);
	}
}

/* Where the hub is is told again to one that does not know, or hears nothing. */
static void
a_reflector_finds_a_hub_that_has_moved(void **unused)
{
	struct kernel_peer_change change = { .n_allowed = 1 };

	(void)unused;
	behind_nat(false);
	change.key = w.mesh->nodes[DUB].key;
	change.allowed = w.mesh->nodes[SIN].prefixes;
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
	for (int i = 0; i < 8; i++) {
		struct kernel_peer *p = peer_of(DUB);
		unsigned before = fake_changes();

		p->handshake = netd_now().wall;
		if (i == 0)
			p->endpoint.family = 0;
		if (i == 1 || i == 2 || i >= 4)
			p->endpoint.b[3] ^= 1;
		if (i >= 2)
			p->handshake.ns -= 200 * NS_PER_S;
		w.freeze = i == 5; /* ... by the watch, if nothing stands against it */
		fake.rp_all = i == 6;
		if (i == 7)
			assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
		before += i == 7;
		if (i < 4)
			assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
		else
			netd_poll();
		assert_int_equal(fake_changes() - before, i == 0 || i == 2 || i == 4);
		assert_int_equal(p->endpoint.b[3], i == 1 || i >= 5 ? 206 : 207);
		p->endpoint.b[3] = 207;
		assert_int_equal(p->keepalive_s, STATE_KEEPALIVE_S);
	}
}

static void
a_dead_session_goes_by_the_hub(void **unused)
{
	struct kernel_peer *hub = fake.hub.peers;

	(void)unused;
	promote(SIN);
	for (int s = 0; s < 200; s += 10) {
		peer_of(SIN)->tx_bytes += 100;
		hub->handshake = netd_now().wall;
		netd_wait(10);
		if (s < 160)
			assert_int_equal(path(SIN), NETD_DIRECT);
	}
	assert_int_equal(path(SIN), NETD_HUB);
	assert_non_null(strstr(w.node[SIN].foreign, "no handshake for 180 s"));
	assert_int_equal(w.node[SIN].flags, 0);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_state(), 0); /* why, as long as nothing is new */
	assert_non_null(strstr(w.node[SIN].foreign, "no handshake for 180 s"));
}

static void
never_to_a_hub_that_is_dead_too(void **unused)
{
	(void)unused;
	promote(SIN);
	for (int s = 0; s < 600; s += 10) {
		peer_of(SIN)->tx_bytes += 100;
		netd_wait(10);
	}
	assert_int_equal(path(SIN), NETD_DIRECT);
}

static void
a_hub_that_was_never_heard(void **unused)
{
	(void)unused;
	fake.hub.peers->handshake.ns = 0;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	promote(SIN);
	for (int s = 0; s < 300; s += 10) {
		peer_of(SIN)->tx_bytes += 100;
		netd_wait(10);
	}
	assert_int_equal(path(SIN), NETD_DIRECT);
}

/* C6: sessions live on; only the figures of WireGuard are of that clock. */
static void
the_clock_is_set(void **unused)
{
	static const int64_t steps[] = { 3600, -3600, -3600 };

	(void)unused;
	promote(SIN);
	for (int i = 0; i < 3; i++) {
		w.wall_step_ns += steps[i] * NS_PER_S;
		peer_of(SIN)->tx_bytes += 100;
		netd_poll();
		fake.hub.peers->handshake = netd_now().wall;
		netd_poll();
		assert_int_equal(path(SIN), NETD_DIRECT);
		assert_int_equal(w.self.tokens, 1);
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
	}
}

static void
another_boot_starts_by_the_hub(void **unused)
{
	uint64_t before;

	(void)unused;
	promote(SIN);
	(void)kernel_link_del(w.kernel);
	w.boot = 7;
	before = fake_changes();
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_wait(60);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(w.self.tokens, 1);
}

/* What was made under the old key is recognised, and does not stand in the way. */
static void
a_node_has_another_key(void **unused)
{
	static char text[sizeof(netd_mesh_text)];
	struct netd_request req;
	struct mesh *mesh;
	char *key;

	(void)unused;
	for (int restart = 0; restart < 2; restart++) {
		promote(SYD);
		promote(SIN);
		memcpy(text, netd_mesh_text, sizeof(text));
		key = strstr(strstr(text, "Name = syd"), "PublicKey = ") + 12;
		key[0] = key[0] == 'a' ? 'b' : 'a';
		w.mesh_text = text;
		mesh = netd_mesh(text);
		netd_request_init(&req, NETD_HELLO);
		req.hash = netd_roster_hash(mesh);
		if (restart)
			assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_ask_at(&req), 0);
		mesh_free(mesh);
		assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
		assert_int_equal(fake.direct.n_peers, 2);
		assert_int_equal(netd_stage(SYD), 0);
		assert_int_equal(fake.direct.n_peers, 2); /* the old one went */
		assert_non_null(peer_of(SYD));
		assert_int_equal(w.node[SYD].flags, 0);
		assert_int_equal(path(SIN), NETD_DIRECT);
		(void)finish(unused);
		(void)begin(unused);
	}
}

/* ... but one that is not as we make them is somebody's. */
static void
a_strangers_peer_is_left(void **unused)
{
	struct kernel_peer *p;

	(void)unused;
	promote(SYD);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	p = peer_of(SYD);
	p->key.b[0] ^= 1; /* and its link-local address is not of this key */
	assert_int_equal(netd_ask(NETD_ADOPT, SYD, NETD_NONE), 0);
	assert_int_equal(netd_stage(SYD), -EACCES);
	assert_int_equal(fake.direct.n_peers, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(what_an_operator_changes_is_theirs),
		T(another_route_is_told),
		T(a_node_has_another_key),
		T(a_strangers_peer_is_left),
		T(all_that_may_be_adopted_is),
		T(roaming_is_no_operator),
		T(an_endpoint_of_ours_is_no_operator),
		T(a_flush_is_repaired_once),
		T(a_flush_beside_an_operators_pair),
		T(a_flush_of_leases_restores_nothing),
		T(the_interface_goes),
		T(the_interface_goes_unheard),
		T(the_interface_goes_under_a_relay),
		T(a_frozen_flush_stays),
		T(what_cannot_be_repaired_goes_by_the_hub),
		T(a_hub_that_was_never_heard),
		T(a_reflector_is_not_fought_for),
		T(a_reflector_finds_a_hub_that_has_moved),
		T(a_dead_session_goes_by_the_hub),
		T(never_to_a_hub_that_is_dead_too),
		T(the_clock_is_set),
		T(another_boot_starts_by_the_hub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
