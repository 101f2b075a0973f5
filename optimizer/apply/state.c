/* SPDX-License-Identifier: MIT */
/*
 * Reading the kernel into a struct state, and the questions that are asked of one.
 */
#include "optimizer/apply/state.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A handshake later than now by this much was made under another clock. */
#define CLOCK_SLACK (5 * NS_PER_S)

/* conf is "ipv4" or "ipv6"; an absent interface will take its values from "default". */
static int
read_conf(struct kernel *k, const char *conf, const char *dev, const char *key,
    uint32_t *out)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "net/%s/conf/%s/%s", conf, dev,
	    key); /* fits */
	return kernel_sysctl(k, name, out);
}

const char *
state_forward_key(const struct mesh *mesh)
{
	return mesh->nodes[mesh->hub].address.addr.family == AF_INET6
		   ? "net.ipv6.conf.all.forwarding"
		   : "net.ipv4.ip_forward";
}

static bool
read_forwards(struct kernel *k, const struct mesh *mesh)
{
	char name[64];
	uint32_t on = 0;

	(void)snprintf(name, sizeof(name), "%s", state_forward_key(mesh)); /* fits */
	for (char *dot = name; (dot = strchr(dot, '.'));)
		*dot = '/';
	return kernel_sysctl(k, name, &on) == 0 && on != 0;
}

static int
read_sysctls(struct kernel *k, const struct mesh *mesh, struct state *st,
    struct err *err)
{
	const char *direct =
	    st->direct_link.ifindex ? mesh->direct_interface : "default";
	const char *hub = st->hub_link.ifindex ? mesh->interface : "default";
	uint32_t off = 1;
	int rc = read_conf(k, "ipv4", "all", "rp_filter", &st->rp_all);

	if (rc == 0)
		rc = read_conf(k, "ipv4", hub, "rp_filter", &st->rp_hub);
	if (rc == 0)
		rc = read_conf(k, "ipv4", direct, "rp_filter", &st->rp_direct);
	if (rc < 0)
		return err_code(err, -rc, "sysctl net.ipv4.conf.*.rp_filter: %s",
		    strerror(-rc));
	st->forwards = read_forwards(k, mesh);
	/* A kernel without IPv6 has none of these files. */
	st->v6_off = read_conf(k, "ipv6", direct, "disable_ipv6", &off) < 0 || off != 0;
	return 0;
}

static int
read_link(struct kernel *k, const char *name, struct kernel_link *out, struct err *err)
{
	int rc = kernel_link(k, name, out);

	if (rc == -ENODEV) {
		*out = (struct kernel_link){ 0 };
		return 0;
	}
	return rc < 0 ? err_code(err, -rc, "%s: %s", name, strerror(-rc)) : 0;
}

static int
read_device(struct kernel *k, const struct kernel_link *link,
    struct kernel_device **out, struct err *err)
{
	int rc;

	if (link->ifindex == 0 || !link->wireguard)
		return 0;
	rc = kernel_device(k, link->name, out);
	return rc < 0
		   ? err_code(err, -rc, "%s: WireGuard: %s", link->name, strerror(-rc))
		   : 0;
}

int
state_read(struct kernel *k, const struct mesh *mesh, struct wall now,
    struct state *out, struct err *err)
{
	int rc;

