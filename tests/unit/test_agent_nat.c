/* SPDX-License-Identifier: MIT */
/*
 * Two ends behind NAT: who sends what when, and what is said when it cannot be.
 *
 * links: optimizer/agent/punch.c optimizer/agent/core.c optimizer/agent/core_probe.c
 * links: optimizer/agent/core_nat.c optimizer/agent/way.c optimizer/agent/way_nat.c
 * links: optimizer/agent/way_watch.c
 * links: optimizer/agent/way_place.c optimizer/agent/core_word.c optimizer/agent/live.c
 * links: optimizer/apply/pair.c
 * links: optimizer/agent/core_ask.c
 * links: optimizer/agent/way_hub.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/agent/core.h"
#include "optimizer/agent/punch.h"

#define MS NS_PER_MS

/* "nrt" has the smaller key and starts; "sin" can be reached. */
static const char mesh_text[] =
    "[Mesh]\nName = m\n"
    "[Node]\nName = dub\nRole = hub\nAddress = 10.50.0.1/24\n"
    "PublicKey = 0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "AllowedIPs = 10.50.0.0/16\nEndpoint = 192.0.2.1:51820\n"
    "[Node]\nName = hkg\nRole = pop\nAddress = 10.50.5.1/24\nAllowedIPs = "
    "10.50.5.1/32\n"
    "PublicKey = 2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "[Node]\nName = nrt\nRole = pop\nAddress = 10.50.4.1/24\nAllowedIPs = "
    "10.50.4.1/32\n"
    "PublicKey = 1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "[Node]\nName = sin\nRole = pop\nAddress = 10.50.6.1/24\nAllowedIPs = "
    "10.50.6.1/32\n"
    "PublicKey = 3AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "Endpoint = 192.0.2.9:51820\n";

static struct mesh *mesh;
static struct core *core;
static size_t self, peer;
static struct mono now;
static struct way_wish wishes[4];
static struct way_seen seen[4];
static struct core_self node;
static struct way_wish meanwhile; /* this, once netd is at its stage; or nothing */

static void
look(void)
{
	core_saw(core, seen, &node, now);
}

/* At this moment netd has looked, and the plan is here. */
static void
begin(const char *from, const char *to, uint16_t port, uint16_t own_port)
{
	core_free(core);
	now.ns = 1000 * NS_PER_S;
	self = mesh_find(mesh, from);
	peer = mesh_find(mesh, to);
	core = core_new(
	    &(struct core_opts){ .mesh = mesh, .self = self, .full_bytes = 1372 }, now);
	for (size_t i = 0; i < 4; i++) {
		wishes[i] = (struct way_wish){ .promise_us = -1, .hub_us = -1 };
		seen[i] = (struct way_seen){ .handshake_age_ns = -1 };
	}
	wishes[peer].path = WAY_BY_TUNNEL;
	wishes[peer].own_port = own_port;
	wishes[peer].hint_port = port;
	if (port)
		assert_int_equal(addr_parse("198.51.100.7", &wishes[peer].hint), 0);
	look();
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
}

static void
move_on(void)
{
	if (!meanwhile.promise_us && !meanwhile.hint_port)
		return;
	wishes[peer] = meanwhile;
	meanwhile = (struct way_wish){ 0 };
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
}

/* After so long: is there a datagram, and does netd get a STAGE?  Looks are answered.
 */
static void
after(int64_t ns, bool *punched, bool *staged)
{
	struct core_punch p;
	struct core_ask ask;

	*staged = false;
	now = mono_add(now, ns);
	core_tick(core, now);
	*punched = core_punch(core, &p, now);
	if (*punched) {
		assert_int_equal(p.node, peer);
		assert_int_equal(p.port, wishes[peer].hint_port);
		assert_true(addr_equal(&p.to, &wishes[peer].hint));
		assert_false(core_punch(core, &p, now));
	}
	while (core_ask(core, &ask, now)) {
		if (ask.verb == CORE_LOOK) {
			look();
		} else if (ask.verb == CORE_REFLECT) {
			assert_int_equal(ask.node, mesh->hub);
			seen[ask.node].there = true;
		} else {
			assert_int_equal(ask.verb, CORE_STAGE);
			assert_int_equal(ask.hint_port, wishes[peer].hint_port);
			*staged = true;
			seen[peer].staged = WAY_BY_TUNNEL;
			move_on();
		}
		core_told(core, 0, "", now);
		if (ask.verb == CORE_STAGE)
			assert_int_equal(core_way(core, peer)->seen.staged,
			    WAY_BY_TUNNEL);
	}
}

