/* SPDX-License-Identifier: MIT */
/*
 * netd against a kernel of tables: the arrows and their way back, what it says of the
 * kernel, what it does by itself, and a kill before each change that it makes.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c optimizer/apply/state.c
 * links: optimizer/apply/steps.c optimizer/apply/steps_text.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <limits.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optimizer/apply/steps.h"
#include "tests/unit/netd_world.h"
#include "tests/unit/seed.h"

static int
begin(void **unused)
{
	(void)unused;
	netd_begin();
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	return 0;
}

static int
finish(void **unused)
{
	(void)unused;
	netd_end();
	return 0;
}

static enum netd_path
path(uint32_t node)
{
	assert_int_equal(netd_state(), 0);
	return w.told[node] ? (enum netd_path)w.node[node].path : NETD_HUB;
}

/* All the way, as the agent goes it. */
static void
promote(uint32_t node)
{
	assert_int_equal(netd_stage(node), 0);
	assert_int_equal(netd_ask(NETD_LEASE, node, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, node, NETD_NONE), 0);
	assert_int_equal(path(node), NETD_DIRECT);
}

static struct kernel_peer *
peer_of(uint32_t node)
{
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		if (wgkey_compare(&fake.direct.peers[i].key,
			&w.mesh->nodes[node].key) == 0)
			return &fake.direct.peers[i];
	}
	return NULL;
}

static size_t
routes_of(uint8_t protocol)
{
	size_t n = 0;

	fake_expire();
	for (size_t i = 0; i < fake.n_routes; i++)
		n += fake.routes[i].protocol == protocol &&
		     fake.routes[i].ifindex == FAKE_DIRECT_IFINDEX;
	return n;
}

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
	assert_int_equal(peer_of(SYD)->keepalive_s, 0); /* syd starts */
	assert_int_equal(peer_of(SYD)->endpoint.family, 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	netd_sleep(40 * NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0); /* renewed */
	assert_int_equal(path(SYD), NETD_LEASED);
	assert_in_range(w.node[SYD].lease_s, 55, 60);
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 3);
	assert_int_equal(routes_of(RTPROT_KERNEL), 0); /* the leases are gone */
	netd_wait(100);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_non_null(peer_of(SYD)); /* the far end may still be sending */
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -EBUSY);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), 0);
	assert_null(peer_of(SYD));
}

static void
the_initiator_has_the_endpoint(void **unused)
{
	struct netd_request req;
	const uint8_t ip[4] = { 203, 0, 113, 9 };

	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(peer_of(SIN)->keepalive_s, STEPS_KEEPALIVE_S);
	assert_int_equal(peer_of(SIN)->endpoint.b[0], 198);
	assert_int_equal(peer_of(SIN)->port, 51821);
	/* fra's key is the smaller one: it starts, whatever we know of where it is. */
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(peer_of(FRA)->endpoint.family, 0);
	/* nrt starts: a hint is not for us. */
	netd_request_init(&req, NETD_STAGE);
	req.node = NRT;
	req.family = AF_INET;
	req.port = 7777;
	memcpy(req.addr, ip, sizeof(ip));
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(peer_of(NRT)->endpoint.family, 0);
}

static void
nothing_twice(void **unused)
{
	uint64_t before;

	(void)unused;
	promote(SIN);
	before = fake_changes();
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_WITHDRAW, NRT, NETD_NONE), 0);
	netd_wait(60);
	for (int i = 0; i < 100; i++) { /* I5: a steady restart */
		assert_int_equal(netd_restart(), 0);
		assert_int_equal(netd_hello(), 0);
		netd_poll();
		assert_int_equal(path(SIN), NETD_DIRECT);
		assert_int_equal(w.node[SIN].flags, 0);
	}
	assert_int_equal(fake_changes(), before);
	assert_int_equal(w.self.tokens, 1); /* what was spent stays spent */
}

static void
a_lease_ends_by_itself(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	keeper_close(w.keeper); /* killed */
	w.keeper = NULL;
	netd_sleep(61 * NS_PER_S);
	assert_int_equal(routes_of(RTPROT_MESHOPT) + routes_of(RTPROT_KERNEL), 0);
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_poll();
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0); /* no operator did that */
}