	*out = (struct state){ .now = now, .may_change = kernel_may_change(k) };
	out->has_wireguard = kernel_has_wireguard(k);
	rc = read_link(k, mesh->interface, &out->hub_link, err);
	if (rc == 0)
		rc = read_link(k, mesh->direct_interface, &out->direct_link, err);
	if (rc == 0)
		rc = read_sysctls(k, mesh, out, err);
	/* The kernel shows a WireGuard interface to nobody else. */
	if (rc == 0 && out->may_change && out->has_wireguard)
		rc = read_device(k, &out->hub_link, &out->hub, err);
	if (rc == 0 && out->may_change && out->has_wireguard)
		rc = read_device(k, &out->direct_link, &out->direct, err);
	if (rc < 0)
		return rc;
	if (out->direct_link.ifindex)
		rc = kernel_addrs(k, out->direct_link.ifindex, &out->addrs,
		    &out->n_addrs);
	if (rc < 0)
		return err_code(err, -rc, "reading addresses: %s", strerror(-rc));
	out->port_free =
	    out->direct_link.ifindex || kernel_port_free(k, mesh->direct_port) == 0;
	rc = kernel_routes(k, &out->routes, &out->n_routes);
	return rc < 0 ? err_code(err, -rc, "reading routes: %s", strerror(-rc)) : 0;
}

void
state_fini(struct state *state)
{
	kernel_device_free(state->hub);
	kernel_device_free(state->direct);
	free(state->addrs);
	free(state->routes);
	*state = (struct state){ 0 };
}

const struct kernel_peer *
state_peer(const struct state *state, const struct wgkey *key)
{
	if (!state->direct)
		return NULL;
	for (size_t i = 0; i < state->direct->n_peers; i++) {
		if (wgkey_compare(&state->direct->peers[i].key, key) == 0)
			return &state->direct->peers[i];
	}
	return NULL;
}

bool
state_alive(const struct kernel_peer *peer, struct wall now)
{
	/* WireGuard renews a live session after 120 s and rejects it after 180 s. */
	return peer->handshake.ns != 0 && now.ns - peer->handshake.ns < 180 * NS_PER_S;
}

static int64_t
latest(const struct kernel_device *dev)
{
	int64_t ns = 0;

	for (size_t i = 0; dev && i < dev->n_peers; i++) {
		if (dev->peers[i].handshake.ns > ns)
			ns = dev->peers[i].handshake.ns;
	}
	return ns;
}

int64_t
state_clock_back(const struct state *state)
{
	int64_t hub = latest(state->hub), direct = latest(state->direct);
	int64_t ahead = (hub > direct ? hub : direct) - state->now.ns;

	return ahead > CLOCK_SLACK ? ahead : 0;
}

bool
state_ours(const struct state *state, const struct kernel_route *route)
{
	return route->protocol == RTPROT_MESHOPT && state->direct_link.ifindex != 0 &&
	       route->ifindex == state->direct_link.ifindex;
}

static bool
same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool
state_leased(const struct state *state, const struct kernel_route *route)
{
	for (size_t i = 0; i < state->n_addrs; i++) {
		const struct kernel_addr *addr = &state->addrs[i];

		if (addr->peer.addr.family && addr->ifindex == route->ifindex &&
		    route->protocol == RTPROT_KERNEL && same(&addr->peer, &route->dst))
			return true;
	}
	return false;
}

const struct kernel_route *
state_route(const struct state *state, const struct prefix *prefix)
{
	for (size_t i = 0; i < state->n_routes; i++) {
		const struct kernel_route *route = &state->routes[i];

		if (state_ours(state, route) && same(&route->dst, prefix))
			return route;
	}
	return NULL;
}

const struct kernel_route *
state_fallback(const struct state *state, const struct prefix *prefix)
{
	const struct kernel_route *best = NULL;

	for (size_t i = 0; i < state->n_routes; i++) {
		const struct kernel_route *route = &state->routes[i];

		if (route->dst.len >= prefix->len || state_ours(state, route) ||
		    state_leased(state, route) || !prefix_covers(&route->dst, prefix))
			continue;
		if (!best || route->dst.len > best->dst.len ||
		    (route->dst.len == best->dst.len && route->metric < best->metric))
			best = route;
	}
	return best;
}

bool
state_has_addr(const struct state *state, const struct addr *addr)
{
	for (size_t i = 0; i < state->n_addrs; i++) {
		if (state->addrs[i].peer.addr.family == 0 &&
		    addr_equal(&state->addrs[i].prefix.addr, addr))
			return true;
	}
	return false;
}
