/* SPDX-License-Identifier: MIT */
/*
 * netd and what it finds: peers and routes of others' making or of ours of another
 * time, journals that are lost, a kernel that says yes and does nothing.
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

static const struct wgkey stranger = { { 0x5a } };

/* `wg set wgd0 peer KEY allowed-ips PREFIX` by hand. */
static struct kernel_peer *
set_by_hand(const struct wgkey *key, const char *text)
{
	struct prefix prefix;
	struct kernel_peer_change change = { .key = *key,
		.allowed = &prefix,
		.n_allowed = 1 };

	assert_int_equal(prefix_parse(text, &prefix), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	for (size_t i = 0;; i++) {
		if (wgkey_compare(&fake.direct.peers[i].key, key) == 0)
			return &fake.direct.peers[i];
	}
}

/* As netd itself would set it for sin, with all that belongs to it. */
static struct kernel_peer *
sin_as_it_should_be(void)
{
	const struct wgkey *key = &w.mesh->nodes[SIN].key;
	char text[PREFIX_TEXT_MAX];
	struct kernel_peer *p;

	prefix_format(&(struct prefix){ wgkey_link_local(key), 128 }, text);
	(void)set_by_hand(key, text);
	p = set_by_hand(key, "10.50.4.2/32");
	p->keepalive_s = STATE_KEEPALIVE_S;
	p->endpoint = w.mesh->nodes[SIN].endpoint.addr;
	p->port = 51821;
	return p;
}

static void
lose_journal(void)
{
	keeper_close(w.keeper);
	w.keeper = NULL;
	assert_int_equal(unlink(w.journal), 0);
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
}

/* --- peers --- */

static void
prefixes_of_others_are_not_taken(void **unused)
{
	const struct wgkey *keys[] = { &stranger, &w.mesh->nodes[NRT].key };

	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	for (int i = 0; i < 2; i++) { /* nobody's, and one that we did not make */
		struct kernel_peer *p = set_by_hand(keys[i], "10.50.4.2/32");
		unsigned before = fake_changes();

		assert_int_equal(netd_stage(SIN), -EACCES);
		assert_non_null(strstr(w.reply.text, "another peer on wgd0"));
		assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), -EACCES);
		assert_int_equal(fake_changes(), before);
		assert_int_equal(p->n_allowed, 1);
		assert_null(peer_of(SIN));
		netd_wait(20);
		assert_int_equal(netd_state(), 0);
		assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
		assert_int_equal(kernel_peer_remove(w.kernel, keys[i]), 0);
	}
	assert_int_equal(netd_stage(SIN), 0);
}

static void
a_peer_that_has_more_is_left_alone(void **unused)
{
	unsigned before;

	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	(void)sin_as_it_should_be();
	(void)set_by_hand(&w.mesh->nodes[SIN].key, "192.0.2.0/24");
	(void)set_by_hand(&w.mesh->nodes[SIN].key, "198.18.0.0/15");
	before = fake_changes();
	assert_int_equal(netd_stage(SIN), -EACCES);
	assert_non_null(strstr(w.reply.text, "its peer on wgd0"));
	assert_non_null(strstr(w.reply.text, "192.0.2.0/24"));
	assert_int_equal(fake_changes(), before);
	assert_int_equal(peer_of(SIN)->n_allowed, 4);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[SIN].peer, NETD_DIFFERS);
}

/* A live session knows best where its peer is. */
static void
only_what_differs_is_set(void **unused)
{
	static const struct {
		const char *endpoint;
		uint16_t port, keepalive_s;
		bool alive, set;
	} rows[] = { { "198.51.100.7", 51821, 25, true, false },
		{ "198.51.100.7", 51821, 25, false, false },
		{ "203.0.113.1", 51821, 25, true, false },
		{ "203.0.113.1", 51821, 25, false, true },
		{ "198.51.100.7", 1, 25, true, false },
		{ "198.51.100.7", 1, 25, false, true },
		{ "198.51.100.7", 51821, 7, true, true }, { NULL, 0, 25, true, true } };

	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel_peer *p = sin_as_it_should_be();
		unsigned before;

		p->keepalive_s = rows[i].keepalive_s;
		p->endpoint.family = 0;
		if (rows[i].endpoint)
			assert_int_equal(addr_parse(rows[i].endpoint, &p->endpoint), 0);
		p->port = rows[i].port;
		p->handshake = netd_now().wall;
		if (!rows[i].alive)
			p->handshake.ns -= 200 * NS_PER_S;
		before = fake_changes();
		assert_int_equal(netd_stage(SIN), 0);
		assert_int_equal(fake_changes() - before, rows[i].set);
		p = peer_of(SIN);
		assert_int_equal(p->keepalive_s, STATE_KEEPALIVE_S);
		if (rows[i].set)
			assert_int_equal(p->port, 51821);
	}
}

