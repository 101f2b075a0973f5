/* SPDX-License-Identifier: MIT */
/*
 * The checks before a switch.  Pure.
 */
#include "optimizer/apply/preflight.h"

#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
	const struct preflight *opts;
	const struct mesh *mesh;
	const struct mesh_node *self;
	const struct state *state;
	size_t faults;
};

static void fault(struct check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
fault(struct check *c, const char *fmt, ...)
{
	struct err err;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err.text, sizeof(err.text), fmt, ap); /* cut is fine */
	va_end(ap);
	c->opts->report(err.text, c->opts->ctx);
	c->faults++;
}

/* Without these the state has not even been read. */
static void
check_kernel(struct check *c)
{
	if (!c->state->may_change)
		fault(c, "no CAP_NET_ADMIN: run it as root: sudo meshopt apply, or "
			 "systemctl start meshopt-agent");
	else if (!c->state->has_wireguard)
		fault(c, "the kernel has no WireGuard: modprobe wireguard, or install "
			 "wireguard-go");
}

static void
check_hub(struct check *c)
{
	const struct mesh_node *self = c->self;
	const char *name = c->mesh->interface;
	const struct kernel_device *hub = c->state->hub;
	char has[WGKEY_SHORT_MAX], wants[WGKEY_SHORT_MAX];

	if (c->state->hub_link.ifindex == 0) {
		fault(c,
		    "%s: no such interface: bring the hub tunnel up first: wg-quick up "
		    "%s",
		    name, name);
	} else if (!hub) {
		fault(c,
		    "%s: not a WireGuard interface: see Interface in the mesh file",
		    name);
	} else if (!hub->has_key || wgkey_compare(&hub->key, &self->key) != 0) {
		wgkey_short(&hub->key, has);
		wgkey_short(&self->key, wants);
		fault(c,
		    "%s: this node's key differs from the mesh file: it is %s, and %s "
		    "has "
		    "%s there",
		    name, hub->has_key ? has : "not set", self->name, wants);
	} else if (!c->state->hub_link.up) {
		fault(c, "%s: is down: ip link set %s up", name, name);
	}
}

/* An interface of that name must be one that we could have made. */
static void
check_direct(struct check *c)
{
	const struct mesh_node *self = c->self;
	const struct kernel_link *link = &c->state->direct_link;
	const struct kernel_device *dev = c->state->direct;
	const char *name = c->mesh->direct_interface;

	if (link->ifindex == 0) {
		if (!c->state->port_free)
			fault(c,
			    "UDP port %u is in use: stop who holds it (ss -lunp sport "
			    "= :%u), or set another DirectPort in the mesh file of all "
			    "nodes",
			    c->mesh->direct_port, c->mesh->direct_port);
		return;
	}
	if (!dev) {
		fault(c, "%s: not a WireGuard interface: rename it, or ip link del %s",
		    name, name);
		return;
	}
	/* Made by a run that was killed before it set the key: finished, not refused.
	 */
	if (!dev->has_key && dev->n_peers == 0 && !link->up)
		return;
	if (!dev->has_key || wgkey_compare(&dev->key, &self->key) != 0)
		fault(c,
		    "%s: has another key than %s, so it is not ours: ip link del %s",
		    name, c->mesh->interface, name);
	else if (dev->port != c->mesh->direct_port)
		fault(c, "%s: listens on port %u, but DirectPort is %u: ip link del %s",
		    name, dev->port, c->mesh->direct_port, name);
	if (link->mtu != c->state->hub_link.mtu)
		fault(c, "%s: has MTU %u, but %s has %u: ip link set %s mtu %u", name,
		    link->mtu, c->mesh->interface, c->state->hub_link.mtu, name,
		    c->state->hub_link.mtu);
}

/*
 * In place nothing is made, so little can be in the way.  What the other way of
 * switching left behind is nobody's: no program would ever take it back.
 */
static void
check_place(struct check *c)
{
	if (c->state->hub_link.userspace)
		fault(c,
		    "%s: is served by wireguard-go: switching in place needs the "
		    "kernel's WireGuard",
		    c->mesh->interface);
	for (size_t i = 0; i < c->state->n_routes; i++) {
		if (c->state->routes[i].protocol != RTPROT_MESHOPT)
			continue;
		fault(c, "routes of side-by-side switching are there: ip route flush "
			 "proto 213, and remove its interface");
		return;
	}
}

