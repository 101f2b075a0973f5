/* SPDX-License-Identifier: MIT */
/*
 * A controller in the wrong hands, with the key that signs plans: made up at random and
 * out of malice, sealed, and given to the agent as they come over the network; what it
 * follows goes by its core to netd and a kernel of tables.  Whatever is asked for:
 *
 *	epochs only grow, on disk, too, and what must be refused is
 *	no plan changes more than the sizes allow, by a count of the test's own
 *	nothing is begun by a plan that is not fresh
 *	no more changes than netd's bucket of two in ten minutes ever held
 *	the hub's interface, its peer and every route of others are as they were
 *
 * HOSTILE=1000000 in the environment for as many.
 *
 * links: optimizer/agent/core.c optimizer/agent/core_probe.c optimizer/agent/way.c
 * links: optimizer/agent/way_nat.c optimizer/agent/core_nat.c
 * links: optimizer/agent/way_watch.c optimizer/agent/way_place.c
 * links: optimizer/agent/core_word.c optimizer/agent/live.c optimizer/agent/guard.c
 * links: optimizer/agent/follow.c optimizer/agent/keep.c optimizer/agent/order.c
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/decide/plan_json_write.c optimizer/apply/pair.c
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c optimizer/netd/keeper_place.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/apply/state.c
 * links: optimizer/apply/preflight.c tests/fakes/kernel.c tests/fakes/kernel_change.c
 * links: optimizer/agent/core_ask.c
 * links: optimizer/agent/way_hub.c
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "optimizer/agent/core.h"
#include "tests/unit/hostile_plan.h"

#define PLANS	 20000
#define KEPT	 16 /* messages to replay */
#define CHANGES	 2
#define WINDOW_S 600

static struct core *core;
static char dir[] = "/tmp/hostile.XXXXXX";
static struct message kept[KEPT];
static int64_t fresh_until; /* by the test's own count, ns of fake.now */
static unsigned followed, refused, asked, obeyed, restarts;

/* netd's bucket, counted by the test. */
static double tokens;
static int64_t tokens_at;

/* The hub's part of the kernel, at the beginning. */
static struct kernel_route routes[FAKE_MAX];
static size_t n_routes;

/* The disk is not what is tested: a million plans would wait for it. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

/* --- what the agent makes of it --- */

struct paths {
	unsigned of[NODES][NODES]; /* 0 = by the hub */
};

static struct paths
paths_now(void)
{
	struct paths p = { 0 };

	for (size_t i = 0; i < f.order.n; i++) {
		const struct order_pair *o = &f.order.pair[i];

		p.of[o->a][o->b] = p.of[o->b][o->a] =
		    o->path == WAY_BY_RELAY ? 2 + (unsigned)o->via : 1;
	}
	return p;
}

/* The sizes of guard.h, counted in another way. */
static void
check_sizes(const struct paths *was, int64_t away_ns)
{
	struct paths is = paths_now();
	unsigned had = 0, has = 0, changed = 0, removed = 0;
	unsigned periods = 1 + (unsigned)(away_ns > 0 ? away_ns / (600 * NS_PER_S) : 0);

	for (size_t a = HKG; a < NODES; a++) {
		unsigned node_had = 0, node_left = 0;

		for (size_t b = HKG; b < NODES; b++) {
			bool moved = was->of[a][b] != is.of[a][b];

			node_had += was->of[a][b] != 0;
			node_left += was->of[a][b] && moved;
			if (b <= a)
				continue;
			had += was->of[a][b] != 0;
			has += is.of[a][b] != 0;
			changed += moved;
			removed += was->of[a][b] && !is.of[a][b];
		}
		assert_true(node_left <= periods * (node_had < 10 ? 1 : node_had / 5));
	}
	assert_true(changed <= 3 * periods);
	assert_true(removed <= periods * (had < 8 ? 1 : had / 4));
	assert_true(has > 0 || had == 0);
}

static void
wish(struct wall now)
{
	struct way_wish wishes[NODES];

	order_wishes(&f.order, HKG, NODES, wishes);
	core_want(core, wishes, mono_add(fake.now, guard_fresh_ns(&f.order, now)),
	    fake.now);
}

static void
note_fresh(struct wall now)
{
	int64_t ttl = f.order.ttl_ns < 900 * NS_PER_S ? f.order.ttl_ns : 900 * NS_PER_S;
	int64_t left = f.order.issued.ns + ttl - now.ns;

	/* One that seems to come from the future, by a minute at most, is new. */
	fresh_until = fake.now.ns + (left > ttl ? ttl : left);
}

