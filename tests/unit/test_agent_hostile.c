/* SPDX-License-Identifier: MIT */
/*
 * A controller in the wrong hands: plans made up at random and out of malice, properly
 * signed, given to the agent's guards and core, and what these ask for to netd and a
 * kernel of tables.  Whatever it asks for, the hub's way stays, and netd's limits hold.
 * HOSTILE=1000000 in the environment for as many.
 *
 * links: optimizer/agent/core.c optimizer/agent/core_probe.c optimizer/agent/way.c
 * links: optimizer/agent/way_nat.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way_watch.c optimizer/agent/live.c optimizer/agent/guard.c
 * links: optimizer/agent/order.c optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/decide/plan_json_write.c optimizer/apply/pair.c
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_place.c optimizer/apply/state.c
 * links: optimizer/apply/steps.c optimizer/apply/steps_text.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/signed.h"
#include "optimizer/agent/core.h"
#include "optimizer/agent/guard.h"
#include "optimizer/decide/plan_json.h"
#include "tests/unit/netd_world.h"
#include "tests/unit/seed.h"

#define NODES	 6
#define PLANS	 100000
#define SEALED	 50 /* each so manieth plan travels as bytes */
#define CHANGES	 2
#define WINDOW_S 600

static struct seed dice;
static struct mesh *mesh; /* the agent's reading of the file */
static struct core *core;
static struct order past;
static struct wall accepted;
static bool has_past;
static uint64_t epoch;
static unsigned followed, refused, asked, obeyed;

/* Times of changes towards a path of its own, for the limit. */
static int64_t towards[CHANGES + 1];
static size_t n_towards;

static const char *
random_name(void)
{
	static const char *const others[] = { "dub", "nobody", "hkg", "", "../x" };

	return seed_below(&dice, 40) ? mesh->nodes[seed_below(&dice, NODES)].name
				     : others[seed_below(&dice, 5)];
}

/* wild: beyond its names as well, which only memory can say. */
static bool wild;

static uint32_t
pick(const struct plan *plan)
{
	if (seed_below(&dice, 30))
		return 1 + seed_below(&dice, NODES - 1);
	return !wild || seed_below(&dice, 10)
		   ? seed_below(&dice, (uint32_t)plan->n_names)
		   : (uint32_t)seed_next(&dice);
}

static struct plan *
random_plan(struct wall now)
{
	struct plan *plan = mem_alloc(sizeof(*plan));
	size_t n = seed_below(&dice, 5);

	(void)snprintf(plan->mesh, sizeof(plan->mesh), "%s",
	    seed_below(&dice, 50) ? mesh->name : "another");
	plan->n_names = NODES;
	plan->names = mem_array(NODES, sizeof(*plan->names));
	for (size_t i = 0; i < NODES; i++)
		(void)snprintf(plan->names[i], sizeof(plan->names[i]), "%s",
		    seed_below(&dice, 200) ? mesh->nodes[i].name : random_name());
	plan->issue = mem_alloc(sizeof(*plan->issue));
	epoch += seed_below(&dice, 3);
	plan->issue->epoch = seed_below(&dice, 30) ? epoch : seed_next(&dice) >> 11;
	plan->issue->issued.ns =
	    now.ns - (int64_t)seed_below(&dice, 100) * NS_PER_S +
	    (seed_below(&dice, 30) ? 0 : (int64_t)(seed_next(&dice) >> 4));
	plan->issue->ttl_s = seed_below(&dice, 30) ? 900 : UINT32_MAX;
	plan->routes = mem_array(n + 1, sizeof(*plan->routes));
	for (; plan->n_routes < n; plan->n_routes++) {
		struct plan_route *r = &plan->routes[plan->n_routes];

		r->a = pick(plan);
		r->b = pick(plan);
		r->via = pick(plan);
		r->path = seed_below(&dice, 10) ? PLAN_DIRECT
						: (enum plan_path)seed_below(&dice, 3);
		r->us = seed_below(&dice, 2) ? 1000 : PLAN_UNKNOWN;
		r->hub_us = seed_below(&dice, 2) ? 500000 : 0;
	}
	return plan;
}

/* The last plan but for one pair: as far as the guards let a controller creep. */
static struct plan *
creeping_plan(struct wall now)
{
	struct plan *plan = mem_alloc(sizeof(*plan));
	size_t changed = seed_below(&dice, (uint32_t)past.n + 2);

	(void)snprintf(plan->mesh, sizeof(plan->mesh), "%s", mesh->name);
	plan->n_names = NODES;
	plan->names = mem_array(NODES, sizeof(*plan->names));
	for (size_t i = 0; i < NODES; i++)
		memcpy(plan->names[i], mesh->nodes[i].name, sizeof(plan->names[i]));
	plan->issue = mem_alloc(sizeof(*plan->issue));
	plan->issue->epoch = ++epoch;
	plan->issue->issued = now;
	plan->issue->ttl_s = 900;
	plan->routes = mem_array(past.n + 1, sizeof(*plan->routes));
	for (size_t i = 0; i <= past.n; i++) {
		struct plan_route *r = &plan->routes[plan->n_routes];

		if (i == changed)
			continue;
		if (i < past.n) {
			r->a = (uint32_t)past.pair[i].a;
			r->b = (uint32_t)past.pair[i].b;
			r->via = (uint32_t)past.pair[i].via;
			r->path = past.pair[i].path == WAY_BY_RELAY ? PLAN_RELAY
								    : PLAN_DIRECT;
		} else {
			r->a = HKG;
			r->b = FRA + seed_below(&dice, 4);
			r->via = FRA;
			r->path = seed_below(&dice, 3) || r->b == FRA ? PLAN_DIRECT
								      : PLAN_RELAY;
		}
		r->us = 1000;
		r->hub_us = seed_below(&dice, 2) ? 500000 : 10;
		plan->n_routes++;
	}
	return plan;
}

