/* SPDX-License-Identifier: MIT */
/*
 * netd's policy, each guard from both sides: from facts in which everything is allowed,
 * one is changed at a time, and the answer must be the one that names it.  `make
 * mutants` takes each guard out in turn; this, or the tests of the keeper, must notice.
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
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/netd_world.h"

static struct mesh *mesh;
static struct book book;
static struct policy_facts facts;
static struct netd_request req;
static struct kernel_peer peer;
static struct err err;

static int
set_up(void **unused)
{
	(void)unused;
	mesh = netd_mesh(netd_mesh_text);
	book_init(&book, mesh, (uint8_t[BOOK_BOOT]){ 0 });
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	book_fini(&book);
	mesh_free(mesh);
	return 0;
}

/* Everything is as it should be for this verb about sin; a relay is fra. */
static void
allow(enum netd_verb verb)
{
	book_fini(&book);
	book_init(&book, mesh, (uint8_t[BOOK_BOOT]){ 0 });
	netd_request_init(&req, verb);
	req.node = SIN;
	if (verb == NETD_STAGE_RELAY)
		req.via = FRA;
	facts = (struct policy_facts){ .mesh = mesh,
		.self = HKG,
		.book = &book,
		.limit = { { 2, 600 * NS_PER_S }, { 64, 600 * NS_PER_S } },
		.now = { 5000 * NS_PER_S },
		.greeted = true,
		.node = { .own = &peer, .holder = SIN },
		.via = { .own = &peer },
		.via_right = true,
		.n_peers = 1,
		.handshake_age_ns = 0,
		.quiet_ns = INT64_MAX };
	if (verb == NETD_COMMIT) {
		facts.node.path = NETD_LEASED;
		facts.node.leased = true;
	}
}

static int
judge(void)
{
	struct policy_verdict v;

	err.text[0] = '\0';
	v = policy_judge(&facts, &req, &err);
	assert_true((v.rc == 0) == (err.text[0] == '\0'));
	return v.rc;
}

static const enum netd_verb towards[] = { NETD_STAGE, NETD_STAGE_RELAY, NETD_LEASE,
	NETD_COMMIT, NETD_UNSTAGE };
#define EACH_TOWARDS(v) for (size_t v = 0; v < 5; v++)

static void
what_is_right_is_allowed(void **unused)
{
	(void)unused;
	EACH_TOWARDS(v)
	{
		allow(towards[v]);
		assert_int_equal(judge(), 0);
	}
	allow(NETD_ADOPT);
	assert_int_equal(judge(), 0);
}

/* Whatever stands against the rest, the way back stays open. */
static void
the_way_back_is_never_closed(void **unused)
{
	static const enum netd_verb back[] = { NETD_WITHDRAW, NETD_PANIC, NETD_STATE,
		NETD_HELLO };

	(void)unused;
	for (size_t v = 0; v < 4; v++) {
		allow(back[v]);
		facts.greeted = false;
		facts.freeze = true;
		facts.journal = -ENOSPC;
		facts.handshake_age_ns = -1;
		book.node[SIN].flags = NETD_OPERATOR | NETD_FROZEN;
		book.full[BOOK_CHANGES] = mono_add(facts.now, 600 * NS_PER_S);
		assert_int_equal(judge(), 0);
	}
}

/* On the hub interface: only peers of our making, no relays, no reflectors. */
static void
in_place(void **unused)
{
	(void)unused;
	mesh->in_place = true;
	allow(NETD_STAGE);
	assert_int_equal(judge(), -EACCES);
	facts.node.own = NULL;
	assert_int_equal(judge(), 0);
	facts.node.own = &peer;
	book.node[SIN].peer = true;
	assert_int_equal(judge(), 0);
	allow(NETD_STAGE_RELAY);
	assert_int_equal(judge(), -EPERM);
	assert_non_null(strstr(err.text, "in place"));
	allow(NETD_REFLECT);
	facts.self = NRT;
	req.node = (uint32_t)mesh->hub;
	assert_int_equal(judge(), -EPERM);
	mesh->in_place = false;
	assert_int_equal(judge(), 0);
}