static void
both_open_their_nat_and_one_starts(void **unused)
{
	bool punched, staged;

	(void)unused;
	/* The one that waits: its NAT is open and its peer set at once. */
	begin("hkg", "nrt", 51821, 0);
	after(0, &punched, &staged);
	assert_true(punched && staged);
	/* The one that starts gives it time. */
	begin("nrt", "hkg", 51821, 0);
	after(0, &punched, &staged);
	assert_true(punched && !staged);
	after(WAY_LEAD_NS - MS, &punched, &staged);
	assert_true(!punched && !staged);
	after(MS, &punched, &staged);
	assert_true(!punched && staged);
}

/* What the name of the far end says from now on. */
static void
resolve(const char *addr)
{
	assert_int_equal(addr_parse(addr, &wishes[peer].hint), 0);
	wishes[peer].hint_port = 51821;
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
}

static void
a_name_is_followed_when_the_session_is_dead(void **unused)
{
	struct endpoint *sin = &mesh->nodes[mesh_find(mesh, "sin")].endpoint;
	const struct endpoint literal = *sin;
	bool punched, staged;

	(void)unused;
	*sin = (struct endpoint){ .host = "sin.example", .port = 51820 };
	begin("hkg", "sin", 0, 0);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(staged); /* without an address yet */
	resolve("198.51.100.9");
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(staged && !punched);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_false(staged);
	seen[peer].handshake_age_ns = 0;
	look();
	resolve("198.51.100.10");
	after(WAY_LEAD_NS, &punched, &staged);
	assert_false(staged); /* it is heard from where it was */
	seen[peer].handshake_age_ns = 200 * NS_PER_S;
	look();
	after(0, &punched, &staged);
	assert_true(staged);
	*sin = literal;
}

/* Or another path is: what stands is what netd was asked for. */
static void
a_wish_that_moves_on_meanwhile_is_not_done_yet(void **unused)
{
	bool punched, staged;

	(void)unused;
	begin("nrt", "hkg", 51821, 51821);
	after(0, &punched, &staged);
	meanwhile = (struct way_wish){ .path = WAY_BY_TUNNEL,
		.hint = wishes[peer].hint,
		.hint_port = 51999 };
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(staged);
	after(MS, &punched, &staged);
	assert_true(punched);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(staged);
	begin("hkg", "nrt", 51821, 0);
	meanwhile = (struct way_wish){ .promise_us = -1 };
	after(0, &punched, &staged);
	assert_int_equal(way_state(core_way(core, peer)), WAY_STAGED);
}

static void
waiting_keeps_the_nat_open_until_the_handshake(void **unused)
{
	bool punched, staged;

	(void)unused;
	begin("hkg", "nrt", 51821, 0);
	after(0, &punched, &staged);
	after(WAY_PUNCH_NS - MS, &punched, &staged);
	assert_false(punched);
	after(MS, &punched, &staged);
	assert_true(punched);
	seen[peer].handshake_age_ns = 0;
	look();
	after(WAY_PUNCH_NS, &punched, &staged);
	assert_false(punched);
	/* Who starts sends handshakes instead. */
	begin("nrt", "hkg", 51821, 0);
	after(0, &punched, &staged);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(staged);
	after(WAY_PUNCH_NS, &punched, &staged);
	assert_true(!punched && !staged);
}

static void
another_hint_is_punched_and_told_again(void **unused)
{
	bool punched, staged;

	(void)unused;
	begin("nrt", "hkg", 51821, 0);
	after(0, &punched, &staged);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(staged);
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	after(NS_PER_S, &punched, &staged);
	assert_true(!punched && !staged); /* the same again is nothing new */
	wishes[peer].hint_port = 60294;
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	after(0, &punched, &staged);
	assert_true(punched && !staged);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(!punched && staged);
	/* A live session knows better where its far end is. */
	seen[peer].handshake_age_ns = 0;
	look();
	wishes[peer].hint_port = 60295;
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	after(0, &punched, &staged);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(!punched && !staged);
}

static void
nothing_is_punched_without_need(void **unused)
{
	bool punched, staged;

	(void)unused;
	/* The far end can be reached: only the lead remains. */
	begin("hkg", "sin", 51821, 0);
	after(0, &punched, &staged);
	assert_true(!punched && !staged);
	after(WAY_LEAD_NS, &punched, &staged);
	assert_true(!punched && staged);
	begin("sin", "hkg", 0, 0);
	after(0, &punched, &staged);
	assert_true(!punched && staged);
	/* A stale plan begins nothing. */
	begin("hkg", "nrt", 51821, 0);
	core_want(core, wishes, now, now);
	after(0, &punched, &staged);
	assert_true(!punched && !staged);
}