static void
a_hint_is_taken_where_it_is_needed(void **unused)
{
	struct netd_request req;

	(void)unused;
	behind_nat(false);
	netd_request_init(&req, NETD_STAGE);
	req.node = NRT;
	/* Neither end has an Endpoint: it is for the hint to say where nrt is. */
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(peer_of(NRT)->endpoint.family, 0);
	req.family = AF_INET;
	req.port = 7777;
	memcpy(req.addr, (uint8_t[4]){ 203, 0, 113, 9 }, 4);
	assert_int_equal(netd_ask_at(&req), 0);
	assert_int_equal(peer_of(NRT)->endpoint.b[3], 9);
	assert_int_equal(peer_of(NRT)->port, 7777);
}

static void
a_reflector_is_no_peer_of_others(void **unused)
{
	(void)unused;
	behind_nat(true);
	assert_int_equal(netd_ask(NETD_REFLECT, HKG, NETD_NONE), 0);
	(void)set_by_hand(&w.mesh->nodes[NRT].key, "10.50.4.1/32");
	assert_int_equal(netd_ask(NETD_REFLECT, NRT, NETD_NONE), -EACCES);
	assert_int_equal(peer_of(NRT)->n_allowed, 1);
	/* An interface of that name with another key is not ours. */
	(void)kernel_peer_remove(w.kernel, &w.mesh->nodes[NRT].key);
	fake.direct.key = stranger;
	assert_int_equal(netd_ask(NETD_REFLECT, NRT, NETD_NONE), -ENETDOWN);
	assert_null(peer_of(NRT));
}

/* The mesh file has a name for the hub: where it is the hub's interface knows. */
static void
a_hub_by_its_name(void **unused)
{
	static char text[sizeof(netd_mesh_text) + 64];
	const char *nat = strstr(netd_mesh_text, "Endpoint = 54.");
	struct kernel_peer *peers;

	(void)unused;
	(void)snprintf(text, sizeof(text), "%.*sEndpoint = dub.example.net:51820%s",
	    (int)(nat - netd_mesh_text), netd_mesh_text, strchr(nat, '\n')); /* fits */
	nat = strstr(text, "Endpoint = 35.241");
	memmove((char *)(uintptr_t)nat, strchr(nat, '\n') + 1,
	    strlen(strchr(nat, '\n') + 1) + 1);
	w.mesh_text = text;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	peers = mem_array(2, sizeof(*peers));
	peers[0].key = stranger;
	peers[1] = fake.hub.peers[0];
	assert_int_equal(addr_parse("54.171.48.207", &peers[1].endpoint), 0);
	free(fake.hub.peers);
	fake.hub.peers = peers;
	fake.hub.n_peers = 2;
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
	assert_int_equal(peer_of(DUB)->endpoint.b[0], 54);
	assert_int_equal(peer_of(DUB)->port, 51821);
	/* And if it does not know either, there is none yet. */
	assert_int_equal(kernel_peer_remove(w.kernel, &w.mesh->nodes[DUB].key), 0);
	fake.hub.n_peers = 1;
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), 0);
	assert_int_equal(peer_of(DUB)->endpoint.family, 0);
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.self.hub_rx_bytes, 0);
}