static void
two_changes_in_ten_minutes(void **unused)
{
	struct netd_request req;

	(void)unused;
	promote(SIN);
	promote(SYD);
	assert_int_equal(netd_stage(NRT), 0);
	assert_int_equal(netd_ask(NETD_LEASE, NRT, NETD_NONE), -EBUSY);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0); /* always */
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_ask(NETD_LEASE, NRT, NETD_NONE), -EBUSY);
	/* The hub is silent: it may, but not for good. */
	netd_request_init(&req, NETD_LEASE);
	req.node = NRT;
	req.seconds = 60;
	req.flags = NETD_EMERGENCY;
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, NRT, NETD_NONE), -EBUSY);
	netd_sleep(301 * NS_PER_S);
	peer_of(NRT)->handshake.ns += 301 * NS_PER_S;
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, NRT, NETD_NONE), 0);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.self.tokens, 0); /* paid for now */
}

static void
without_hello_nothing_is_made(void **unused)
{
	struct netd_request req;

	(void)unused;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -ESTALE);
	assert_int_equal(netd_ask(NETD_STATE, NETD_NONE, NETD_NONE), -ESTALE);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	netd_request_init(&req, NETD_HELLO);
	req.hash = 1;
	assert_int_equal(netd_ask_at(&req), -ESTALE);
	assert_int_equal(netd_ask(NETD_WITHDRAW, 6, NETD_NONE), -EINVAL);
	memset(&req, 0xff, sizeof(req));
	assert_int_equal(netd_ask_at(&req), -EBADMSG);
}

static void
freeze_and_preflight(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	w.freeze = true;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -EROFS);
	w.freeze = false;
	fake.rp_all = 1;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENETDOWN);
	assert_non_null(strstr(w.reply.text, "rp_filter"));
	assert_int_equal(netd_state(), 0);
	assert_non_null(strstr(w.self.verdict, "rp_filter"));
	fake.rp_all = 0;
	fake.n_routes = 1; /* I2: no covering route by the hub */
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENETDOWN);
	assert_non_null(strstr(w.reply.text, "leaves by another interface"));
	fake_add_route("10.50.0.0/16", FAKE_HUB_IFINDEX, RTPROT_BOOT);
	fake.silent = w.mesh->nodes[NRT].key;
	assert_int_equal(netd_stage(NRT), 0);
	assert_int_equal(netd_ask(NETD_LEASE, NRT, NETD_NONE), -ENOTCONN);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
}

static void
panic_takes_all(void **unused)
{
	(void)unused;
	promote(SYD);
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	fake_add_route("10.50.99.0/24", FAKE_DIRECT_IFINDEX,
	    RTPROT_MESHOPT); /* orphan */
	fake_add_route("10.50.98.0/24", FAKE_DIRECT_IFINDEX,
	    RTPROT_BOOT); /* not ours */
	w.freeze = true;
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	assert_int_equal(routes_of(RTPROT_MESHOPT) + routes_of(RTPROT_KERNEL), 0);
	assert_int_equal(routes_of(RTPROT_BOOT), 1);
	assert_non_null(peer_of(SYD));
}

static void
what_does_not_turn_out_is_undone(void **unused)
{
	(void)unused;
	w.limit = (struct policy_limit){ 64, NS_PER_S };
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	fake.deaf_peers = true;
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -EUCLEAN);
	fake.deaf_peers = false;
	assert_int_equal(netd_stage(SYD), 0);
	fake.deaf_leases = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	fake.deaf_leases = false;
	fake.rule_wins = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(path(SYD), NETD_HUB);
	fake.rule_wins = false;
	/* One of its three prefixes is refused. */
	netd_sleep(NS_PER_S);
	fake.fail_call = FAKE_LEASE_SET;
	fake.fail_after = fake.calls[FAKE_LEASE_SET] + 2;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOMEM);
	assert_int_equal(path(SYD), NETD_HUB);
	netd_sleep(NS_PER_S);
	fake.fail_rc = 0;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	fake.deaf_routes = true;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(path(SYD), NETD_HUB);
	fake.deaf_routes = false;
	netd_sleep(NS_PER_S);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	fake.fail_call = FAKE_ROUTE_ADD;
	fake.fail_after = fake.calls[FAKE_ROUTE_ADD] + 1;
	fake.fail_rc = -ENOMEM;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOMEM);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
}