/* It is by way of the hub that all others go, so it goes by nobody. */
static void
at_the_hub(void **unused)
{
	static const enum netd_verb never[] = { NETD_STAGE, NETD_STAGE_RELAY,
		NETD_LEASE, NETD_COMMIT },
				    may[] = { NETD_UNSTAGE, NETD_ADOPT, NETD_WITHDRAW,
					    NETD_PANIC };

	(void)unused;
	for (int i = 0; i < 4; i++) {
		allow(never[i]);
		assert_int_equal(judge(), 0);
		facts.self = mesh->hub;
		assert_int_equal(judge(), -EPERM);
		assert_non_null(strstr(err.text, "the hub"));
		allow(may[i]);
		facts.self = mesh->hub;
		assert_int_equal(judge(), 0);
	}
}

/* Between the hub and one that has no Endpoint; nrt has none. */
static void
reflectors(void **unused)
{
	size_t hub = mesh->hub;

	(void)unused;
	for (int at_hub = 0; at_hub < 2; at_hub++) {
		allow(NETD_REFLECT);
		facts.self = at_hub ? hub : NRT;
		req.node = (uint32_t)(at_hub ? NRT : hub);
		assert_int_equal(judge(), 0);
		facts.freeze = true;
		assert_int_equal(judge(), -EROFS);
		facts.freeze = false;
		facts.greeted = false;
		assert_int_equal(judge(), -ESTALE);
	}
	allow(NETD_REFLECT);
	facts.self = NRT;
	req.node = (uint32_t)mesh->n_nodes;
	assert_int_equal(judge(), -EINVAL);
	req.node = HKG; /* two of the same kind have nothing to show each other */
	assert_int_equal(judge(), -EPERM);
	facts.self = hub;
	req.node = (uint32_t)hub;
	assert_int_equal(judge(), -EPERM);
	req.node = HKG; /* has an Endpoint */
	assert_int_equal(judge(), -EPERM);
	facts.self = HKG;
	req.node = (uint32_t)hub;
	assert_int_equal(judge(), -EPERM);
}

static void
what_stands_against_every_change(void **unused)
{
	(void)unused;
	EACH_TOWARDS(v)
	{
		allow(towards[v]);
		facts.greeted = false;
		assert_int_equal(judge(), -ESTALE);
		allow(towards[v]);
		facts.freeze = true;
		assert_int_equal(judge(), -EROFS);
		allow(towards[v]);
		facts.journal = -ENOSPC;
		assert_int_equal(judge(), -ENOSPC);
		allow(towards[v]);
		book.node[SIN].flags = NETD_OPERATOR;
		strcpy(book.node[SIN].foreign, "its peer was removed");
		assert_int_equal(judge(), -EACCES);
		assert_non_null(strstr(err.text, "its peer was removed"));
		allow(towards[v]);
		book.node[SIN].flags = NETD_FROZEN;
		assert_int_equal(judge(), -ECANCELED);
	}
	/* Likewise the relay's. */
	allow(NETD_STAGE_RELAY);
	book.node[FRA].flags = NETD_OPERATOR;
	assert_int_equal(judge(), -EACCES);
}

static void
nodes_that_are_never_touched(void **unused)
{
	(void)unused;
	EACH_TOWARDS(v)
	{
		allow(towards[v]);
		req.node = HKG;
		assert_int_equal(judge(), -EPERM);
		allow(towards[v]);
		req.node = DUB;
		assert_int_equal(judge(), -EPERM);
		assert_non_null(strstr(err.text, "the hub's path"));
		allow(towards[v]);
		req.node = 6;
		assert_int_equal(judge(), -EINVAL);
		allow(towards[v]);
		req.node = NETD_NONE - 1;
		assert_int_equal(judge(), -EINVAL);
	}
	allow(NETD_ADOPT);
	req.node = HKG;
	assert_int_equal(judge(), -EPERM);
}