static void
a_kernel_that_says_yes_is_not_believed(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	/* A peer that is there, and does not get what it lacks. */
	(void)set_by_hand(&w.mesh->nodes[SIN].key, "10.50.4.2/32");
	fake.deaf_peers = true;
	assert_int_equal(netd_stage(SIN), -EUCLEAN);
	assert_non_null(peer_of(SIN)); /* it was there before */
	assert_int_equal(netd_state(), 0);
	assert_int_equal(w.node[SIN].peer, NETD_DIFFERS);
	/* One that is not there, and cannot be taken away either. */
	fake.fail_call = FAKE_PEER_REMOVE;
	fake.fail_rc = -EIO;
	assert_int_equal(netd_stage(SYD), -ENOTRECOVERABLE);
	fake.fail_rc = 0;
	fake.deaf_peers = false;
	assert_int_equal(netd_stage(SYD), 0);
	netd_wait(130);
	fake.deaf_removal = true;
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -EUCLEAN);
	assert_int_equal(path(SYD), NETD_HUB);
	fake.deaf_removal = false;
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), 0);
	assert_null(peer_of(SYD));
	behind_nat(false);
	fake.deaf_peers = true;
	assert_int_equal(netd_ask(NETD_REFLECT, DUB, NETD_NONE), -EUCLEAN);
}

/* --- routes --- */

static void
many_routes_of_our_mark(void **unused)
{
	(void)unused;
	promote(SIN);
	for (int i = 0; i < 5; i++)
		fake_add_route("10.50.4.2/32", FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), -EUCLEAN);
	netd_poll(); /* goes on with it */
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
	assert_int_equal(w.node[SIN].flags, 0);
}

static void
a_withdrawal_without_an_interface(void **unused)
{
	(void)unused;
	promote(SYD);
	assert_int_equal(kernel_link_del(w.kernel), 0);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(path(SYD), NETD_HUB);
}

static void
a_lease_that_does_not_last(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	netd_sleep(40 * NS_PER_S);
	fake.deaf_leases = true;
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -EUCLEAN);
	assert_non_null(strstr(w.reply.text, "a lease of 60 s shows 20 s"));
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
}

/* What could not be undone is made right by what is asked for next. */
static void
asked_again_after_an_undoing_that_failed(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	fake.rule_wins = true;
	fake.fail_call = FAKE_LEASE_DEL;
	fake.fail_rc = -EIO;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), -ENOTRECOVERABLE);
	assert_int_equal(path(SIN), NETD_LEASED);
	fake.rule_wins = false;
	fake.fail_rc = 0;
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	netd_poll();
	assert_int_equal(path(SIN), NETD_LEASED);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	/* The routes are there, then nothing works any more. */
	fake.fail_in = 4;
	fake.lasting = true;
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), -ENOTRECOVERABLE);
	fake.fail_in = 0;
	assert_int_equal(routes_of(RTPROT_MESHOPT), 4); /* and the lease of IPv6 */
	assert_int_equal(netd_ask(NETD_COMMIT, SYD, NETD_NONE), 0);
	netd_poll();
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 3);
	assert_int_equal(w.node[SYD].flags, 0);
}

/* A withdrawal that failed is gone on with, whatever else is asked for. */
static void
staged_after_a_withdrawal_that_failed(void **unused)
{
	(void)unused;
	promote(SIN);
	fake.fail_call = FAKE_ROUTE_DEL;
	fake.fail_rc = -ETIMEDOUT;
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), -ETIMEDOUT);
	assert_int_equal(netd_stage(SIN), -ETIMEDOUT);
	assert_int_equal(path(SIN), NETD_DIRECT);
	fake.fail_rc = 0;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(path(SIN), NETD_HUB);
	promote(SYD);
	fake.fail_rc = -ETIMEDOUT;
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), -ETIMEDOUT);
	fake.fail_rc = 0;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SIN].flags | w.node[SYD].flags, 0);
}

static void
a_lease_that_ends_while_it_is_committed(void **unused)
{
	static const int gone[] = { -EADDRNOTAVAIL, -ESRCH };

	(void)unused;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(netd_stage(SIN), 0);
		assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
		fake.fail_call = FAKE_LEASE_DEL;
		fake.fail_rc = gone[i];
		assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
		fake.fail_rc = 0;
		netd_wait(70);
		assert_int_equal(path(SIN), NETD_DIRECT);
		assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
		fake.direct.peers[0].handshake = netd_now().wall;
	}
}

