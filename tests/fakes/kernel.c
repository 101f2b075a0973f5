/* SPDX-License-Identifier: MIT */
/*
 * See kernel.h beside this.
 */
#include "tests/fakes/kernel.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static struct fake_kernel first;
struct fake_kernel *fake_now = &first;

static const struct wall EPOCH = { 1700000000 * NS_PER_S };

static struct wall
fake_wall(void)
{
	return (struct wall){ EPOCH.ns + fake.now.ns };
}

void
fake_fini_device(struct kernel_device *dev)
{
	for (size_t i = 0; i < dev->n_peers; i++)
		free(dev->peers[i].allowed);
	free(dev->peers);
	*dev = (struct kernel_device){ 0 };
}

void
fake_fini(void)
{
	fake_fini_device(&fake.hub);
	fake_fini_device(&fake.direct);
	memset(&fake, 0, sizeof(fake));
}

void
fake_reset(const struct wgkey *own, const char *hub_route)
{
	fake_fini();
	fake.now.ns = 1000 * NS_PER_S;
	fake.hub_link =
	    (struct kernel_link){ "wg0", FAKE_HUB_IFINDEX, true, true, 1420, false };
	fake.hub.has_key = true;
	fake.hub.key = *own;
	fake.hub.port = 51820;
	fake.handshake_after_ns = 50 * NS_PER_MS;
	fake_add_route("0.0.0.0/0", FAKE_OTHER_IFINDEX, RTPROT_BOOT);
	fake_add_route(hub_route, FAKE_HUB_IFINDEX, RTPROT_BOOT);
}

void
fake_in_place(const struct wgkey *hub, const char *const *allowed, size_t n)
{
	struct kernel_peer *peer = mem_alloc(sizeof(*peer));

	fake.direct_link = fake.hub_link;
	fake_fini_device(&fake.direct);
	fake.direct = (struct kernel_device){ .has_key = fake.hub.has_key,
		.key = fake.hub.key,
		.port = fake.hub.port };
	fake_fini_device(&fake.hub);
	peer->key = *hub;
	peer->allowed = mem_array(n, sizeof(*peer->allowed));
	for (size_t i = 0; i < n; i++) {
		if (prefix_parse(allowed[i], &peer->allowed[peer->n_allowed++]) < 0)
			abort();
	}
	fake.direct.peers = peer;
	fake.direct.n_peers = 1;
}

void
fake_add_route(const char *prefix, unsigned ifindex, uint8_t protocol)
{
	struct kernel_route *route = &fake.routes[fake.n_routes++];

	assert(fake.n_routes < FAKE_MAX);
	*route = (struct kernel_route){ .type = RTN_UNICAST,
		.protocol = protocol,
		.scope = RT_SCOPE_LINK,
		.ifindex = ifindex };
	if (prefix_parse(prefix, &route->dst) < 0)
		abort();
}

unsigned
fake_changes(void)
{
	unsigned sum = 0;

	for (int i = 0; i < FAKE_CALLS; i++)
		sum += fake.calls[i];
	return sum;
}

void
fake_drop_route(size_t i)
{
	/* The order is kept: tests compare whole tables. */
	fake.n_routes--;
	memmove(&fake.routes[i], &fake.routes[i + 1],
	    (fake.n_routes - i) * sizeof(fake.routes[0]));
	memmove(&fake.route_until[i], &fake.route_until[i + 1],
	    (fake.n_routes - i) * sizeof(fake.route_until[0]));
	memset(&fake.routes[fake.n_routes], 0, sizeof(fake.routes[0]));
}

/* The route that came with an address goes with it. */
void
fake_drop_addr(size_t i)
{
	for (size_t r = 0; r < fake.n_routes; r++) {
		const struct prefix *dst = &fake.routes[r].dst;

		if (fake.routes[r].protocol == RTPROT_KERNEL &&
		    fake.routes[r].ifindex == fake.addrs[i].ifindex &&
		    dst->len == fake.addrs[i].peer.len &&
		    addr_equal(&dst->addr, &fake.addrs[i].peer.addr)) {
			fake_drop_route(r);
			break;
		}
	}
	fake.n_addrs--;
	memmove(&fake.addrs[i], &fake.addrs[i + 1],
	    (fake.n_addrs - i) * sizeof(fake.addrs[0]));
	memmove(&fake.addr_until[i], &fake.addr_until[i + 1],
	    (fake.n_addrs - i) * sizeof(fake.addr_until[0]));
}

static uint32_t
seconds_left(struct mono until)
{
	return (uint32_t)((mono_diff(until, fake.now) + NS_PER_S - 1) / NS_PER_S);
}

void
fake_expire(void)
{
	for (size_t i = fake.n_addrs; i-- > 0;) {
		if (fake.addrs[i].lease_s == 0)
			continue;
		if (mono_diff(fake.addr_until[i], fake.now) <= 0)
			fake_drop_addr(i);
		else
			fake.addrs[i].lease_s = seconds_left(fake.addr_until[i]);
	}
	for (size_t i = fake.n_routes; i-- > 0;) {
		if (fake.routes[i].expires_s == 0)
			continue;
		if (mono_diff(fake.route_until[i], fake.now) <= 0)
			fake_drop_route(i);
		else
			fake.routes[i].expires_s = seconds_left(fake.route_until[i]);
	}
}

int
kernel_open(const char *direct, struct kernel **out, struct err *err)
{
	(void)err; /* never fails */
	*out = mem_alloc(sizeof(**out));
	strncpy((*out)->direct, direct, sizeof((*out)->direct) - 1);
	return 0;
}