/* As the agent gets it: sealed, opened, and read back, or refused on the way. */
static struct plan *
travel(struct plan *plan)
{
	static struct signed_key key;
	char *text = plan_to_json(plan);
	struct plan *out = NULL;
	const uint8_t *payload;
	uint8_t *sealed;
	size_t len, payload_len;
	struct err err;

	plan_free(plan);
	if (wgkey_is_zero(&key.public_key))
		signed_key_make(&key);
	assert_int_equal(signed_seal(&key, text, strlen(text), &sealed, &len), 0);
	free(text);
	if (seed_below(&dice, 4) == 0) {
		sealed[seed_below(&dice, (uint32_t)len)] ^=
		    (uint8_t)(1u << seed_below(&dice, 8));
		assert_true(signed_open(&key.public_key, sealed, len, &payload,
				&payload_len, &err) < 0);
	} else if (signed_open(&key.public_key, sealed, len, &payload, &payload_len,
		       &err) == 0) {
		(void)plan_from_json((const char *)payload, payload_len, &out, &err);
	}
	free(sealed);
	return out;
}

static void
follow(struct plan *plan, struct wall now)
{
	struct way_wish wishes[NODES];
	struct guard_past before = { has_past ? &past : NULL, accepted };
	struct order order;
	struct err err;

	if (!plan || order_from_plan(mesh, plan, &order, &err) < 0) {
		refused++;
		return;
	}
	if (guard_judge(mesh, &before, &order, now, false, &err) == GUARD_REFUSE) {
		refused++;
		order_fini(&order);
		/* One out of reach, and nothing would ever be followed again. */
		return;
	}
	followed++;
	order_fini(&past);
	past = order;
	accepted = now;
	has_past = true;
	order_wishes(&past, HKG, NODES, wishes);
	core_want(core, wishes, mono_add(fake.now, guard_fresh_ns(&past, now)),
	    fake.now);
}

static bool
has_route(uint32_t node)
{
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *r = &fake.routes[i];

		if (r->ifindex == FAKE_DIRECT_IFINDEX &&
		    prefix_contains(&r->dst, &mesh->nodes[node].address.addr))
			return true;
	}
	return false;
}

/* More than netd allows in any ten minutes? */
static void
count_change(void)
{
	if (n_towards == CHANGES + 1)
		memmove(towards, towards + 1, CHANGES * sizeof(*towards));
	else
		n_towards++;
	towards[n_towards - 1] = fake.now.ns;
	/* A bucket of two that fills in ten minutes: three never within five. */
	if (n_towards == CHANGES + 1 &&
	    towards[CHANGES] - towards[0] < WINDOW_S / CHANGES * NS_PER_S)
		fail_msg("%d changes in %lld s", CHANGES + 1,
		    (long long)((towards[CHANGES] - towards[0]) / NS_PER_S));
}

static int
pass_on(const struct core_ask *ask)
{
	struct netd_request req;
	bool had = ask->node < NODES && has_route((uint32_t)ask->node);
	int rc;

	netd_request_init(&req,
	    ask->verb == CORE_LOOK ? NETD_STATE
	    : ask->verb == CORE_STAGE
		? ask->via == SIZE_MAX ? NETD_STAGE : NETD_STAGE_RELAY
	    : ask->verb == CORE_LEASE	 ? NETD_LEASE
	    : ask->verb == CORE_COMMIT	 ? NETD_COMMIT
	    : ask->verb == CORE_WITHDRAW ? NETD_WITHDRAW
					 : NETD_UNSTAGE);
	if (ask->verb != CORE_LOOK)
		req.node = (uint32_t)ask->node;
	if (ask->via != SIZE_MAX && ask->verb != CORE_COMMIT &&
	    ask->verb != CORE_WITHDRAW)
		req.via = (uint32_t)ask->via;
	if (ask->verb == CORE_LEASE)
		req.seconds = NETD_LEASE_S;
	asked++;
	rc = netd_ask_at(&req);
	obeyed += rc == 0 && ask->verb != CORE_LOOK;
	if (rc == 0 && ask->verb == CORE_LEASE && !had)
		count_change();
	return rc;
}

