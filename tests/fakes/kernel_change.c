/* SPDX-License-Identifier: MIT */
/*
 * The half of the fake kernel that changes something: see kernel.h beside this.
 */
#include "tests/fakes/kernel.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

bool
fake_step(void)
{
	if (fake.mortal && !fake.dead && fake.steps_left-- == 0)
		fake.dead = true;
	return !fake.dead;
}

bool
fake_fails(unsigned *in)
{
	if (*in != 1) {
		*in -= *in > 0;
		return false;
	}
	*in = fake.lasting;
	fake.failed++;
	return true;
}

/* Count the call; its failure if it is to fail. */
static int
enter(enum fake_call call)
{
	unsigned before;

	if (!fake_step())
		return -EOWNERDEAD;
	if (fake_fails(&fake.fail_in))
		return -ENOMEM;
	if (fake.direct_link.ifindex == 0 && call != FAKE_LINK_ADD)
		return -ENODEV;
	before = fake.calls[call]++;
	return call == fake.fail_call && before >= fake.fail_after ? fake.fail_rc : 0;
}

int
kernel_link_add(struct kernel *k, uint32_t mtu)
{
	int rc = enter(FAKE_LINK_ADD);

	if (rc < 0)
		return rc;
	if (fake.direct_link.ifindex)
		return -EEXIST;
	fake.direct_link =
	    (struct kernel_link){ "", FAKE_DIRECT_IFINDEX, true, false, mtu, false };
	memcpy(fake.direct_link.name, k->direct, sizeof(k->direct));
	fake.rp_direct = fake.rp_default;
	return 0;
}

int
kernel_link_up(struct kernel *k)
{
	int rc = enter(FAKE_LINK_UP);

	(void)k;
	if (rc == 0)
		fake.direct_link.up = true;
	return rc;
}

int
kernel_link_del(struct kernel *k)
{
	int rc = enter(FAKE_LINK_DEL);

	(void)k;
	if (rc < 0)
		return rc;
	fake_fini_device(&fake.direct);
	fake.direct_link = (struct kernel_link){ 0 };
	for (size_t i = fake.n_addrs; i-- > 0;) {
		if (fake.addrs[i].ifindex == FAKE_DIRECT_IFINDEX)
			fake_drop_addr(i);
	}
	for (size_t i = fake.n_routes; i-- > 0;) {
		if (fake.routes[i].ifindex == FAKE_DIRECT_IFINDEX)
			fake_drop_route(i);
	}
	return 0;
}

int
kernel_key_copy(struct kernel *k, const char *from, uint16_t port)
{
	int rc = enter(FAKE_KEY_COPY);

	(void)k;
	if (rc < 0)
		return rc;
	assert(strcmp(from, "wg0") == 0);
	fake.direct.key = fake.hub.key;
	fake.direct.has_key = true;
	fake.direct.port = port;
	return 0;
}

int
kernel_addr_add(struct kernel *k, const struct prefix *prefix)
{
	int rc = enter(FAKE_ADDR_ADD);

	(void)k;
	if (rc < 0)
		return rc;
	assert(fake.n_addrs < FAKE_MAX);
	fake.addrs[fake.n_addrs++] =
	    (struct kernel_addr){ .ifindex = fake.direct_link.ifindex,
		    .prefix = *prefix };
	return 0;
}

static bool
same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

/* The peer that has this prefix loses it, silently, as in the kernel. */
static void
steal(const struct prefix *prefix)
{
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		struct kernel_peer *peer = &fake.direct.peers[i];

		for (size_t j = peer->n_allowed; j-- > 0;) {
			if (same(&peer->allowed[j], prefix))
				peer->allowed[j] = peer->allowed[--peer->n_allowed];
		}
	}
}

/* As kernel_place.c judges, but of the peer alone. */
static bool
barred(const struct kernel *k, const struct wgkey *key)
{
	for (size_t i = 0; i < k->n_mine; i++) {
		if (wgkey_compare(&k->mine[i], key) == 0)
			return false;
	}
	return k->in_place;
}

