/* SPDX-License-Identifier: MIT */
/*
 * netd whole, over a kernel of tables: requests of any kind, time, restarts, failing
 * calls, deaths and an operator's hand, as the bytes say.  It never sets a peer that is
 * not of the roster, nor a route to anything else; the hub's interface stays as it is;
 * and panic always ends with no route of ours.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c optimizer/netd/keeper_place.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/apply/state.c
 * links: optimizer/apply/preflight.c tests/fakes/journal.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <assert.h>
#include <linux/rtnetlink.h>

#include "tests/fakes/journal.h"
#include "tests/unit/netd_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

#define OPS 200 /* of one input: longer ones tell nothing new */

struct bytes {
	const uint8_t *p;
	size_t left;
};

static uint8_t
next(struct bytes *b)
{
	if (b->left == 0)
		return 0;
	b->left--;
	return *b->p++;
}

static void
check_bounds(void)
{
	assert(fake.hub.n_peers == 1 && fake.hub.port == 51820);
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		size_t n = 0;

		while (n < w.mesh->n_nodes && wgkey_compare(&w.mesh->nodes[n].key,
						  &fake.direct.peers[i].key) != 0)
			n++;
		assert(n != HKG && n < w.mesh->n_nodes);
	}
	for (size_t i = 0; i < fake.n_routes; i++) {
		bool known = fake.routes[i].ifindex != FAKE_DIRECT_IFINDEX;

		for (size_t n = FRA; n <= SYD && !known; n++)
			known = scene_among(w.mesh->nodes[n].prefixes,
			    w.mesh->nodes[n].n_prefixes, &fake.routes[i].dst);
		assert(known);
	}
}

/* Mostly well-formed, or a fuzzer would only ever find the magic number. */
static void
request(struct bytes *b)
{
	struct netd_request req;
	uint8_t odd;

	netd_request_init(&req, (enum netd_verb)(next(b) % (NETD_VERBS + 1)));
	req.node = next(b) % 7;
	req.via = next(b) % 7;
	if (req.via >= 5)
		req.via = NETD_NONE;
	if (req.node == 6 || req.verb == NETD_HELLO || req.verb == NETD_STATE ||
	    req.verb == NETD_PANIC)
		req.node = req.via = NETD_NONE;
	if (req.verb == NETD_LEASE)
		req.seconds = next(b) % 130;
	if (req.verb == NETD_HELLO)
		req.hash = netd_roster_hash(w.mesh);
	if (req.verb == NETD_STAGE && next(b) % 4 == 0) {
		req.family = AF_INET;
		req.port = 7;
		for (int i = 0; i < 4; i++)
			req.addr[i] = next(b);
	}
	odd = next(b);
	if (odd < sizeof(req))
		((uint8_t *)&req)[odd] ^= next(b);
	netd_message(&req);
}

/* `wg set`, `ip route del`, `ip link`, by hand. */
static void
meddle(struct bytes *b)
{
	uint8_t what = next(b), which = next(b);
	struct kernel_peer *p = fake.direct.n_peers
				    ? &fake.direct.peers[which % fake.direct.n_peers]
				    : NULL;

	if (what % 8 == 0 && p)
		p->keepalive_s ^= 1;
	else if (what % 8 == 1 && p && p->n_allowed)
		p->n_allowed--;
	else if (what % 8 == 2 && p)
		p->port ^= which;
	else if (what % 8 == 3 && p)
		p->tx_bytes += 1000;
	else if (what % 8 == 4 && fake.n_routes > 3)
		fake_drop_route(3 + which % (fake.n_routes - 3));
	else if (what % 8 == 5)
		fake.direct_link.up = fake.direct_link.ifindex && !fake.direct_link.up;
	else if (what % 8 == 6 && which % 8 == 0)
		(void)kernel_link_del(w.kernel); /* or it is not there */
	else if (what % 8 == 7)
		w.freeze = !w.freeze;
}

static void
pass_time(struct bytes *b)
{
	netd_sleep(next(b) * NS_PER_S);
	for (size_t i = 0; i < fake.direct.n_peers; i++)
		fake.direct.peers[i].handshake = netd_now().wall;
	fake.hub.peers->handshake = netd_now().wall;
	netd_poll();
}

static void
heal(void)
{
	fake.fail_in = fake.read_fails_in = 0;
	fake.mortal = fake.dead = fake.lasting = w.freeze = false;
}

static void
restart(void)
{
	heal(); /* a start that fails is tried again by who started it */
	assert(netd_restart() == 0);
	assert(netd_hello() == 0);
}

static void
one(struct bytes *b)
{
	uint8_t op = next(b);

	switch (op % 8) {
	case 0:
		meddle(b);
		break;
	case 1:
		pass_time(b);
		break;
	case 2:
		fake.lasting = op & 8;
		*(op & 16 ? &fake.fail_in : &fake.read_fails_in) = next(b);
		break;
	case 3:
		if (op & 8) {
			restart();
		} else {
			fake.mortal = true;
			fake.steps_left = op >> 4;
		}
		break;
	default:
		request(b);
	}
	if (fake.dead)
		restart();
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct bytes b = { in, len };

	fake_journal_clear();
	netd_begin();
	w.journal[0] = '0';
	w.journal[1] = '\0';
	w.limit = (struct policy_limit){ 2, 60 * NS_PER_S };
	assert(netd_open() == 0);
	assert(netd_hello() == 0);
	for (int i = 0; i < OPS && b.left > 0; i++) {
		one(&b);
		check_bounds();
	}
	restart();
	assert(netd_ask(NETD_PANIC, NETD_NONE, NETD_NONE) == 0);
	for (size_t i = 0; i < fake.n_routes; i++)
		assert(fake.routes[i].ifindex != FAKE_DIRECT_IFINDEX);
	netd_end();
	return 0;
}