/* `meshopt apply` has made the routes: they are ours by their mark. */
static void
routes_that_apply_made(void **unused)
{
	unsigned before;

	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	fake_add_route("10.50.4.2/32", FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
	before = fake_changes();
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	/* Committed before it was looked at. */
	fake_add_route("10.50.4.2/32", FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
	before = fake_changes();
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	assert_int_equal(fake_changes(), before);
	netd_poll();
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].flags, 0);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	/* Beside a lease: committed when that has ended. */
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	fake_add_route("10.50.4.2/32", FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
	netd_poll();
	assert_int_equal(path(SIN), NETD_LEASED);
	netd_wait(70);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].flags, 0);
}

/* --- without the journal --- */

static void
a_half_of_nobodys_making(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	/* While it runs that is told, and not touched, without a tunnel and with. */
	for (int i = 0; i < 2; i++) {
		if (i)
			assert_int_equal(netd_stage(SYD), 0);
		fake_add_route("10.50.6.0/24", FAKE_DIRECT_IFINDEX, RTPROT_MESHOPT);
		netd_poll();
		assert_int_equal(path(SYD), NETD_DIRECT);
		assert_int_equal(w.node[SYD].flags, NETD_PARTIAL);
		if (i == 0)
			fake_drop_route(fake.n_routes - 1);
	}
	lose_journal();
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
}

static void
by_a_relay_without_a_journal(void **unused)
{
	unsigned before;

	(void)unused;
	assert_int_equal(netd_stage(FRA), 0);
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, FRA), 0);
	assert_int_equal(netd_ask(NETD_COMMIT, SIN, NETD_NONE), 0);
	before = fake_changes();
	lose_journal();
	netd_wait(30);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.node[SIN].via, FRA);
	assert_int_equal(w.node[SIN].flags | w.node[FRA].flags, 0);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_HUB);
	/* The relay's peer is known for what it is, and there is nothing to set. */
	lose_journal();
	before = fake_changes();
	assert_int_equal(netd_ask(NETD_STAGE_RELAY, SIN, FRA), 0);
	assert_int_equal(fake_changes(), before);
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(w.node[SIN].holder, SIN);
}

/* A node that is no relay holds another's prefix: that is somebody's work. */
static void
by_one_that_is_no_relay(void **unused)
{
	unsigned before;

	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	(void)set_by_hand(&w.mesh->nodes[SYD].key, "10.50.4.2/32");
	lose_journal();
	before = fake_changes();
	assert_int_equal(netd_stage(SIN), -EACCES);
	assert_int_equal(path(SIN), NETD_HUB);
	assert_int_equal(fake_changes(), before);
}

/* As `meshopt apply` runs it: the kernel is all that it goes by. */
static void
who_runs_once_keeps_none(void **unused)
{
	unsigned before;

	(void)unused;
	w.no_journal = true;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	(void)unlink(w.journal);
	promote(SYD);
	before = fake_changes();
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_wait(30);
	assert_int_equal(path(SYD), NETD_DIRECT);
	assert_int_equal(fake_changes(), before);
	/* Taken back by hand between two runs: no flush, and nobody's fault. */
	while (routes_of(RTPROT_MESHOPT))
		fake_drop_route(fake.n_routes - 1);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	netd_wait(30);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0);
	assert_int_equal(access(w.journal, F_OK), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(prefixes_of_others_are_not_taken),
		T(a_peer_that_has_more_is_left_alone),
		T(only_what_differs_is_set),
		T(a_hint_is_taken_where_it_is_needed),
		T(a_reflector_is_no_peer_of_others),
		T(a_hub_by_its_name),
		T(a_kernel_that_says_yes_is_not_believed),
		T(many_routes_of_our_mark),
		T(a_withdrawal_without_an_interface),
		T(a_lease_that_does_not_last),
		T(asked_again_after_an_undoing_that_failed),
		T(staged_after_a_withdrawal_that_failed),
		T(a_lease_that_ends_while_it_is_committed),
		T(routes_that_apply_made),
		T(a_half_of_nobodys_making),
		T(by_a_relay_without_a_journal),
		T(by_one_that_is_no_relay),
		T(who_runs_once_keeps_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
