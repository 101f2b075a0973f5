/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is: the core of one node, asked what it wants of netd when several ways
 * want something at once.
 *
 * links: optimizer/agent/core.c optimizer/agent/core_probe.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way.c optimizer/agent/way_nat.c optimizer/agent/way_watch.c
 * links: optimizer/agent/way_place.c
 * links: optimizer/agent/live.c optimizer/apply/pair.c
 * links: optimizer/agent/core_ask.c
 * links: optimizer/agent/way_hub.c
 */
#include "optimizer/agent/core.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NODES 5

enum { HUB, SELF, DEAD, NEW, FAR };

static struct mesh *mesh;
static struct core *core;
static struct mono now;
static struct way_wish wishes[NODES];
static struct way_seen seen[NODES];
static bool silent[NODES]; /* answers no probe */

static struct mesh *
make_mesh(void)
{
	FILE *in = tmpfile();
	struct mesh *m = NULL;
	char text[WGKEY_TEXT_MAX];
	struct err err;

	fprintf(in, "[Mesh]\nName = turns\n");
	for (int i = 0; i < NODES; i++) {
		struct wgkey key = { { 7, (uint8_t)(NODES - i) } };

		wgkey_format(&key, text);
		fprintf(in,
		    "[Node]\nName = n%d\nRole = %s\nAddress = 10.9.%d.1/24\n"
		    "PublicKey = %s\nEndpoint = 192.0.2.%d:51820\n%s",
		    i, i ? "pop" : "hub", i, text, i + 1,
		    i ? "Relay = yes\n" : "AllowedIPs = 10.9.0.0/16\n");
	}
	rewind(in);
	if (mesh_read(in, "turns", &m, &err) < 0)
		fail_msg("%s", err.text);
	(void)fclose(in); /* a temporary file */
	return m;
}

static void
look(void)
{
	const struct core_self self = { .verdict = "" };

	core_saw(core, seen, &self, now);
}

/* Beats, at which all but the silent answer at once. */
static void
beats(unsigned n)
{
	static uint64_t seq;

	while (n-- > 0) {
		struct core_probe p;

		now = mono_add(now, CORE_BEAT_NS);
		core_tick(core, now);
		while (core_probe(core, &p, now)) {
			core_sent(core, &p, 0, ++seq, now);
			if (!silent[p.node])
				core_answer(core, p.slot, seq, 20000, true);
		}
	}
	core_tick(core, mono_add(now, CORE_BEAT_NS - 1));
}

/* The way to DEAD is permanent; NEW is wished and not there yet. */
static void
begin(void)
{
	mesh = make_mesh();
	now.ns = 1000 * NS_PER_S;
	core = core_new(
	    &(struct core_opts){ .mesh = mesh, .self = SELF, .full_bytes = 1372 }, now);
	for (size_t i = 0; i < NODES; i++) {
		wishes[i] = (struct way_wish){ .promise_us = -1, .hub_us = -1 };
		seen[i] = (struct way_seen){ .handshake_age_ns = -1 };
		silent[i] = false;
	}
	wishes[DEAD].path = wishes[NEW].path = WAY_BY_TUNNEL;
	seen[DEAD] = (struct way_seen){ .staged = WAY_BY_TUNNEL,
		.route = WAY_FIRM_ROUTE,
		.handshake_age_ns = NS_PER_S };
	look();
	core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
	beats(5);
}

static void
end(void)
{
	core_free(core);
	mesh_free(mesh);
}

static void
one_at_a_time(void **state)
{
	struct core_ask ask;

	(void)state;
	begin();
	assert_true(core_ask(core, &ask, now));
	assert_int_equal(ask.verb, CORE_LOOK);
	assert_false(core_ask(core, &ask, now));
	look();
	core_told(core, 0, "", now);
	assert_true(core_ask(core, &ask, now));
	assert_int_equal(ask.verb, CORE_STAGE);
	assert_int_equal(ask.node, NEW);
	assert_false(core_ask(core, &ask, now));
	end();
}

static void
what_must_go_goes_first(void **state)
{
	struct core_ask ask;

	(void)state;
	begin();
	silent[DEAD] = true;
	beats(4);
	now = mono_add(now, CORE_BEAT_NS - 1);
	/* A look is due as well, and a stage wished. */
	assert_true(core_ask(core, &ask, now));
	assert_int_equal(ask.verb, CORE_WITHDRAW);
	assert_int_equal(ask.node, DEAD);
	core_told(core, 0, "", now);
	assert_true(core_ask(core, &ask, now));
	assert_int_equal(ask.verb, CORE_LOOK);
	end();
}

