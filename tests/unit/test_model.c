/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a pair as a model: two netds, two kernels of tables with leases,
 * sessions between them, and packets that take as long as their path does. Random
 * schedules of requests at either end, in any order, with either program killed at any
 * step; what is asked is what an agent would ask: it leases only what it has verified,
 * renews only what lives, and takes no peer away from an end that sends to it.
 *
 *	I1 the hub's interface and everybody else's routes are never written
 *	I2 whatever we route directly has a route by the hub beneath it
 *	I3 a packet is lost only while the far end has taken its peer away, and not for
 *	   longer than a lease; never otherwise, whoever is killed when
 *	I4 only peers of the roster, only routes of our mark
 *	I5 what is done already sends nothing when it is asked again
 *	I6 after the last kill both ends are by the hub or direct, whole, within a lease
 *	   and a poll, and nobody is blamed
 *	I7 without requests nothing is changed
 *
 * 100,000 schedules, or so many as MODEL= says; SEED as printed repeats a run.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/keeper.c optimizer/netd/keeper_look.c
 * links: optimizer/netd/keeper_tell.c optimizer/netd/keeper_peer.c
 * links: optimizer/netd/keeper_route.c optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/netd/keeper_place.c
 * links: optimizer/apply/state.c optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c tests/fakes/journal.c
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/netd/keeper.h"
#include "tests/fakes/journal.h"
#include "tests/fakes/kernel.h"
#include "tests/unit/seed.h"

#ifdef __SANITIZE_ADDRESS__
#define SCHEDULES 1000
#else
#define SCHEDULES 100000
#endif
#define STEPS	  30
#define FLIGHT	  64   /* packets on their way at once */
#define BURST	  5000 /* B that a packet here stands for */
#define HUB_NS	  (246 * NS_PER_MS)
#define DIRECT_NS (25 * NS_PER_MS)
#define LEASE_NS  (NETD_LEASE_S * NS_PER_S)

static const char mesh_text[] =
    "[Mesh]\nName = model\n"
    "[Node]\nName = hub\nRole = hub\nAddress = 10.50.0.1/24\n"
    "AllowedIPs = 10.50.0.0/16, fd50::/16\n"
    "PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=\n"
    "Endpoint = 54.171.48.207:51820\n"
    "[Node]\nName = a\nRole = pop\nAddress = 10.50.5.1/24\n"
    "AllowedIPs = 10.50.5.1/32, fd50:5::/64\n"
    "PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=\n"
    "Endpoint = 35.241.112.61:51820\n"
    "[Node]\nName = b\nRole = backend\nAddress = 10.50.4.1/24\n"
    "PublicKey = 9ZK9FzSzihxrRX9gktc99Oj0WFSJMa0mf33pP2LJ/lU=\n";

enum { HUB, A, B };

struct packet {
	struct mono arrives;
	int to;
	bool direct;
	unsigned session;
};

struct end {
	struct fake_kernel kernel;
	struct keeper *keeper; /* NULL = dead */
	struct kernel *handle;
	unsigned session;	/* of its peer for the other end; 0 = none */
	struct mono deaf_since; /* its peer is not there since then; 0 = it is */
	struct mono deaf_until; /* when it was last made */
	int error;		/* of the last reply */
	enum netd_path path;	/* of the last state */
	uint16_t flags;
	struct mono renewed; /* the agent's memory */
};

static struct end ends[3]; /* by node; the hub's is not used */
static struct mono now;
static struct packet flight[FLIGHT];
static size_t n_flight;
static unsigned sessions, lost, sent;
static struct mesh *mesh;
static struct seed rng;
static unsigned schedule;

#define MUST(condition, what) must(condition, what, __LINE__)

static void
must(bool condition, const char *what, int line)
{
	if (condition)
		return;
	print_error("schedule %u, line %d: %s\n", schedule, line, what);
	assert_true(condition);
}

/* The kernel of this end is the one that the calls go to. */
static void
at(int end)
{
	fake_now = &ends[end].kernel;
	fake.now = now;
}

static int
other(int end)
{
	return end == A ? B : A;
}

static struct mesh *
copy_mesh(void)
{
	struct mesh *copy = mem_alloc(sizeof(*copy));

	*copy = *mesh;
	copy->nodes = mem_array(mesh->n_nodes, sizeof(*copy->nodes));
	memcpy(copy->nodes, mesh->nodes, mesh->n_nodes * sizeof(*copy->nodes));
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		size_t n = mesh->nodes[i].n_prefixes;

		copy->nodes[i].prefixes = mem_array(n, sizeof(struct prefix));
		memcpy(copy->nodes[i].prefixes, mesh->nodes[i].prefixes,
		    n * sizeof(struct prefix));
	}
	copy->pairs = NULL;
	return copy;
}