/*
 * Strict source validation drops what comes by the one tunnel while we send by the
 * other, which is what a pair looks like while one end has switched and the other has
 * not: measured, 246 to 1246 packets of 1 kHz lost; with 0 or 2, none.
 */
static void
check_rp_filter(struct check *c, const char *dev, const char *key, uint32_t value)
{
	uint32_t all = c->state->rp_all;
	uint32_t effective = all > value ? all : value;
	const char *where = all == 1 ? "all" : key;

	if (effective == 1)
		fault(c,
		    "%s: rp_filter is strict and would drop packets while only one end "
		    "has switched: sysctl -w net.ipv4.conf.%s.rp_filter=2",
		    dev, where);
}

static void
check_sysctls(struct check *c)
{
	const char *direct = c->mesh->direct_interface;
	/* An interface that is yet to be made will take its values from there. */
	const char *key = c->state->direct_link.ifindex ? direct : "default";

	/* In place there is one way in, and strict is right. */
	if (!c->mesh->in_place)
		check_rp_filter(c, c->mesh->interface, c->mesh->interface,
		    c->state->rp_hub);
	if (!c->mesh->in_place && c->state->rp_all != 1) /* else said already */
		check_rp_filter(c, direct, key, c->state->rp_direct);
	if (c->state->v6_off)
		fault(c,
		    "%s: IPv6 is disabled, but the tunnel is verified by its "
		    "link-local "
		    "addresses: sysctl -w net.ipv6.conf.%s.disable_ipv6=0",
		    direct, key);
}

static const char *
link_name(const struct check *c, unsigned ifindex)
{
	if (ifindex == c->state->hub_link.ifindex)
		return c->mesh->interface;
	if (ifindex != 0 && ifindex == c->state->direct_link.ifindex)
		return c->mesh->direct_interface;
	return "another interface";
}

/* Who holds exactly this prefix, if not we as we would write it? */
static void
check_same(struct check *c, const char *peer, const struct prefix *prefix)
{
	const struct addr *src = &c->self->address.addr;
	char text[PREFIX_TEXT_MAX];

	prefix_format(prefix, text);
	for (size_t i = 0; i < c->state->n_routes; i++) {
		const struct kernel_route *route = &c->state->routes[i];

		if (route->dst.len != prefix->len ||
		    !addr_equal(&route->dst.addr, &prefix->addr))
			continue;
		if (state_leased(c->state, route) ||
		    (c->mesh->in_place && route->ifindex == c->state->hub_link.ifindex))
			continue;
		if (!state_ours(c->state, route))
			fault(c,
			    "%s: somebody else's route to exactly %s is there (by %s, "
			    "protocol %u): let a wider one stand, and ip route del %s "
			    "proto %u",
			    peer, text, link_name(c, route->ifindex), route->protocol,
			    text, route->protocol);
		else if (route->src.family && !addr_equal(&route->src, src))
			fault(c,
			    "%s: our route to %s has another source address than the "
			    "mesh "
			    "file: meshopt apply --undo --yes first",
			    peer, text);
	}
}

/* Of those that are wider than this one, and hold it, the narrowest; or NULL. */
static const struct prefix *
wider(const struct prefix *list, size_t n, const struct prefix *prefix)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (list[i].len < prefix->len && prefix_covers(&list[i], prefix) &&
		    (!best || list[i].len > best->len))
			best = &list[i];
	}
	return best;
}

/* What of the mesh file's for the hub does so, for a command. */
static void
wider_text(const struct check *c, const struct prefix *prefix,
    char text[PREFIX_TEXT_MAX])
{
	const struct mesh_node *hub = &c->mesh->nodes[c->mesh->hub];
	const struct prefix *wide = wider(hub->prefixes, hub->n_prefixes, prefix);

	if (wide)
		prefix_format(wide, text);
	else
		(void)snprintf(text, PREFIX_TEXT_MAX, "PREFIX"); /* fits */
}

/*
 * To what would the prefix fall back that is moved from it?  To an equal one never: the
 * kernel moves that itself, and does not give it back.
 */