void
kernel_in_place(struct kernel *k, const struct wgkey *hub, const struct prefix *cover,
    size_t n_cover)
{
	(void)cover; /* what a prefix may be is of test_nl_place.c */
	(void)n_cover;
	k->in_place = true;
	k->hub = *hub;
	k->n_mine = 0;
}

int
kernel_claim(struct kernel *k, const struct wgkey *key)
{
	if (wgkey_compare(&k->hub, key) == 0)
		return -EPERM;
	if (fake.claims_full)
		return -ENOSPC;
	if (barred(k, key)) {
		assert(k->n_mine < FAKE_MAX);
		k->mine[k->n_mine++] = *key;
	}
	return 0;
}

void
kernel_disclaim(struct kernel *k, const struct wgkey *key)
{
	for (size_t i = 0; i < k->n_mine; i++) {
		if (wgkey_compare(&k->mine[i], key) == 0)
			k->mine[i--] = k->mine[--k->n_mine];
	}
}

int
kernel_peer_reduce(struct kernel *k, const struct wgkey *key, const struct prefix *keep)
{
	int rc = enter(FAKE_PEER_REDUCE);

	if (rc < 0 || fake.deaf_peers)
		return rc;
	if (barred(k, key))
		return -EXDEV;
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		struct kernel_peer *peer = &fake.direct.peers[i];

		if (wgkey_compare(&peer->key, key) != 0)
			continue;
		peer->allowed = mem_grow(peer->allowed, 1, sizeof(struct prefix));
		peer->allowed[0] = *keep;
		peer->n_allowed = 1;
	}
	return 0;
}

int
kernel_peer_set(struct kernel *k, const struct kernel_peer_change *change)
{
	struct kernel_peer *peer = NULL;
	int rc = enter(FAKE_PEER_SET);

	if (rc < 0 || fake.deaf_peers)
		return rc;
	if (barred(k, &change->key))
		return -EXDEV;
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		if (wgkey_compare(&fake.direct.peers[i].key, &change->key) == 0)
			peer = &fake.direct.peers[i];
	}
	if (!peer) {
		size_t n = fake.direct.n_peers++;

		assert(n < FAKE_MAX);
		fake.direct.peers =
		    mem_grow(fake.direct.peers, n + 1, sizeof(*fake.direct.peers));
		peer = &fake.direct.peers[n];
		*peer = (struct kernel_peer){ .key = change->key };
		fake.set_at[n] = fake.now;
	}
	if (change->endpoint.family) {
		peer->endpoint = change->endpoint;
		peer->port = change->port;
	}
	if (change->set_keepalive)
		peer->keepalive_s = change->keepalive_s;
	for (size_t i = 0; i < change->n_allowed && !(i && fake.half_peers); i++) {
		steal(&change->allowed[i]);
		peer->allowed =
		    mem_grow(peer->allowed, peer->n_allowed + 1, sizeof(struct prefix));
		peer->allowed[peer->n_allowed++] = change->allowed[i];
	}
	return 0;
}

int
kernel_route_add(struct kernel *k, const struct kernel_route *route)
{
	int rc = enter(FAKE_ROUTE_ADD);

	(void)k;
	if (rc < 0 || fake.deaf_routes)
		return rc;
	for (size_t i = 0; i < fake.n_routes; i++) {
		if (same(&fake.routes[i].dst, &route->dst) &&
		    fake.routes[i].metric == route->metric)
			return -EEXIST;
	}
	assert(fake.n_routes < FAKE_MAX);
	fake.routes[fake.n_routes] = *route;
	fake.routes[fake.n_routes++].ifindex = FAKE_DIRECT_IFINDEX;
	return 0;
}

int
kernel_route_del(struct kernel *k, const struct kernel_route *route)
{
	int rc = enter(FAKE_ROUTE_DEL);

	(void)k;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < fake.n_routes; i++) {
		if (!same(&fake.routes[i].dst, &route->dst) ||
		    fake.routes[i].ifindex != FAKE_DIRECT_IFINDEX ||
		    fake.routes[i].protocol != route->protocol ||
		    (route->metric && fake.routes[i].metric != route->metric))
			continue;
		fake_drop_route(i);
		return 0;
	}
	return -ESRCH;
}