static void
relay_paths(void **unused)
{
	(void)unused;
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), -ENOENT);
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, FRA);
	assert_int_equal(w.node[SIN].peer, NETD_ABSENT);
	assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENOENT);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, FRA), 0);
	assert_int_equal(path(SIN), NETD_LEASED);
	assert_int_equal(w.node[SIN].via, FRA);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].via, FRA);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
	/* To its own tunnel only by way of the hub. */
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -EEXIST);
	assert_int_equal(netd_ask(NETD_UNSTAGE, FRA, NETD_NONE), -EEXIST);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(netd_stage(SIN), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, SIN);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), -EEXIST);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	/* Back to the relay, and the relay gives them up. */
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, FRA), -EBUSY);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SIN, FRA), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, SIN);
	assert_int_equal(w.node[FRA].peer, NETD_RIGHT);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
}

static void
what_an_operator_changes_is_theirs(void **unused)
{
	static const char *const words[] = { "removed", "allowed-ips", "endpoint",
		"keepalive", "route" };

	for (int i = 0; i < 5; i++) {
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

/* C6: sessions live on; only the figures of WireGuard are of that clock. */
static void
the_clock_is_set(void **unused)
{
	static const int64_t steps[] = { 3600, -3600 };

	(void)unused;
	promote(SIN);
	for (int i = 0; i < 2; i++) {
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

static void
another_mesh_file(void **unused)
{
	static char text[sizeof(netd_mesh_text)];
	struct netd_request req;
	struct mesh *mesh;
	char *cut;

	(void)unused;
	promote(SYD);
	promote(SIN);
	/* syd is no more. */
	memcpy(text, netd_mesh_text, sizeof(text));
	cut = strstr(text, "[Node]\nName = syd");
	*cut = '\0';
	w.mesh_text = text;
	mesh = netd_mesh(text);
	netd_request_init(&req, NETD_HELLO);
	req.hash = netd_roster_hash(mesh);
	mesh_free(mesh);
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.self.n_routes, 1);
	assert_int_equal(netd_ask(NETD_STAGE, SYD, NETD_NONE), -EINVAL);
}

/* G15: whatever the other half becomes, netd stays within what the roster allows. */
static void
check_bounds(void)
{
	assert_true(fake.hub.n_peers == 1 && fake.hub.port == 51820);
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		bool known = false;

		for (uint32_t n = FRA; n <= SYD; n++)
			known |= wgkey_compare(&fake.direct.peers[i].key,
				     &w.mesh->nodes[n].key) == 0;
		assert_true(known);
	}
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *r = &fake.routes[i];
		bool known = r->ifindex != FAKE_DIRECT_IFINDEX;

		for (uint32_t n = FRA; n <= SYD && !known; n++)
			known = scene_among(w.mesh->nodes[n].prefixes,
			    w.mesh->nodes[n].n_prefixes, &r->dst);
		assert_true(known);
	}
}

static void
hostile_requests(void **unused)
{
	struct seed rng = seed_new("hostile_requests");
	const char *given = getenv("HOSTILE");
	unsigned n = given ? (unsigned)strtoul(given, NULL, 10) : 20000;
	unsigned leased = 0, most = getenv("UNDER_VALGRIND") ? 500 : UINT_MAX;
	size_t hub_routes = fake.n_routes;

	(void)unused;
	for (unsigned i = 0; i < n && i < most; i++) {
		struct netd_request req;
		enum netd_verb verb =
		    (enum netd_verb)(seed_below(&rng, NETD_VERBS + 1));

		netd_request_init(&req, verb);
		req.id = i;
		req.node = seed_below(&rng, 9) ? seed_below(&rng, 7) : NETD_NONE;
		req.via = seed_below(&rng, 3) ? NETD_NONE : seed_below(&rng, 7);
		if (verb == NETD_LEASE)
			req.seconds = seed_below(&rng, 130);
		req.flags = seed_below(&rng, 4) ? 0 : seed_below(&rng, 3);
		if (verb == NETD_HELLO)
			req.hash =
			    netd_roster_hash(w.mesh) + (seed_below(&rng, 4) == 0);
		if (verb == NETD_STATE || verb == NETD_PANIC || verb == NETD_HELLO)
			req.node = req.via = NETD_NONE;
		if (verb == NETD_STAGE && seed_below(&rng, 2)) {
			req.family = AF_INET;
			req.port = (uint16_t)seed_below(&rng, 65536);
			for (int b = 0; b < 4; b++)
				req.addr[b] = (uint8_t)seed_below(&rng, 256);
		}
		if (seed_below(&rng, 50) == 0)
			((uint8_t *)&req)[seed_below(&rng, sizeof(req))] ^= 4;
		if (netd_ask_at(&req) == 0 && verb == NETD_LEASE)
			leased++;
		check_bounds();
		netd_sleep(seed_below(&rng, 4000) * NS_PER_MS);
		for (size_t p = 0; p < fake.direct.n_peers; p++)
			fake.direct.peers[p].handshake = netd_now().wall;
		if (seed_below(&rng, 20) == 0)
			netd_poll();
	}
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE), 0);
	assert_int_equal(fake.n_routes, hub_routes);
	assert_true(leased > 0); /* it was no idle talk */
}