static void
only_a_permanent_tunnel_that_answers_relays(void **state)
{
	static const struct {
		enum way_route route;
		bool silent, relays;
	} rows[] = {
		{ WAY_FIRM_ROUTE, false, true },
		{ WAY_LEASE_ROUTE, false, false },
		/* The kernel could not take its routes away. */
		{ WAY_FIRM_ROUTE, true, false },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct core_ask ask;

		begin();
		seen[DEAD].route = rows[row].route;
		look();
		wishes[NEW].path = WAY_BY_HUB;
		wishes[FAR].path = WAY_BY_RELAY;
		wishes[FAR].via = DEAD;
		core_want(core, wishes, mono_add(now, 900 * NS_PER_S), now);
		silent[DEAD] = rows[row].silent;
		beats(4);
		now = mono_add(now, CORE_BEAT_NS - 1);
		for (int i = 0; i < 4 && core_ask(core, &ask, now); i++) {
			if (ask.verb == CORE_LOOK)
				look();
			if (ask.verb == CORE_STAGE)
				break;
			core_told(core, ask.verb == CORE_WITHDRAW ? -EIO : 0, "no",
			    now);
		}
		if ((ask.verb == CORE_STAGE) != rows[row].relays)
			fail_msg("row %zu", row);
		end();
	}
}

/* It starts, and the plan is not read yet: nothing is known, and nothing is left. */
static void
no_plan_is_no_wish(void **state)
{
	struct core_ask ask;

	(void)state;
	begin();
	core_free(core);
	core = core_new(
	    &(struct core_opts){ .mesh = mesh, .self = SELF, .full_bytes = 1372 }, now);
	for (int i = 0; i < 60; i++) {
		look();
		beats(5);
		if (!core_ask(core, &ask, now))
			continue;
		assert_int_equal(ask.verb, CORE_LOOK);
		core_told(core, 0, "", now);
	}
	end();
}

/* A probe proves only the way that it went. */
static void
probes_take_the_way_that_they_prove(void **state)
{
	static const struct {
		size_t node;
		enum core_probe_kind kind;
		bool link_local, pinned;
	} rows[] = {
		{ HUB, CORE_LIVE, false, false },
		{ DEAD, CORE_LIVE, true, true },
		{ NEW, CORE_LIVE, true, true },
		{ NEW, CORE_ACCEPT, false, true },
		{ DEAD, CORE_FAR, false, false },
		{ NEW, CORE_FAR, false, false },
		{ NEW, CORE_SMALL, true, true },
		{ NEW, CORE_FULL, true, true },
		{ FAR, CORE_LIVE, true, true },
		{ FAR, CORE_FAR, false, false },
	};
	bool found[NODES][CORE_KINDS] = { { false } };
	uint64_t seq = 1000;

	(void)state;
	begin();
	seen[NEW] = seen[FAR] =
	    (struct way_seen){ .staged = WAY_BY_TUNNEL, .handshake_age_ns = NS_PER_S };
	look();
	for (int i = 0; i < 200; i++) {
		struct core_probe p;

		now = mono_add(now, CORE_BEAT_NS);
		core_tick(core, now);
		while (core_probe(core, &p, now)) {
			size_t k = 0;

			while (k < 10 &&
			       (rows[k].node != p.node || rows[k].kind != p.kind))
				k++;
			assert_true(k < 10);
			assert_int_equal(p.link_local, rows[k].link_local);
			assert_int_equal(p.pinned, rows[k].pinned);
			found[p.node][p.kind] = true;
			core_sent(core, &p, 0, ++seq, now);
			if (p.kind != CORE_ACCEPT) /* or it would be done soon */
				core_answer(core, p.slot, seq, 20000, true);
		}
	}
	for (size_t k = 0; k < 10; k++) {
		if (!found[rows[k].node][rows[k].kind])
			fail_msg("row %zu: not sent", k);
	}
	end();
}

/* Nobody wishes the way to FAR; it is let go when FAR answers by the hub. */
static void
the_way_of_an_answer_is_seen(void **state)
{
	(void)state;
	for (int by_hub = 0; by_hub < 2; by_hub++) {
		bool gone = false;
		uint64_t seq = 1000;

		begin();
		seen[FAR] = (struct way_seen){ .staged = WAY_BY_TUNNEL,
			.handshake_age_ns = NS_PER_S };
		look();
		for (int i = 0; i < 900; i++) {
			struct core_probe p;
			struct core_ask ask;

			now = mono_add(now, CORE_BEAT_NS);
			core_tick(core, now);
			while (core_probe(core, &p, now)) {
				core_sent(core, &p, 0, ++seq, now);
				core_answer(core, p.slot, seq, 20000,
				    by_hub || p.node == HUB);
			}
			if (!core_ask(core, &ask, now))
				continue;
			gone |= ask.verb == CORE_UNSTAGE;
			core_told(core, ask.verb == CORE_LOOK ? 0 : -EBUSY, "no", now);
		}
		assert_int_equal(gone, by_hub);
		end();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(what_must_go_goes_first),
		cmocka_unit_test(no_plan_is_no_wish),
		cmocka_unit_test(probes_take_the_way_that_they_prove),
		cmocka_unit_test(the_way_of_an_answer_is_seen),
		cmocka_unit_test(only_a_permanent_tunnel_that_answers_relays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