static void
relays_are_those_of_the_roster(void **unused)
{
	static const struct {
		uint32_t node, via;
		int want;
	} rows[] = { { SIN, NRT, -EPERM }, { SIN, DUB, -EPERM }, { SIN, HKG, -EPERM },
		{ SIN, 6, -EINVAL }, { FRA, FRA, -EPERM }, { SIN, FRA, 0 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		allow(NETD_STAGE_RELAY);
		req.node = rows[i].node;
		req.via = rows[i].via;
		assert_int_equal(judge(), rows[i].want);
		allow(NETD_LEASE);
		req.node = rows[i].node;
		req.via = facts.node.holder = rows[i].via;
		assert_int_equal(judge(), rows[i].want);
	}
}

/* lint refuses such a mesh file as well; netd does not rely on it. */
static void
prefixes_that_are_never_routed(void **unused)
{
	struct prefix *p = &mesh->nodes[SIN].prefixes[0], before = *p;
	struct addr endpoint = mesh->nodes[FRA].endpoint.addr;
	char collector[sizeof(mesh->collector)];

	(void)unused;
	memcpy(collector, mesh->collector, sizeof(collector));
	EACH_TOWARDS(v)
	{
		allow(towards[v]);
		(void)prefix_parse("0.0.0.0/0", p);
		memset(mesh->collector, 0, sizeof(mesh->collector));
		for (size_t i = 0; i < mesh->n_nodes; i++)
			mesh->nodes[i].endpoint.addr.family = 0;
		assert_int_equal(judge(), -EPERM);
		assert_non_null(strstr(err.text, "default route"));
		*p = before;
		assert_int_equal(judge(), 0);

		strcpy(mesh->collector, "http://10.50.4.2:8650");
		assert_int_equal(judge(), -EPERM);
		strcpy(mesh->collector, "10.50.4.2/x");
		assert_int_equal(judge(), -EPERM);
		strcpy(mesh->collector, "http://[fd50::1]:8650");
		assert_int_equal(judge(), 0);
		(void)prefix_parse("fd50::/16", p);
		assert_int_equal(judge(), -EPERM);
		strcpy(mesh->collector, "http://collector.example:8650");
		assert_int_equal(judge(), 0);
		*p = before;

		mesh->nodes[FRA].endpoint.addr = before.addr;
		assert_int_equal(judge(), -EPERM);
		assert_non_null(strstr(err.text, "endpoint of fra"));
		mesh->nodes[FRA].endpoint.addr = endpoint;
		assert_int_equal(judge(), 0);
		memcpy(mesh->collector, collector, sizeof(collector));
	}
	tear_down(NULL);
	assert_int_equal(set_up(NULL), 0); /* with all its endpoints */
}

static void
hints(void **unused)
{
	static const struct {
		const char *addr;
		int want;
	} rows[] = { { "203.0.113.9", 0 }, { "2001:db8::9", 0 },
		{ "10.50.4.1", -EPERM }, /* inside the overlay */
		{ "127.0.0.1", -EPERM }, { "0.0.0.0", -EPERM }, { "224.0.0.1", -EPERM },
		{ "255.255.255.255", -EPERM }, { "::1", -EPERM }, { "fe80::1", -EPERM },
		{ "ff02::1", -EPERM } };
	struct addr addr;

	(void)unused;
	/* sin has an endpoint of the roster, and nrt starts itself. */
	assert_false(policy_takes_hint(mesh, HKG, SIN));
	assert_false(policy_takes_hint(mesh, HKG, NRT));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		allow(NETD_STAGE);
		assert_int_equal(addr_parse(rows[i].addr, &addr), 0);
		req.family = addr.family;
		memcpy(req.addr, addr.b, sizeof(req.addr));
		req.port = 51821;
		assert_int_equal(judge(), 0);		   /* ignored */
		mesh->nodes[SIN].endpoint.addr.family = 0; /* a name, not looked up */
		assert_true(policy_takes_hint(mesh, HKG, SIN));
		assert_int_equal(judge(), rows[i].want);
		req.family = AF_INET6; /* an IPv4 address in disguise */
		memset(req.addr, 0, sizeof(req.addr));
		req.addr[10] = req.addr[11] = 0xff;
		assert_int_equal(judge(), -EPERM);
		req.family = 0;
		assert_int_equal(judge(), 0);
		mesh->nodes[SIN].endpoint.addr.family = AF_INET;
	}
}