static struct keeper_now
now_is(void)
{
	return (struct keeper_now){ now, { 1700000000 * NS_PER_S + now.ns }, false };
}

static void
send_cb(const void *message, size_t len, void *ctx)
{
	struct end *end = ctx;
	union netd_answer a;

	if (fake.dead)
		return;
	MUST(netd_answer_check(message, len, 3, &a) == 0, "no answer");
	if (a.head.kind == NETD_REPLY)
		end->error = a.reply.error;
	if (a.head.kind == NETD_NODE) {
		end->path = (enum netd_path)a.node.path;
		end->flags = a.node.flags;
	}
}

static struct mesh *
load_cb(size_t *self, struct err *err, void *ctx)
{
	(void)self;
	(void)ctx;
	(void)err_set(err, "there is no other");
	return NULL;
}

static void
ask(int end, enum netd_verb verb, bool urgent)
{
	struct netd_request req;

	at(end);
	netd_request_init(&req, verb);
	if (verb == NETD_HELLO)
		req.hash = netd_roster_hash(mesh);
	else if (verb != NETD_STATE && verb != NETD_PANIC)
		req.node = (uint32_t)other(end);
	req.seconds = verb == NETD_LEASE ? NETD_LEASE_S : 0;
	req.flags = urgent ? NETD_EMERGENCY : 0;
	keeper_handle(ends[end].keeper, &req, sizeof(req), now_is());
}

/* What it was doing has no effect from its death on. */
static void
bury(int end)
{
	at(end);
	keeper_close(ends[end].keeper);
	ends[end].keeper = NULL;
	fake.mortal = fake.dead = false;
}

static void
start(int end)
{
	struct keeper_opts opts = { .kernel = ends[end].handle,
		.mesh = copy_mesh(),
		.self = (size_t)end,
		.journal = end == A ? "0" : "1",
		.limit = { 16, 600 * NS_PER_S },
		.send = send_cb,
		.load = load_cb,
		.ctx = &ends[end] };
	struct err err;

	at(end);
	MUST(keeper_open(&opts, now_is(), &ends[end].keeper, &err) == 0, "open");
	ask(end, NETD_HELLO, false);
}

static struct kernel_peer *
peer_at(int end)
{
	at(end);
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		if (wgkey_compare(&fake.direct.peers[i].key,
			&mesh->nodes[other(end)].key) == 0)
			return &fake.direct.peers[i];
	}
	return NULL;
}

/* The session of a peer ends with it; two peers that are there soon have one. */
static void
shake_hands(void)
{
	struct kernel_peer *a = peer_at(A), *b;

	if (!a)
		ends[A].session = 0;
	b = peer_at(B);
	if (!b)
		ends[B].session = 0;
	for (int e = A; e <= B; e++) {
		bool deaf = ends[e].session == 0;

		if (deaf && ends[e].deaf_since.ns == 0)
			ends[e].deaf_since = now;
	}
	if (!a || !b)
		return;
	if (ends[A].session == 0 || ends[A].session != ends[B].session)
		ends[A].session = ends[B].session = ++sessions;
	for (int e = A; e <= B; e++) {
		struct kernel_peer *peer = peer_at(e);

		if (now_is().wall.ns - peer->handshake.ns > 120 * NS_PER_S)
			peer->handshake = now_is().wall;
		if (ends[e].deaf_since.ns)
			ends[e].deaf_until = now;
		ends[e].deaf_since.ns = 0;
	}
}

static bool
holds(const struct kernel_peer *peer, const struct mesh_node *who)
{
	for (size_t i = 0; i < who->n_prefixes; i++) {
		bool found = false;

		for (size_t j = 0; j < peer->n_allowed; j++)
			found |=
			    peer->allowed[j].len == who->prefixes[i].len &&
			    addr_equal(&peer->allowed[j].addr, &who->prefixes[i].addr);
		if (!found)
			return false;
	}
	return true;
}

static void
send_packet(int from)
{
	struct packet *p = &flight[n_flight];
	struct kernel_peer *peer = peer_at(from);
	unsigned ifindex = 0;

	if (n_flight == FLIGHT)
		return;
	at(from);
	MUST(kernel_lookup(NULL, &mesh->nodes[other(from)].address.addr, &ifindex) == 0,
	    "no way at all");
	*p = (struct packet){ .to = other(from),
		.direct = ifindex == FAKE_DIRECT_IFINDEX,
		.session = ends[from].session };
	p->arrives = mono_add(now, p->direct ? DIRECT_NS : HUB_NS);
	if (p->direct) {
		MUST(peer && holds(peer, &mesh->nodes[other(from)]), "I3: no peer");
		peer->tx_bytes += BURST;
	}
	n_flight++;
	sent++;
}