static void
check_cover(struct check *c, const char *peer, const struct prefix *prefix)
{
	const struct mesh_node *hub = &c->mesh->nodes[c->mesh->hub];
	const struct kernel_device *dev = c->state->hub;
	const char *name = c->mesh->interface;
	char text[PREFIX_TEXT_MAX], wide[PREFIX_TEXT_MAX], key[WGKEY_TEXT_MAX];

	for (size_t p = 0; dev && p < dev->n_peers; p++) {
		const struct kernel_peer *has = &dev->peers[p];

		if (wgkey_compare(&has->key, &hub->key) == 0 &&
		    wider(has->allowed, has->n_allowed, prefix))
			return;
	}
	prefix_format(prefix, text);
	wider_text(c, prefix, wide);
	wgkey_format(&hub->key, key);
	/* Not the list itself: wg takes away what is not in it, and this may be cut. */
	fault(c,
	    "%s: the hub's peer has nothing wider than %s to fall back to: wg set %s "
	    "peer %s allowed-ips LIST,%s, with LIST from wg show %s allowed-ips",
	    peer, text, name, key, wide, name);
}

static void
check_prefix(struct check *c, const char *peer, const struct prefix *prefix)
{
	const struct kernel_route *hub = state_fallback(c->state, prefix);
	char text[PREFIX_TEXT_MAX], wide[PREFIX_TEXT_MAX];

	prefix_format(prefix, text);
	wider_text(c, prefix, wide);
	if (!hub || hub->type != RTN_UNICAST)
		fault(c,
		    "%s: no route to fall back to, wider than %s: ip route replace %s "
		    "dev %s, and the hub's AllowedIPs must cover it",
		    peer, text, wide, c->mesh->interface);
	else if (hub->ifindex != c->state->hub_link.ifindex)
		fault(c,
		    "%s: %s leaves by %s and not by %s: it is not meshopt's to move",
		    peer, text, link_name(c, hub->ifindex), c->mesh->interface);
	check_same(c, peer, prefix);
	if (c->mesh->in_place)
		check_cover(c, peer, prefix);
}

/* A tunnel whose own packets are routed into it carries nothing. */
static void
check_endpoint(struct check *c, size_t node)
{
	const struct mesh_node *peer = &c->mesh->nodes[node];

	if (mesh_initiator(c->mesh, c->opts->self, node) != c->opts->self)
		return;
	for (size_t i = 0; i < c->mesh->n_nodes; i++) {
		const struct mesh_node *other = &c->mesh->nodes[i];

		for (size_t j = 0; j < other->n_prefixes; j++) {
			if (prefix_contains(&other->prefixes[j],
				&peer->endpoint.addr)) {
				fault(c, "%s: its endpoint %s lies inside the overlay",
				    peer->name, peer->endpoint.host);
				return;
			}
		}
	}
}

static struct check
begin(const struct preflight *p)
{
	return (struct check){ p, p->mesh, &p->mesh->nodes[p->self], p->state, 0 };
}

size_t
preflight_host(const struct preflight *p, bool direct)
{
	struct check c = begin(p);

	check_kernel(&c);
	if (c.faults)
		return c.faults;
	check_hub(&c);
	if (direct)
		c.mesh->in_place ? check_place(&c) : check_direct(&c);
	/* The hub's own tunnels carry nothing: no packet comes the other way there. */
	if (direct && p->self != p->mesh->hub)
		check_sysctls(&c);
	return c.faults;
}

size_t
preflight_pair(const struct preflight *p, size_t node, bool direct)
{
	const struct mesh_node *peer = &p->mesh->nodes[node];
	struct check c = begin(p);

	for (size_t i = 0; i < peer->n_prefixes; i++) {
		/* Nothing is taken back either when nothing would be left. */
		if (direct || state_route(p->state, &peer->prefixes[i]))
			check_prefix(&c, peer->name, &peer->prefixes[i]);
	}
	if (direct)
		check_endpoint(&c, node);
	return c.faults;
}

/* Without figures: who repeats what changed would repeat this each second. */
size_t
preflight_clock(const struct preflight *p)
{
	struct check c = begin(p);

	if (state_clock_back(p->state))
		fault(&c, "the clock went back behind the latest handshake, and peers "
			  "refuse new ones as replays: timedatectl set-ntp true, or "
			  "chronyc makestep");
	return c.faults;
}

size_t
preflight_relay(const struct preflight *p)
{
	struct check c = begin(p);

	if (c.self->relay && !p->state->forwards)
		fault(&c,
		    "%s has Relay = yes, but forwards nothing, so a path by it fails "
		    "at its ends: sysctl -w %s=1",
		    c.self->name, state_forward_key(p->mesh));
	return c.faults;
}