/* --- kills --- */

static ssize_t
mortal_write(int fd, const void *buf, size_t len, off_t at)
{
	errno = EIO;
	return fake_step() ? pwrite(fd, buf, len, at) : -1;
}

static int
mortal_sync(int fd)
{
	(void)fd; /* a file that is read again by the same kernel */
	errno = EIO;
	return fake_step() ? 0 : -1;
}

/* K1 to K3: whatever was begun, a restart makes it whole: hub, leased or direct. */
static void
killed_before_each_step(void **unused)
{
	static const struct journal_io io = { mortal_write, mortal_sync };
	static const enum netd_verb verbs[] = { NETD_STAGE, NETD_LEASE, NETD_COMMIT,
		NETD_WITHDRAW };

	for (int arrow = 0; arrow < 4; arrow++) {
		bool died = true;

		for (unsigned n = 0; died; n++) {
			enum netd_path p;

			w.io = &io;
			assert_int_equal(netd_restart(), 0);
			assert_int_equal(netd_hello(), 0);
			for (int i = 0; i < arrow; i++) {
				assert_int_equal(netd_ask(verbs[i], SYD, NETD_NONE), 0);
				netd_sleep(NS_PER_S);
			}
			fake.mortal = true;
			fake.steps_left = n;
			(void)netd_ask(verbs[arrow], SYD, NETD_NONE); /* or death */
			died = fake.dead;
			fake.mortal = fake.dead = false;
			assert_int_equal(netd_restart(), 0);
			assert_int_equal(netd_hello(), 0);
			netd_poll();
			p = path(SYD);
			assert_int_equal(w.node[SYD].flags, 0);
			if (verbs[arrow] == NETD_WITHDRAW && n > 1) /* on disk */
				assert_int_equal(p, NETD_HUB);
			netd_wait(70);
			p = path(SYD);
			assert_true(p == NETD_HUB || p == NETD_DIRECT);
			assert_int_equal(w.node[SYD].flags, 0);
			/* And from there on it works. */
			assert_int_equal(netd_stage(SYD), 0);
			(void)finish(unused);
			(void)begin(unused);
		}
	}
}

/* --- failures --- */

static unsigned disk_fails_in; /* writes; 0 = never */

static ssize_t
full_write(int fd, const void *buf, size_t len, off_t at)
{
	errno = ENOSPC;
	return disk_fails_in && --disk_fails_in == 0 ? -1 : pwrite(fd, buf, len, at);
}

static int
no_sync(int fd)
{
	(void)fd; /* a file that is read again by the same kernel */
	return 0;
}