/* By the hub everything arrives. */
static void
arrive(const struct packet *p)
{
	struct kernel_peer *peer;

	if (!p->direct)
		return;
	peer = peer_at(p->to);
	if (peer && p->session && p->session == ends[p->to].session &&
	    holds(peer, &mesh->nodes[other(p->to)])) {
		peer->rx_bytes += BURST;
		return;
	}
	lost++;
	/* In flight while the peer went and came: its session went with it. */
	if (mono_diff(p->arrives, ends[p->to].deaf_until) <= DIRECT_NS)
		return;
	MUST(ends[p->to].deaf_since.ns != 0, "I3: lost, and nobody took a peer away");
	MUST(mono_diff(p->arrives, ends[p->to].deaf_since) <= LEASE_NS,
	    "I3: lost for longer than a lease");
}

static void
pass(int64_t ns)
{
	now = mono_add(now, ns);
	for (size_t i = 0; i < n_flight;) {
		if (mono_diff(flight[i].arrives, now) > 0) {
			i++;
			continue;
		}
		arrive(&flight[i]);
		flight[i] = flight[--n_flight];
	}
	shake_hands();
}

/* Can what this end sends directly be heard? What an agent's probes find out. */
static bool
heard(int end)
{
	struct kernel_peer *mine = peer_at(end), *theirs;
	bool there = mine != NULL;

	theirs = peer_at(other(end));
	return there && theirs && ends[end].session &&
	       ends[end].session == ends[other(end)].session;
}

static void
check_tables(int end)
{
	size_t hub = 0, others = 0;

	at(end);
	MUST(fake.hub.n_peers == 1 && fake.hub.port == 51820,
	    "I1: the hub's interface");
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *r = &fake.routes[i];

		hub += r->ifindex == FAKE_HUB_IFINDEX;
		others += r->ifindex == FAKE_OTHER_IFINDEX;
		if (r->ifindex == FAKE_DIRECT_IFINDEX)
			MUST(r->protocol == RTPROT_MESHOPT ||
				 r->protocol == RTPROT_KERNEL,
			    "I4: a route without our mark");
	}
	MUST(hub == 2 && others == 1, "I1, I2: routes of others");
	MUST(fake.direct.n_peers <= 1 && (!fake.direct.n_peers || peer_at(end)),
	    "I4: a peer of nobody");
}

/* The agent of this end keeps what lives, and withdraws what does not. */
static void
tend(int end)
{
	if (!ends[end].keeper)
		return;
	ask(end, NETD_STATE, false);
	if (ends[end].error || ends[end].path == NETD_HUB)
		return;
	if (!heard(end))
		ask(end, NETD_WITHDRAW, false);
	else if (ends[end].path == NETD_LEASED &&
		 mono_diff(now, ends[end].renewed) > 15 * NS_PER_S) {
		ends[end].renewed = now;
		ask(end, NETD_LEASE, false);
	}
}

static bool
sends_direct(int end)
{
	unsigned ifindex = 0;

	at(end);
	(void)kernel_lookup(NULL, &mesh->nodes[other(end)].address.addr, &ifindex);
	return ifindex == FAKE_DIRECT_IFINDEX;
}

/* In half of the schedules peers stay, and then not one packet may be lost. */
static bool
may_unstage(void)
{
	return schedule % 2;
}

static void
act(int end)
{
	static const enum netd_verb verbs[] = { NETD_STAGE, NETD_STAGE, NETD_LEASE,
		NETD_LEASE, NETD_COMMIT, NETD_COMMIT, NETD_WITHDRAW, NETD_UNSTAGE,
		NETD_PANIC, NETD_STATE };
	enum netd_verb verb = verbs[seed_below(&rng, 10)];
	unsigned before;

	if (verb == NETD_UNSTAGE && !may_unstage())
		return;
	/* Asked by the hub, which way does the far end answer?  netd alone can only
	 * count what has arrived, and of a route that is milliseconds old that is
	 * nothing. */
	if (verb == NETD_UNSTAGE && sends_direct(other(end)))
		return;
	/* Verified before it is leased: that is the other half's part. */
	if ((verb == NETD_LEASE || verb == NETD_COMMIT) && !heard(end))
		return;
	at(end);
	if (seed_below(&rng, 4) == 0) {
		fake.mortal = true;
		fake.steps_left = seed_below(&rng, 12);
	}
	ask(end, verb, seed_below(&rng, 8) == 0 && verb == NETD_LEASE);
	if (fake.dead) {
		bury(end);
		return;
	}
	fake.mortal = false;
	if (ends[end].error || verb == NETD_LEASE || seed_below(&rng, 2))
		return;
	before = fake_changes();
	ask(end, verb, false);
	MUST(ends[end].error || fake_changes() == before, "I5: sent again");
}