static void
staging(void **unused)
{
	(void)unused;
	allow(NETD_STAGE);
	facts.n_peers = NETD_DIRECT_MAX;
	assert_int_equal(judge(), 0); /* it is one of them */
	facts.node.own = NULL;
	assert_int_equal(judge(), -EPERM);
	facts.n_peers--;
	assert_int_equal(judge(), 0);

	/* A prefix that a relay holds comes back only while no route leads there. */
	allow(NETD_STAGE);
	facts.node.holder = FRA;
	assert_int_equal(judge(), 0);
	facts.node.path = NETD_DIRECT;
	assert_int_equal(judge(), -EEXIST);
	facts.node.holder = SIN;
	assert_int_equal(judge(), 0);
	allow(NETD_STAGE_RELAY);
	facts.node.path = NETD_LEASED;
	assert_int_equal(judge(), -EEXIST);
	facts.node.holder = FRA;
	assert_int_equal(judge(), 0);
	facts.via_right = false;
	assert_int_equal(judge(), -ENOENT);
}

static void
leases(void **unused)
{
	struct policy_verdict v;

	(void)unused;
	allow(NETD_LEASE);
	v = policy_judge(&facts, &req, &err);
	assert_true(v.charge && v.bucket == BOOK_CHANGES);
	req.flags = NETD_EMERGENCY;
	v = policy_judge(&facts, &req, &err);
	assert_true(v.charge && v.bucket == BOOK_URGENT);
	facts.node.holder = FRA; /* not staged the way that is asked for */
	assert_int_equal(judge(), -ENOENT);
	req.via = FRA;
	assert_int_equal(judge(), 0);
	facts.node.path = NETD_LEASED;
	req.via = NETD_NONE;
	assert_int_equal(judge(), -EEXIST);

	allow(NETD_LEASE);
	facts.handshake_age_ns = POLICY_SESSION;
	assert_int_equal(judge(), 0);
	facts.handshake_age_ns = POLICY_SESSION + 1;
	assert_int_equal(judge(), -ENOTCONN);
	facts.handshake_age_ns = -1;
	assert_int_equal(judge(), -ENOTCONN);

	/* No token: a lease that is there may be renewed all the same. */
	allow(NETD_LEASE);
	book.full[BOOK_CHANGES] = mono_add(facts.now, 600 * NS_PER_S);
	assert_int_equal(judge(), -EBUSY);
	assert_non_null(strstr(err.text, "again in 301 s"));
	facts.node.path = NETD_LEASED;
	v = policy_judge(&facts, &req, &err);
	assert_true(v.rc == 0 && !v.charge);
	facts.node.path = NETD_HUB;
	req.flags = NETD_EMERGENCY; /* of the other bucket */
	assert_int_equal(judge(), 0);
	book.full[BOOK_URGENT] = mono_add(facts.now, 600 * NS_PER_S);
	assert_int_equal(judge(), -EBUSY);
}

static void
commits(void **unused)
{
	struct policy_verdict v;

	(void)unused;
	allow(NETD_COMMIT);
	v = policy_judge(&facts, &req, &err);
	assert_true(v.rc == 0 && !v.charge);
	facts.node.leased = false;
	assert_int_equal(judge(), -ENOENT);
	facts.node.committed = true; /* already */
	assert_int_equal(judge(), 0);
	allow(NETD_COMMIT);
	book.node[SIN].urgent = true;
	v = policy_judge(&facts, &req, &err);
	assert_true(v.rc == 0 && v.charge && v.bucket == BOOK_CHANGES);
	book.full[BOOK_CHANGES] = mono_add(facts.now, 600 * NS_PER_S);
	assert_int_equal(judge(), -EBUSY);
	book.node[SIN].urgent = false; /* was paid for when it was leased */
	assert_int_equal(judge(), 0);
}