/* What leads to each: all of a pair's life, by its own tunnel and by a relay. */
static const struct arrow {
	enum netd_verb verb;
	uint32_t node, via;
	bool later; /* two leases, so that nobody is still sending */
} life[] = { { NETD_STAGE, FRA, NETD_NONE, false },
	{ NETD_STAGE, SYD, NETD_NONE, false }, { NETD_LEASE, SYD, NETD_NONE, false },
	{ NETD_COMMIT, SYD, NETD_NONE, false },
	{ NETD_WITHDRAW, SYD, NETD_NONE, false }, { NETD_STAGE_RELAY, SYD, FRA, false },
	{ NETD_LEASE, SYD, FRA, false }, { NETD_COMMIT, SYD, NETD_NONE, false },
	{ NETD_PANIC, NETD_NONE, NETD_NONE, false },
	{ NETD_STAGE, SYD, NETD_NONE, false }, { NETD_STAGE_RELAY, SYD, FRA, false },
	{ NETD_UNSTAGE, SYD, FRA, true }, { NETD_UNSTAGE, SYD, NETD_NONE, true },
	{ NETD_STAGE_RELAY, SYD, FRA, false }, { NETD_UNSTAGE, SYD, FRA, true } };

#define LIFE (sizeof(life) / sizeof(life[0]))

static int
go(const struct arrow *a)
{
	if (a->later)
		netd_wait(130);
	netd_sleep(NS_PER_S);
	for (size_t p = 0; p < fake.direct.n_peers; p++)
		fake.direct.peers[p].handshake = netd_now().wall;
	return netd_ask(a->verb, a->node, a->via);
}

/* L3, D1: each change, and each write to the disk, fails once. */
static void
each_call_fails(void **unused)
{
	static const struct journal_io io = { full_write, no_sync };

	for (int disk = 0; disk < 2; disk++) {
		for (size_t last = 0; last < LIFE; last++) {
			bool failed = true;

			for (unsigned n = 1; failed; n++) {
				enum netd_path p;

				w.io = &io;
				w.limit = (struct policy_limit){ 64, NS_PER_S };
				assert_int_equal(netd_restart(), 0);
				assert_int_equal(netd_hello(), 0);
				for (size_t i = 0; i < last; i++)
					assert_int_equal(go(&life[i]), 0);
				*(disk ? &disk_fails_in : &fake.fail_in) = n;
				(void)go(&life[last]); /* whatever it says */
				failed = !(disk ? disk_fails_in : fake.fail_in);
				disk_fails_in = fake.fail_in = 0;
				for (int s = 0; s < 70; s += 10) {
					for (size_t i = 0; i < fake.direct.n_peers; i++)
						fake.direct.peers[i].handshake =
						    netd_now().wall;
					netd_wait(10);
				}
				p = path(SYD);
				assert_true(p == NETD_HUB || p == NETD_DIRECT);
				assert_int_equal(w.node[SYD].flags, 0);
				assert_int_equal(w.node[FRA].flags, 0);
				/* What failed is done when it is asked again. */
				if (failed)
					assert_int_equal(netd_ask(NETD_WITHDRAW, SYD,
							     NETD_NONE),
					    0);
				assert_int_equal(path(SYD),
				    failed ? NETD_HUB : (enum netd_path)p);
				(void)finish(unused);
				(void)begin(unused);
			}
		}
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	static const struct CMUnitTest tests[] = {
		T(a_pair_goes_direct_and_back),
		T(the_initiator_has_the_endpoint),
		T(nothing_twice),
		T(a_lease_ends_by_itself),
		T(two_changes_in_ten_minutes),
		T(without_hello_nothing_is_made),
		T(freeze_and_preflight),
		T(panic_takes_all),
		T(what_does_not_turn_out_is_undone),
		T(relay_paths),
		T(what_an_operator_changes_is_theirs),
		T(roaming_is_no_operator),
		T(a_flush_is_repaired_once),
		T(a_flush_of_leases_restores_nothing),
		T(the_interface_goes),
		T(a_dead_session_goes_by_the_hub),
		T(never_to_a_hub_that_is_dead_too),
		T(the_clock_is_set),
		T(another_boot_starts_by_the_hub),
		T(another_mesh_file),
		T(hostile_requests),
		T(killed_before_each_step),
		T(each_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