static void
one_step(void)
{
	static const int64_t waits[] = { 1, 20, 100, 500, 3000, 15000, 61000, 130000 };
	int end = seed_below(&rng, 2) ? A : B;
	int64_t ms = waits[seed_below(&rng, seed_below(&rng, 4) ? 6 : 8)];

	send_packet(A);
	send_packet(B);
	if (!ends[end].keeper)
		start(end);
	else if (seed_below(&rng, 12) == 0)
		bury(end); /* for no reason at all */
	else
		act(end);
	shake_hands();
	/* Agents that live look after their paths every few seconds. */
	while (ms > 0) {
		int64_t bit = ms > 5000 ? 5000 : ms;

		pass(bit * NS_PER_MS);
		ms -= bit;
		for (int e = A; e <= B && bit == 5000; e++) {
			tend(e);
			at(e);
			if (ends[e].keeper)
				keeper_poll(ends[e].keeper, now_is());
		}
		send_packet(A);
		send_packet(B);
	}
	check_tables(A);
	check_tables(B);
}

static void
set_up_end(int end)
{
	struct kernel_peer *hub = mem_alloc(sizeof(*hub));

	at(end);
	fake_reset(&mesh->nodes[end].key, "10.50.0.0/16");
	fake_add_route("fd50::/16", FAKE_HUB_IFINDEX, RTPROT_BOOT);
	fake.handshake_after_ns = -1; /* the model's */
	hub->key = mesh->nodes[HUB].key;
	fake.hub.peers = hub;
	fake.hub.n_peers = 1;
	MUST(kernel_open("wgd0", &ends[end].handle, NULL) == 0, "kernel");
}

static void
settle(void)
{
	unsigned changes[3];

	for (int e = A; e <= B; e++) {
		if (!ends[e].keeper)
			start(e);
	}
	for (int s = 0; s < NETD_LEASE_S + 15; s += 5) {
		pass(5 * NS_PER_S);
		for (int e = A; e <= B; e++) {
			at(e);
			keeper_poll(ends[e].keeper, now_is());
		}
	}
	for (int e = A; e <= B; e++) {
		ends[e].path = NETD_HUB;
		ends[e].flags = 0;
		ask(e, NETD_STATE, false);
		MUST(ends[e].error == 0, "I6: state");
		MUST(ends[e].path == NETD_HUB || ends[e].path == NETD_DIRECT,
		    "I6: neither by the hub nor direct");
		MUST(ends[e].flags == 0, "I6: somebody is blamed");
		changes[e] = fake_changes();
	}
	for (int s = 0; s < 30; s += 10) {
		pass(10 * NS_PER_S);
		for (int e = A; e <= B; e++) {
			at(e);
			keeper_poll(ends[e].keeper, now_is());
		}
	}
	for (int e = A; e <= B; e++) {
		at(e);
		MUST(fake_changes() == changes[e], "I7: changed without a request");
	}
}

static void
run_schedule(void)
{
	unsigned before = lost;

	memset(ends, 0, sizeof(ends));
	now.ns = 1000 * NS_PER_S;
	n_flight = 0;
	fake_journal_clear();
	for (int e = A; e <= B; e++) {
		set_up_end(e);
		now.ns = fake.now.ns;
	}
	start(A);
	start(B);
	for (int i = 0; i < STEPS; i++)
		one_step();
	settle();
	MUST(may_unstage() || lost == before, "I3: lost, and every peer stayed");
	for (int e = A; e <= B; e++) {
		at(e);
		keeper_close(ends[e].keeper);
		kernel_close(ends[e].handle);
		fake_fini();
	}
}

static void
schedules(void **unused)
{
	const char *given = getenv("MODEL");
	unsigned n = given ? (unsigned)strtoul(given, NULL, 10) : SCHEDULES;
	FILE *in = fmemopen((void *)(uintptr_t)mesh_text, sizeof(mesh_text) - 1, "r");
	struct err err;

	(void)unused;
	if (getenv("UNDER_VALGRIND"))
		n = 50;
	assert_non_null(in);
	assert_int_equal(mesh_read(in, "model", &mesh, &err), 0);
	(void)fclose(in); /* of memory */
	rng = seed_new("model");
	for (schedule = 0; schedule < n; schedule++)
		run_schedule();
	print_message(
	    "%u schedules, %u packets, %u lost to a peer that was taken away\n", n,
	    sent, lost);
	assert_true(sent > n);
	mesh_free(mesh);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
