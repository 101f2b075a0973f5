/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel and the mesh file differ.  Only what is wrong whatever the topology
 * is told: a spoke may have more or fewer peers than the hub, and a peer behind NAT has
 * whatever endpoint it called from.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "optimizer/operate/status.h"

#define TEXT_MAX 400

struct drift {
	const struct status *st;
	const struct mesh *mesh;
	status_drift_cb *report;
	void *ctx;
	size_t n;
	bool beside; /* it is about the direct interface */
};

static void tell(struct drift *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
tell(struct drift *d, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is fine */
	va_end(ap);
	d->report(text, d->ctx);
	d->n++;
}

static bool
has_exactly(const struct prefix *list, size_t n, const struct prefix *want)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].len == want->len && addr_equal(&list[i].addr, &want->addr))
			return true;
	}
	return false;
}

static bool
covers(const struct kernel_device *dev, const struct prefix *want)
{
	for (size_t i = 0; i < dev->n_peers; i++) {
		const struct kernel_peer *peer = &dev->peers[i];

		for (size_t j = 0; j < peer->n_allowed; j++) {
			if (prefix_covers(&peer->allowed[j], want))
				return true;
		}
	}
	return false;
}

/* By a relay path its peer has the far node's prefixes in place of that node's own. */
static bool
is_carried(const struct drift *d, const struct prefix *want)
{
	const struct kernel_device *dev = d->st->state->direct;

	for (size_t i = 0; d->beside && i < dev->n_peers; i++) {
		const struct kernel_peer *peer = &dev->peers[i];
		size_t node = way_node(d->mesh, &peer->key);

		if (node != SIZE_MAX && d->mesh->nodes[node].relay &&
		    has_exactly(peer->allowed, peer->n_allowed, want))
			return true;
	}
	return false;
}

/* May this node, as a relay, have the prefix for another? */
static bool
may_carry(const struct drift *d, const struct mesh_node *node,
    const struct prefix *prefix)
{
	for (size_t i = 0; d->beside && node->relay && i < d->mesh->n_nodes; i++) {
		const struct mesh_node *far = &d->mesh->nodes[i];

		if (i != d->mesh->hub && i != d->st->self &&
		    has_exactly(far->prefixes, far->n_prefixes, prefix))
			return true;
	}
	return false;
}

/* The prefixes of a peer that is a node, on an interface that has it for itself. */
static void
prefixes(struct drift *d, const char *dev, const struct mesh_node *node,
    const struct kernel_peer *peer)
{
	struct prefix local = { wgkey_link_local(&node->key), 128 };
	/* In place a tunnel that stands by has its probe address alone. */
	bool stands_by =
	    d->mesh->in_place && has_exactly(peer->allowed, peer->n_allowed, &local);
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < node->n_prefixes && !stands_by; i++) {
		if (has_exactly(peer->allowed, peer->n_allowed, &node->prefixes[i]) ||
		    is_carried(d, &node->prefixes[i]))
			continue;
		prefix_format(&node->prefixes[i], text);
		tell(d, "%s: %s lacks %s in its AllowedIPs", dev, node->name, text);
	}
	for (size_t i = 0; i < peer->n_allowed; i++) {
		if (has_exactly(node->prefixes, node->n_prefixes, &peer->allowed[i]) ||
		    has_exactly(&local, 1, &peer->allowed[i]) ||
		    may_carry(d, node, &peer->allowed[i]))
			continue;
		prefix_format(&peer->allowed[i], text);
		tell(d, "%s: %s has %s in its AllowedIPs, which is not its own", dev,
		    node->name, text);
	}
}

static void
endpoint(struct drift *d, const char *dev, const struct mesh_node *node,
    const struct kernel_peer *peer)
{
	char has[ADDR_TEXT_MAX];

	/* What a name means is for the doctor to ask. */
	if (!node->endpoint.addr.family || !peer->endpoint.family)
		return;
	if (addr_equal(&node->endpoint.addr, &peer->endpoint) &&
	    node->endpoint.port == peer->port)
		return;
	addr_format(&peer->endpoint, has);
	tell(d, "%s: %s is called at %s port %u, and the mesh file says %s port %u",
	    dev, node->name, has, peer->port, node->endpoint.host, node->endpoint.port);
}