static void
give(enum attack attack, struct wall now)
{
	struct message *slot = &kept[seed_below(&dice, KEPT)], m;
	struct paths was = paths_now();
	uint64_t epoch = f.order.epoch;
	bool had = f.has;
	int64_t away_ns = now.ns - f.accepted.ns;
	enum follow_verdict v;
	struct err err;

	if (attack == REPLAYED && !slot->bytes)
		attack = CREEPING;
	m = attack == REPLAYED ? *slot : seal(attack, now);
	v = follow_take(&f, m.bytes, m.len, now, &err);
	assert_true(f.order.epoch >= epoch);
	if (attack == REPLAYED || must_be_refused(attack))
		assert_int_not_equal(v, FOLLOW_NEW);
	if (v == FOLLOW_REFUSED) {
		refused++;
		assert_int_equal(f.order.epoch, epoch);
	}
	if (attack == REPLAYED)
		return;
	if (v == FOLLOW_NEW) {
		followed++;
		assert_true(f.order.epoch > epoch);
		if (had)
			check_sizes(&was, away_ns);
		note_fresh(now);
		wish(now);
		free(slot->bytes);
		*slot = m;
	} else {
		free(m.bytes);
	}
}

/* Killed and started: what it follows is what is on disk. */
static void
restart(struct wall now)
{
	uint64_t epoch = f.order.epoch;
	struct err err;

	core_free(core);
	core = core_new(&(struct core_opts){ .mesh = mesh,
			    .self = HKG,
			    .full_bytes = 1372 },
	    fake.now);
	follow_fini(&f);
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
	assert_int_equal(f.order.epoch, epoch);
	wish(now);
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	restarts++;
}

/* --- what netd makes of that --- */

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

/* A bucket of two that fills in ten minutes, full at the beginning. */
static void
count_change(void)
{
	tokens += (double)(fake.now.ns - tokens_at) * CHANGES / (WINDOW_S * 1e9);
	if (tokens > CHANGES)
		tokens = CHANGES;
	tokens_at = fake.now.ns;
	tokens -= 1;
	if (tokens < -1e-6)
		fail_msg("more than %d changes in %d s: %.6f", CHANGES, WINDOW_S,
		    tokens);
}