static void
unstaging(void **unused)
{
	(void)unused;
	allow(NETD_UNSTAGE);
	facts.node.path = NETD_LEASED;
	assert_int_equal(judge(), -EEXIST);
	allow(NETD_UNSTAGE);
	book.node[NRT].via = SIN;
	assert_int_equal(judge(), -EEXIST);
	assert_non_null(strstr(err.text, "relay of nrt"));
	req.via = FRA; /* only its prefixes move */
	assert_int_equal(judge(), 0);
	allow(NETD_UNSTAGE);
	book.node[SIN].via = SIN; /* not another's */
	assert_int_equal(judge(), 0);
	book.node[SIN].withdrawn = mono_add(facts.now, -POLICY_SETTLE + 1);
	assert_int_equal(judge(), -EBUSY);
	book.node[SIN].withdrawn = mono_add(facts.now, -POLICY_SETTLE);
	assert_int_equal(judge(), 0);
	facts.quiet_ns = POLICY_SETTLE - 1;
	assert_int_equal(judge(), -EBUSY);
}

static void
adopting(void **unused)
{
	(void)unused;
	allow(NETD_ADOPT);
	facts.freeze = true; /* a mark is no change */
	book.node[SIN].flags = NETD_OPERATOR;
	assert_int_equal(judge(), 0);
	book.node[SIN].adopted = mono_add(facts.now, -POLICY_ASSERT + 1);
	assert_int_equal(judge(), -EBUSY);
	book.node[SIN].adopted = mono_add(facts.now, -POLICY_ASSERT);
	assert_int_equal(judge(), 0);
}

/* The hub's own entry is of a reflector, and nothing else is done with it. */
static void
adopting_a_reflector(void **unused)
{
	(void)unused;
	allow(NETD_ADOPT);
	req.node = (uint32_t)mesh->hub;
	assert_int_equal(judge(), 0);
	allow(NETD_UNSTAGE);
	req.node = (uint32_t)mesh->hub;
	assert_int_equal(judge(), -EPERM);
}

static void
tokens(void **unused)
{
	struct policy_limit limit = { 2, 600 * NS_PER_S };
	struct mono now = { 1000 * NS_PER_S }, full = BOOK_NEVER;

	(void)unused;
	assert_int_equal(policy_tokens(full, now, limit), 2);
	assert_int_equal(policy_next_ns(full, now, limit), 0);
	full = policy_take(full, now, limit);
	assert_int_equal(policy_tokens(full, now, limit), 1);
	assert_int_equal(policy_next_ns(full, now, limit), 300 * NS_PER_S);
	full = policy_take(full, now, limit);
	assert_int_equal(policy_tokens(full, now, limit), 0);
	assert_int_equal(policy_next_ns(full, now, limit), 300 * NS_PER_S);
	now = mono_add(now, 299 * NS_PER_S);
	assert_int_equal(policy_tokens(full, now, limit), 0);
	assert_int_equal(policy_next_ns(full, now, limit), NS_PER_S);
	now = mono_add(now, NS_PER_S);
	assert_int_equal(policy_tokens(full, now, limit), 1);
	now = mono_add(now, 300 * NS_PER_S);
	assert_int_equal(policy_tokens(full, now, limit), 2);
}

static void
when_a_path_is_dead(void **unused)
{
	const int64_t over = POLICY_SESSION + 1;

	(void)unused;
	assert_true(policy_dead(over, true, 0));
	assert_true(policy_dead(-1, true, POLICY_SESSION));
	assert_false(policy_dead(POLICY_SESSION, true, 0));
	assert_false(policy_dead(over, false, 0));   /* nothing is lost */
	assert_false(policy_dead(over, true, over)); /* the hub is no better */
	assert_false(policy_dead(over, true, -1));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_allowed),
		cmocka_unit_test(the_way_back_is_never_closed),
		cmocka_unit_test(in_place),
		cmocka_unit_test(at_the_hub),
		cmocka_unit_test(reflectors),
		cmocka_unit_test(what_stands_against_every_change),
		cmocka_unit_test(nodes_that_are_never_touched),
		cmocka_unit_test(relays_are_those_of_the_roster),
		cmocka_unit_test(prefixes_that_are_never_routed),
		cmocka_unit_test(hints),
		cmocka_unit_test(staging),
		cmocka_unit_test(leases),
		cmocka_unit_test(commits),
		cmocka_unit_test(unstaging),
		cmocka_unit_test(adopting),
		cmocka_unit_test(adopting_a_reflector),
		cmocka_unit_test(tokens),
		cmocka_unit_test(when_a_path_is_dead),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