static void
strangers(struct drift *d, const char *name, const struct kernel_device *dev)
{
	for (size_t i = 0; dev && i < dev->n_peers; i++) {
		const struct kernel_peer *peer = &dev->peers[i];
		size_t node = way_node(d->mesh, &peer->key);
		char key[WGKEY_TEXT_MAX];

		wgkey_format(&peer->key, key);
		if (node == SIZE_MAX)
			tell(d, "%s: peer %s is in no [Node] of the mesh file", name,
			    key);
	}
}

/* Of a spoke: some peer of it, mostly the hub, must take what is for any node. */
static void
reach(struct drift *d)
{
	const struct status *st = d->st;
	size_t missing = 0;
	char first[PREFIX_TEXT_MAX] = "";
	const char *whose = "";

	for (size_t i = 0; i < st->n_rows; i++) {
		const struct mesh_node *node = &d->mesh->nodes[st->rows[i].node];

		/* The hub's own prefixes are what it covers for others. */
		for (size_t j = 0;
		     st->rows[i].node != d->mesh->hub && j < node->n_prefixes; j++) {
			if (covers(st->state->hub, &node->prefixes[j]))
				continue;
			if (missing++ == 0) {
				prefix_format(&node->prefixes[j], first);
				whose = node->name;
			}
		}
	}
	if (missing)
		tell(d, "%s: no AllowedIPs cover %s of %s%s", d->mesh->interface, first,
		    whose, missing > 1 ? ", nor others" : "");
}

static void
of_hub_interface(struct drift *d)
{
	const struct status *st = d->st;
	const char *dev = d->mesh->interface;
	bool hub = st->self == d->mesh->hub;

	for (size_t i = 0; i < st->n_rows; i++) {
		const struct status_row *row = &st->rows[i];
		const struct mesh_node *node = &d->mesh->nodes[row->node];

		if (!row->hub) {
			if (hub || row->node == d->mesh->hub)
				tell(d, "%s: %s is not a peer", dev, node->name);
			continue;
		}
		if (row->node != d->mesh->hub)
			prefixes(d, dev, node, row->hub);
		endpoint(d, dev, node, row->hub);
	}
	if (!hub)
		reach(d);
	strangers(d, dev, st->state->hub);
}

static void
of_direct_interface(struct drift *d)
{
	const struct status *st = d->st;

	d->beside = true;
	for (size_t i = 0; i < st->n_rows; i++) {
		const struct status_row *row = &st->rows[i];
		bool hub = row->node == d->mesh->hub || st->self == d->mesh->hub;

		/* Between the hub and a node behind NAT it only shows its endpoint. */
		if (row->direct && (!hub || row->direct->n_allowed))
			prefixes(d, d->mesh->direct_interface,
			    &d->mesh->nodes[row->node], row->direct);
	}
	strangers(d, d->mesh->direct_interface, st->state->direct);
}

size_t
status_drift(const struct status *st, status_drift_cb *report, void *ctx)
{
	struct drift d = { .st = st, .mesh = st->mesh, .report = report, .ctx = ctx };
	const struct mesh *mesh = st->mesh;
	const struct kernel_device *hub = st->state->hub;

	if (!hub) {
		tell(&d, "%s: there is no such WireGuard interface", mesh->interface);
		return d.n;
	}
	if (!st->state->hub_link.up)
		tell(&d, "%s: is down", mesh->interface);
	if (!hub->has_key || wgkey_compare(&hub->key, &mesh->nodes[st->self].key) != 0)
		tell(&d, "%s: has another key than %s in the mesh file",
		    mesh->interface, mesh->nodes[st->self].name);
	of_hub_interface(&d);
	if (!mesh->in_place) /* else there is no other */
		of_direct_interface(&d);
	return d.n;
}