int
kernel_peer_remove(struct kernel *k, const struct wgkey *key)
{
	int rc = enter(FAKE_PEER_REMOVE);

	if (rc == 0 && barred(k, key))
		return -EXDEV;
	for (size_t i = 0; i < fake.direct.n_peers && rc == 0; i++) {
		struct kernel_peer *peer = &fake.direct.peers[i];

		if (fake.deaf_removal || wgkey_compare(&peer->key, key) != 0)
			continue;
		free(peer->allowed);
		fake.direct.n_peers--;
		memmove(peer, peer + 1, (fake.direct.n_peers - i) * sizeof(*peer));
		memmove(&fake.set_at[i], &fake.set_at[i + 1],
		    (fake.direct.n_peers - i) * sizeof(fake.set_at[0]));
		break;
	}
	return rc;
}

static int
lease_v6(const struct kernel_lease *lease)
{
	size_t i;

	for (i = 0; i < fake.n_routes; i++) {
		if (fake.routes[i].expires_s &&
		    same(&fake.routes[i].dst, &lease->prefix))
			break;
	}
	assert(i < FAKE_MAX);
	fake.routes[i] = (struct kernel_route){ .dst = lease->prefix,
		.protocol = RTPROT_MESHOPT,
		.type = RTN_UNICAST,
		.metric = KERNEL_LEASE_METRIC,
		.ifindex = FAKE_DIRECT_IFINDEX,
		.src = lease->own,
		.expires_s = lease->seconds };
	fake.route_until[i] = mono_add(fake.now, lease->seconds * NS_PER_S);
	fake.n_routes += i == fake.n_routes;
	return 0;
}

int
kernel_lease_set(struct kernel *k, const struct kernel_lease *lease)
{
	int rc = enter(FAKE_LEASE_SET);
	size_t i;

	(void)k;
	if (rc < 0 || fake.deaf_leases)
		return rc;
	fake_expire();
	if (lease->prefix.addr.family == AF_INET6)
		return lease_v6(lease);
	for (i = 0; i < fake.n_addrs; i++) {
		if (same(&fake.addrs[i].peer, &lease->prefix))
			break;
	}
	assert(i < FAKE_MAX && fake.n_routes < FAKE_MAX);
	fake.addr_until[i] = mono_add(fake.now, lease->seconds * NS_PER_S);
	if (i < fake.n_addrs)
		return 0;
	fake.addrs[fake.n_addrs++] =
	    (struct kernel_addr){ .ifindex = FAKE_DIRECT_IFINDEX,
		    .prefix = { lease->own, lease->prefix.len },
		    .peer = lease->prefix,
		    .lease_s = lease->seconds };
	fake.route_until[fake.n_routes] = (struct mono){ 0 };
	fake.routes[fake.n_routes++] = (struct kernel_route){ .dst = lease->prefix,
		.protocol = RTPROT_KERNEL,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK,
		.ifindex = FAKE_DIRECT_IFINDEX,
		.src = lease->own };
	return 0;
}

int
kernel_lease_del(struct kernel *k, const struct kernel_lease *lease)
{
	int rc = enter(FAKE_LEASE_DEL);

	(void)k;
	if (rc < 0)
		return rc;
	fake_expire();
	for (size_t i = 0; i < fake.n_addrs; i++) {
		if (fake.addrs[i].peer.addr.family &&
		    same(&fake.addrs[i].peer, &lease->prefix)) {
			fake_drop_addr(i);
			return 0;
		}
	}
	for (size_t i = 0; i < fake.n_routes; i++) {
		if (fake.routes[i].expires_s &&
		    same(&fake.routes[i].dst, &lease->prefix)) {
			fake_drop_route(i);
			return 0;
		}
	}
	return lease->prefix.addr.family == AF_INET6 ? -ESRCH : -EADDRNOTAVAIL;
}

uint64_t
kernel_changes(struct kernel *k)
{
	(void)k;
	return fake_changes();
}

int
kernel_monitor(struct kernel *k, int *fd)
{
	(void)k;
	*fd = -1; /* poll(2) skips it */
	return 0;
}

int
kernel_monitor_read(struct kernel *k, const unsigned ifindex[2])
{
	int happened = fake.happened;

	(void)k;
	(void)ifindex;
	fake.happened = 0;
	return happened;
}