void
kernel_close(struct kernel *k)
{
	free(k);
}

bool
kernel_may_change(struct kernel *k)
{
	(void)k;
	return !fake.no_cap;
}

bool
kernel_has_wireguard(struct kernel *k)
{
	(void)k;
	return !fake.no_wireguard;
}

int
kernel_link(struct kernel *k, const char *name, struct kernel_link *out)
{
	const struct kernel_link *link =
	    strcmp(name, k->direct) == 0 ? &fake.direct_link : &fake.hub_link;

	if (fake_fails(&fake.read_fails_in))
		return -ENOMEM;
	if (link->ifindex == 0 || strcmp(link->name, name) != 0)
		return -ENODEV;
	*out = *link;
	return 0;
}

int
kernel_addrs(struct kernel *k, unsigned ifindex, struct kernel_addr **out, size_t *n)
{
	(void)k;
	if (fake_fails(&fake.read_fails_in))
		return -ENOMEM;
	fake_expire();
	*out = mem_array(fake.n_addrs, sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < fake.n_addrs; i++) {
		if (ifindex == 0 || fake.addrs[i].ifindex == ifindex)
			(*out)[(*n)++] = fake.addrs[i];
	}
	return 0;
}

static void
shake_hands(void)
{
	for (size_t i = 0; i < fake.direct.n_peers; i++) {
		struct kernel_peer *peer = &fake.direct.peers[i];

		if (peer->handshake.ns == 0 && fake.handshake_after_ns >= 0 &&
		    wgkey_compare(&peer->key, &fake.silent) != 0 &&
		    mono_diff(fake.now, fake.set_at[i]) >= fake.handshake_after_ns)
			peer->handshake = fake_wall();
	}
}

int
kernel_device(struct kernel *k, const char *name, struct kernel_device **out)
{
	bool direct = strcmp(name, k->direct) == 0;
	const struct kernel_device *dev = direct ? &fake.direct : &fake.hub;
	const struct kernel_link *link = direct ? &fake.direct_link : &fake.hub_link;
	struct kernel_device *copy;

	if (fake_fails(&fake.read_fails_in))
		return -ENOMEM;
	if (fake.no_cap)
		return -EPERM;
	if (link->ifindex == 0)
		return -ENODEV;
	if (!link->wireguard)
		return -EOPNOTSUPP;
	shake_hands();
	copy = mem_alloc(sizeof(*copy));
	*copy = *dev;
	copy->peers = mem_array(dev->n_peers, sizeof(*dev->peers));
	for (size_t i = 0; i < dev->n_peers; i++) {
		const struct kernel_peer *peer = &dev->peers[i];

		copy->peers[i] = *peer;
		copy->peers[i].allowed =
		    mem_array(peer->n_allowed, sizeof(struct prefix));
		for (size_t j = 0; j < peer->n_allowed; j++)
			copy->peers[i].allowed[j] = peer->allowed[j];
	}
	*out = copy;
	return 0;
}

void
kernel_device_free(struct kernel_device *dev)
{
	if (!dev)
		return;
	fake_fini_device(dev);
	free(dev);
}

int
kernel_routes(struct kernel *k, struct kernel_route **out, size_t *n)
{
	(void)k;
	if (fake_fails(&fake.read_fails_in))
		return -ENOMEM;
	fake_expire();
	*out = mem_array(fake.n_routes, sizeof(**out));
	*n = fake.n_routes;
	memcpy(*out, fake.routes, *n * sizeof(**out));
	return 0;
}

int
kernel_lookup(struct kernel *k, const struct addr *addr, unsigned *ifindex)
{
	const struct kernel_route *best = NULL;

	(void)k;
	if (fake_fails(&fake.read_fails_in))
		return -ENOMEM;
	fake_expire();
	for (size_t i = 0; i < fake.n_routes; i++) {
		const struct kernel_route *route = &fake.routes[i];

		if (fake.rule_wins && route->ifindex == FAKE_DIRECT_IFINDEX)
			continue;
		if (prefix_contains(&route->dst, addr) &&
		    (!best || route->dst.len > best->dst.len ||
			(route->dst.len == best->dst.len &&
			    route->metric < best->metric)))
			best = route;
	}
	if (!best)
		return -ENETUNREACH;
	*ifindex = best->ifindex;
	return 0;
}

int
kernel_sysctl(struct kernel *k, const char *name, uint32_t *out)
{
	(void)k;
	if (fake_fails(&fake.read_fails_in))
		return -ENOMEM;
	if (strcmp(name, "net/ipv4/conf/all/rp_filter") == 0)
		*out = fake.rp_all;
	else if (strcmp(name, "net/ipv4/conf/wg0/rp_filter") == 0)
		*out = fake.rp_hub;
	else if (strcmp(name, "net/ipv4/conf/wgd0/rp_filter") == 0)
		*out = fake.rp_direct;
	else if (strcmp(name, "net/ipv4/conf/default/rp_filter") == 0)
		*out = fake.rp_default;
	else if (strstr(name, "/disable_ipv6"))
		*out = fake.v6_off;
	else if (strcmp(name, "net/ipv4/ip_forward") == 0)
		*out = !fake.no_forward;
	else if (strcmp(name, "net/ipv6/conf/all/forwarding") == 0)
		*out = !fake.no_forward6;
	else
		return -ENOENT;
	return 0;
}

int
kernel_port_free(struct kernel *k, uint16_t port)
{
	(void)k;
	(void)port;
	return fake.port_taken ? -EADDRINUSE : 0;
}