static void
show(void)
{
	struct way_seen seen[NODES];
	struct core_self self = { false, "" };

	for (size_t i = 0; i < NODES; i++) {
		const struct netd_node *r = &w.node[i];
		uint32_t holder = w.told[i] ? r->holder : NETD_NONE;

		seen[i] = (struct way_seen){ .handshake_age_ns = -1 };
		if (!w.told[i])
			continue;
		seen[i].route = (enum way_route)r->path;
		seen[i].handshake_age_ns = 0;
		seen[i].foreign = r->flags & (NETD_OPERATOR | NETD_FROZEN);
		if (holder == NETD_NONE)
			continue;
		seen[i].staged = holder == i ? WAY_BY_TUNNEL : WAY_BY_RELAY;
		seen[i].via = holder == i ? 0 : holder;
	}
	core_saw(core, seen, &self, fake.now);
}

/* Hands are shaken all the time, with the hub and with every peer. */
static void
shake(void)
{
	fake.hub.peers[0].handshake = netd_now().wall;
	for (size_t i = 0; i < fake.direct.n_peers; i++)
		fake.direct.peers[i].handshake = netd_now().wall;
}

/* Probes are answered at once, or sometimes not. */
static void
turn(void)
{
	struct core_probe probe;
	struct core_event event;
	struct core_ask ask;
	static uint64_t seq;

	core_tick(core, fake.now);
	while (core_probe(core, &probe, fake.now)) {
		core_sent(core, &probe, 0, ++seq, fake.now);
		if (probe.node == DUB || seed_below(&dice, 500))
			core_answer(core, probe.slot, seq, 900, seed_below(&dice, 10));
		else
			core_lost(core, probe.slot, seq);
	}
	while (core_ask(core, &ask, fake.now)) {
		int rc = pass_on(&ask);

		if (ask.verb == CORE_LOOK)
			show();
		core_told(core, rc, w.reply.text, fake.now);
		core_tick(core, fake.now);
		if (ask.verb == CORE_LOOK)
			break;
	}
	while (core_event(core, &event))
		;
}

static bool
in_roster(const struct wgkey *key)
{
	for (size_t i = 0; i < NODES; i++) {
		if (i != DUB && i != HKG &&
		    wgkey_compare(&mesh->nodes[i].key, key) == 0)
			return true;
	}
	return false;
}

static bool
is_theirs(const struct prefix *dst)
{
	for (size_t i = 0; i < NODES; i++) {
		for (size_t j = 0; j < mesh->nodes[i].n_prefixes; j++) {
			const struct prefix *p = &mesh->nodes[i].prefixes[j];

			if (i != DUB && i != HKG && p->len == dst->len &&
			    addr_equal(&p->addr, &dst->addr))
				return true;
		}
	}
	return false;
}

/* What no plan may change. */
static void
check_kernel(void)
{
	bool hub_route = false;

	assert_int_equal(fake.hub.n_peers, 1);
	for (size_t i = 0; i < fake.direct.n_peers; i++)
		assert_true(in_roster(&fake.direct.peers[i].key));
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *r = &fake.routes[i];

		if (r->ifindex == FAKE_HUB_IFINDEX) {
			hub_route |= r->dst.len == 16;
			assert_int_not_equal(r->protocol, RTPROT_MESHOPT);
		} else if (r->protocol == RTPROT_MESHOPT) {
			assert_int_equal(r->ifindex, FAKE_DIRECT_IFINDEX);
			assert_true(is_theirs(&r->dst));
		}
	}
	assert_true(hub_route);
}

static void
no_plan_passes_the_limits(void **state)
{
	const char *given = getenv("HOSTILE");
	unsigned long n = given			     ? strtoul(given, NULL, 10)
			  : getenv("UNDER_VALGRIND") ? PLANS / 20
						     : PLANS;

	(void)state;
	dice = seed_new("hostile");
	for (unsigned long i = 0; i < n; i++) {
		struct wall now = netd_now().wall;
		struct plan *plan;

		wild = i % SEALED != 0;
		plan = has_past && seed_below(&dice, 2) ? creeping_plan(now)
							: random_plan(now);

		if (!wild)
			plan = travel(plan);
		follow(plan, now);
		plan_free(plan);
		/* Mostly in haste; sometimes long enough for a pair to switch. */
		for (unsigned k = seed_below(&dice, 50) ? 1 : 150; k > 0; k--) {
			netd_sleep((int64_t)(1 + seed_below(&dice, 400)) * NS_PER_MS);
			shake();
			turn();
		}
		if (i % 16 == 0) {
			netd_poll();
			check_kernel();
		}
		/* An epoch out of reach ends the attack, and the mesh: start over. */
		if (has_past && past.epoch > epoch) {
			order_fini(&past);
			has_past = false;
		}
	}
	printf("%lu plans: %u followed, %u refused; %u requests, %u changes\n", n,
	    followed, refused, asked, obeyed);
	assert_true(followed > n / 100);
	assert_true(obeyed > 0);
}

static int
begin(void **state)
{
	(void)state;
	netd_begin();
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	mesh = netd_mesh(netd_mesh_text);
	core = core_new(&(struct core_opts){ mesh, HKG, 1372 }, fake.now);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	core_free(core);
	order_fini(&past);
	mesh_free(mesh);
	netd_end();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_plan_passes_the_limits, begin,
		    finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