/* The next request that is not a look, its node; SIZE_MAX = none. */
static size_t
next_reflect(int rc)
{
	struct core_ask ask;
	size_t of = SIZE_MAX;

	core_tick(core, now);
	while (of == SIZE_MAX && core_ask(core, &ask, now)) {
		if (ask.verb == CORE_REFLECT)
			of = ask.node;
		else
			look();
		core_told(core, of == SIZE_MAX ? 0 : rc, "no", now);
	}
	return of;
}

static void
hub_sees_who_is_behind_nat(void **unused)
{
	struct core_event e;
	size_t hkg = mesh_find(mesh, "hkg"), nrt = mesh_find(mesh, "nrt");

	(void)unused;
	begin("dub", "sin", 0, 0);
	wishes[peer].path = WAY_BY_HUB;
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	assert_int_equal(next_reflect(0), hkg);
	assert_int_equal(next_reflect(0), nrt);
	seen[hkg].there = seen[nrt].there = true;
	assert_int_equal(next_reflect(0), SIZE_MAX); /* sin has an Endpoint */
	while (core_event(core, &e))
		;
	assert_int_equal(addr_parse("198.51.100.7", &seen[hkg].at), 0);
	seen[hkg].at_port = 51821;
	seen[mesh_find(mesh, "sin")] = seen[hkg];
	look();
	assert_true(core_event(core, &e));
	assert_int_equal(e.kind, CORE_ENDPOINT);
	assert_int_equal(e.node, hkg);
	assert_string_equal(e.text, "198.51.100.7:51821");
	/* Only a change is told, and not each of many. */
	now = mono_add(now, 60 * NS_PER_S);
	(void)next_reflect(0);
	assert_false(core_event(core, &e));
	seen[hkg].at_port = 60294;
	look();
	assert_true(core_event(core, &e));
	assert_string_equal(e.text, "198.51.100.7:60294");
	seen[hkg].at_port = 60295;
	look();
	assert_false(core_event(core, &e));
	now = mono_add(now, 60 * NS_PER_S);
	(void)next_reflect(0);
	assert_true(core_event(core, &e));
	assert_string_equal(e.text, "198.51.100.7:60295");
}

/* Minutes of looks, each in which it is told. */
static unsigned
told_at(unsigned minutes, unsigned *at, unsigned most)
{
	struct core_event e;
	unsigned n = 0;

	for (unsigned i = 1; i <= minutes; i++) {
		now = mono_add(now, 60 * NS_PER_S);
		core_tick(core, now);
		look();
		while (core_event(core, &e)) {
			if (e.kind == CORE_ENDPOINT && n < most)
				at[n++] = i;
		}
	}
	return n;
}

static void
hub_tells_again_what_may_be_lost(void **unused)
{
	static const unsigned first[] = { 10, 20, 40, 80, 160, 320, 640, 1000 };
	size_t hkg = mesh_find(mesh, "hkg");
	struct core_event e;
	unsigned at[10];

	(void)unused;
	begin("dub", "sin", 0, 0);
	core_tick(core, now);
	assert_int_equal(addr_parse("198.51.100.7", &seen[hkg].at), 0);
	seen[hkg].at_port = 51821;
	look();
	assert_true(core_event(core, &e));
	assert_int_equal(e.kind, CORE_ENDPOINT);
	/* From six hours on, every six. */
	assert_int_equal(told_at(1100, at, 10), 8);
	assert_memory_equal(at, first, sizeof(first));
	/* Another one is as young as the first. */
	seen[hkg].at_port = 60294;
	look();
	assert_true(core_event(core, &e));
	assert_string_equal(e.text, "198.51.100.7:60294");
	assert_int_equal(told_at(30, at, 10), 2);
	assert_int_equal(at[0], 10);
	assert_int_equal(at[1], 20);
}