static int
pass_on(const struct core_ask *ask)
{
	static const enum netd_verb verbs[] = { [CORE_LOOK] = NETD_STATE,
		[CORE_STAGE] = NETD_STAGE,
		[CORE_LEASE] = NETD_LEASE,
		[CORE_COMMIT] = NETD_COMMIT,
		[CORE_WITHDRAW] = NETD_WITHDRAW,
		[CORE_UNSTAGE] = NETD_UNSTAGE };
	struct netd_request req;
	bool had = ask->node < NODES && has_route((uint32_t)ask->node);
	int rc;

	netd_request_init(&req, ask->verb == CORE_STAGE && ask->via != SIZE_MAX
				    ? NETD_STAGE_RELAY
				    : verbs[ask->verb]);
	if (ask->verb != CORE_LOOK)
		req.node = (uint32_t)ask->node;
	if (ask->via != SIZE_MAX && ask->verb != CORE_COMMIT &&
	    ask->verb != CORE_WITHDRAW)
		req.via = (uint32_t)ask->via;
	if (ask->verb == CORE_LEASE)
		req.seconds = NETD_LEASE_S;
	if (ask->verb == CORE_STAGE || (ask->verb == CORE_LEASE && !had))
		assert_true(fake.now.ns < fresh_until);
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
	struct core_self self = { .verdict = "" };

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
in_roster(const struct wgkey *peer)
{
	for (size_t i = 0; i < NODES; i++) {
		if (i != DUB && i != HKG &&
		    wgkey_compare(&mesh->nodes[i].key, peer) == 0)
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

static bool
same_route(const struct kernel_route *x, const struct kernel_route *y)
{
	return x->dst.len == y->dst.len && addr_equal(&x->dst.addr, &y->dst.addr) &&
	       x->ifindex == y->ifindex && x->protocol == y->protocol &&
	       x->metric == y->metric && x->type == y->type && x->scope == y->scope &&
	       x->gateway == y->gateway;
}

/* What no plan may change. */
static void
check_kernel(void)
{
	size_t n = 0;

	assert_int_equal(fake.hub.n_peers, 1);
	assert_int_equal(fake.hub.port, 51820);
	assert_int_equal(fake.hub_link.ifindex, FAKE_HUB_IFINDEX);
	assert_int_equal(wgkey_compare(&fake.hub.peers[0].key, &mesh->nodes[DUB].key),
	    0);
	assert_int_equal(fake.hub.peers[0].n_allowed, 0);
	assert_int_equal(fake.hub.peers[0].port, 0);
	for (size_t i = 0; i < fake.direct.n_peers; i++)
		assert_true(in_roster(&fake.direct.peers[i].key));
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *r = &fake.routes[i];

		if (r->ifindex != FAKE_DIRECT_IFINDEX) {
			assert_true(n < n_routes && same_route(r, &routes[n]));
			n++;
		} else if (r->protocol == RTPROT_MESHOPT) {
			assert_true(is_theirs(&r->dst));
		}
	}
	assert_int_equal(n, n_routes);
}

/* --- */

/* An epoch out of reach ends the attack, and the mesh: start over. */
static void
start_over(void)
{
	char path[64];
	struct err err;

	follow_fini(&f);
	(void)snprintf(path, sizeof(path), "%s/" FOLLOW_FILE, dir);
	assert_int_equal(unlink(path), 0);
	/* To a mesh that starts over, they would not be old. */
	for (size_t i = 0; i < KEPT; i++)
		free(kept[i].bytes);
	memset(kept, 0, sizeof(kept));
	assert_int_equal(follow_load(&f, mesh, dir, &err), 0);
}

/* Beyond its names, which only memory can say: JSON has none of that. */
static void
wild(struct wall now)
{
	struct plan *plan = make(RANDOM, now);
	struct plan_route *r = &plan->routes[0];
	struct order order;
	struct err err;

	plan->n_routes += plan->n_routes == 0;
	r->path = (enum plan_path)(1 + seed_below(&dice, 2));
	*(seed_below(&dice, 2) ? &r->a : &r->b) = (uint32_t)seed_next(&dice) | NODES
										   << 4;
	assert_true(order_from_plan(mesh, plan, &order, &err) < 0);
	plan_free(plan);
}

static void
one(unsigned long i)
{
	struct wall now = netd_now().wall;
	enum attack attack = (enum attack)seed_below(&dice, ATTACKS + 16);

	/* Half of them creep, as far as the guards let a controller. */
	if (attack >= ATTACKS)
		attack = CREEPING;
	if ((attack == ROLLED_BACK && !f.has) || (attack == REPLAYED && !f.has) ||
	    (attack == FAR_EPOCH && seed_below(&dice, 200)))
		attack = RANDOM;
	give(attack, now);
	if (i % 8 == 0)
		wild(now);
	if (f.has && seed_below(&dice, 2000) == 0)
		restart(now);
	/* Mostly in haste; sometimes long enough for a pair to switch. */
	for (unsigned k = seed_below(&dice, 50) ? 1 : 150; k > 0; k--) {
		netd_sleep((int64_t)(1 + seed_below(&dice, 400)) * NS_PER_MS);
		shake();
		turn();
	}
	if (i % 16 == 0)
		netd_poll();
	check_kernel();
	if (f.has && f.order.epoch > OUT_OF_REACH / 2)
		start_over();
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
	for (unsigned long i = 0; i < n; i++)
		one(i);
	printf("%lu plans: %u followed, %u refused; %u restarts; %u requests, %u "
	       "changes\n",
	    n, followed, refused, restarts, asked, obeyed);
	assert_true(followed > n / 100);
	assert_true(obeyed > 0);
}

static int
begin(void **state)
{
	struct err err;

	(void)state;
	netd_begin();
	assert_int_equal(netd_open(), 0);
	assert_int_equal(netd_hello(), 0);
	mesh = netd_mesh(netd_mesh_text);
	signed_key_make(&key);
	signed_key_make(&other_key);
	mesh->plan_key = key.public_key;
	for (size_t i = 0; i < fake.n_routes; i++) {
		if (fake.routes[i].ifindex != FAKE_DIRECT_IFINDEX)
			routes[n_routes++] = fake.routes[i];
	}
	tokens = CHANGES;
	tokens_at = fake.now.ns;
	assert_non_null(mkdtemp(dir));
	core = core_new(&(struct core_opts){ .mesh = mesh,
			    .self = HKG,
			    .full_bytes = 1372 },
	    fake.now);
	return follow_load(&f, mesh, dir, &err);
}

static int
finish(void **state)
{
	char path[64];

	(void)state;
	for (size_t i = 0; i < KEPT; i++)
		free(kept[i].bytes);
	follow_fini(&f);
	(void)snprintf(path, sizeof(path), "%s/" FOLLOW_FILE, dir);
	(void)unlink(path); /* ours */
	(void)rmdir(dir);   /* likewise */
	core_free(core);
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