static void
who_is_behind_nat_shows_itself(void **unused)
{
	(void)unused;
	begin("sin", "hkg", 0, 0);
	wishes[peer].path = WAY_BY_HUB;
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	assert_int_equal(next_reflect(0), SIZE_MAX);
	begin("hkg", "sin", 0, 0);
	wishes[peer].path = WAY_BY_HUB;
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	node.frozen = true;
	look();
	assert_int_equal(next_reflect(0), SIZE_MAX);
	node.frozen = false;
	now = mono_add(now, CORE_LOOK_NS);
	assert_int_equal(next_reflect(-ENETDOWN), mesh->hub);
	assert_int_equal(next_reflect(0), SIZE_MAX); /* not at once again */
	now = mono_add(now, 60 * NS_PER_S);
	assert_int_equal(next_reflect(0), mesh->hub);
	seen[mesh->hub].there = true;
	now = mono_add(now, 60 * NS_PER_S);
	assert_int_equal(next_reflect(0), SIZE_MAX);
}

/* The hub is no way of its own, so this is told beside those. */
static void
that_it_is_taken_away_again_and_again_is_told_once(void **unused)
{
	struct core_event e;

	(void)unused;
	begin("hkg", "sin", 0, 0);
	while (core_event(core, &e))
		;
	seen[mesh->hub].foreign = true;
	(void)snprintf(seen[mesh->hub].words, sizeof(seen[mesh->hub].words), "twice");
	look();
	assert_true(core_event(core, &e));
	assert_int_equal(e.kind, CORE_OPERATOR);
	assert_int_equal(e.node, mesh->hub);
	assert_string_equal(e.text, "twice");
	look();
	assert_false(core_event(core, &e));
	seen[mesh->hub].foreign = false; /* given back */
	look();
	seen[mesh->hub].foreign = true;
	look();
	assert_true(core_event(core, &e));
}

static void
verdicts(void **unused)
{
	static const struct {
		const char *name;
		uint16_t port, own_port;
		const char *text;
	} cases[] = {
		{ "its NAT", 40001, 51821, "the NAT of nrt gives a new port" },
		{ "ours", 51821, 40002, "the NAT of this node gives a new port" },
		{ "both", 40001, 40002, "(the hub sees 40001, not 51821)" },
		{ "neither", 51821, 51821, "does a firewall drop UDP port 51821" },
		{ "unknown", 51821, 0, "both ends are behind NAT" },
	};
	bool punched, staged;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin("hkg", "nrt", cases[i].port, cases[i].own_port);
		after(0, &punched, &staged);
		after(WAY_SHAKE_NS - MS, &punched, &staged);
		assert_string_equal(core_way(core, peer)->why.text, "");
		after(MS, &punched, &staged);
		if (!strstr(core_way(core, peer)->why.text, cases[i].text))
			fail_msg("%s: %s", cases[i].name,
			    core_way(core, peer)->why.text);
	}
}

static void
datagram(void **unused)
{
	static const uint8_t want[PUNCH_BYTES] = { 0x45, 0, 0, 32, 0, 0, 0, 0, 2, 17, 0,
		0, 0, 0, 0, 0, 198, 51, 100, 7, 0xca, 0x6d, 0x9c, 0x41, 0, 12, 0, 0 };
	uint8_t got[PUNCH_BYTES];
	struct addr to;

	(void)unused;
	assert_int_equal(addr_parse("198.51.100.7", &to), 0);
	assert_int_equal(punch_datagram(&to, 40001, 51821, got), 0);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(addr_parse("2001:db8::7", &to), 0);
	assert_int_equal(punch_datagram(&to, 40001, 51821, got), -EAFNOSUPPORT);
}

static int
set_up(void **unused)
{
	FILE *in = fmemopen((void *)(uintptr_t)mesh_text, strlen(mesh_text), "r");
	struct err err;
	int rc;

	(void)unused;
	if (!in)
		return -1;
	rc = mesh_read(in, "mesh.conf", &mesh, &err);
	if (rc < 0)
		print_error("%s\n", err.text);
	(void)fclose(in);
	return rc;
}

static int
tear_down(void **unused)
{
	(void)unused;
	core_free(core);
	mesh_free(mesh);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_open_their_nat_and_one_starts),
		cmocka_unit_test(a_name_is_followed_when_the_session_is_dead),
		cmocka_unit_test(a_wish_that_moves_on_meanwhile_is_not_done_yet),
		cmocka_unit_test(waiting_keeps_the_nat_open_until_the_handshake),
		cmocka_unit_test(another_hint_is_punched_and_told_again),
		cmocka_unit_test(nothing_is_punched_without_need),
		cmocka_unit_test(hub_sees_who_is_behind_nat),
		cmocka_unit_test(hub_tells_again_what_may_be_lost),
		cmocka_unit_test(who_is_behind_nat_shows_itself),
		cmocka_unit_test(that_it_is_taken_away_again_and_again_is_told_once),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(datagram),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
