/* SPDX-License-Identifier: MIT */
#include "optimizer/operate/pending.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/netd/scene.h"

struct reader {
	const struct pending *opts;
	const struct mesh *mesh;
	const char *dev;
	struct scene scene;
	struct book book; /* as if all wishes were fulfilled */
	size_t n;
};

static void tell(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
tell(struct reader *r, const char *fmt, ...)
{
	char text[PENDING_TEXT_MAX];
	va_list ap;

	r->n++;
	if (!r->opts->line)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is fine */
	va_end(ap);
	r->opts->line(text, r->opts->ctx);
}

static const char *
name_of(const struct reader *r, size_t node)
{
	return r->mesh->nodes[node].name;
}

static void
tell_interface(struct reader *r)
{
	const struct state *now = r->opts->state;
	const struct mesh_node *self = &r->mesh->nodes[r->opts->self];
	struct prefix own = { self->address.addr, 0 };
	struct prefix local = { wgkey_link_local(&self->key), 64 };
	char text[PREFIX_TEXT_MAX];

	own.len = (uint8_t)addr_bits(&own.addr);
	if (now->direct_link.ifindex == 0)
		tell(r, "%s: create WireGuard interface, MTU %u", r->dev,
		    now->hub_link.mtu);
	if (!now->direct || !now->direct->has_key)
		tell(r, "%s: set the key of %s and UDP port %u", r->dev,
		    r->mesh->interface, r->mesh->direct_port);
	if (!now->direct_link.up)
		tell(r, "%s: set up", r->dev);
	if (!state_has_addr(now, &own.addr)) {
		prefix_format(&own, text);
		tell(r, "%s: add address %s", r->dev, text);
	}
	if (!state_has_addr(now, &local.addr)) {
		prefix_format(&local, text);
		tell(r, "%s: add address %s", r->dev, text);
	}
}

/* "10.50.4.1/32,fe80::1/128" */
static void
list(const struct prefix *prefixes, size_t n, char *out, size_t size)
{
	char text[PREFIX_TEXT_MAX];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && len < size; i++) {
		prefix_format(&prefixes[i], text);
		len +=
		    (size_t)snprintf(out + len, size - len, "%s%s", i ? "," : "", text);
	}
}

static void
tell_peer(struct reader *r, size_t node, bool fresh)
{
	const struct mesh_node *who = &r->mesh->nodes[node];
	bool starts = mesh_initiator(r->mesh, r->opts->self, node) == r->opts->self;
	char key[WGKEY_SHORT_MAX], allowed[PENDING_TEXT_MAX / 2];
	struct prefix *want;
	size_t n;

	scene_wanted(&r->book, (uint32_t)node, &want, &n);
	list(want, n, allowed, sizeof(allowed));
	free(want);
	wgkey_short(&who->key, key);
	tell(r, "%s: %s peer %s on %s, allowed %s, %s starts the handshake", who->name,
	    fresh ? "add" : "complete", key, r->dev, allowed,
	    starts ? "this node" : who->name);
}

static void
tell_dropped(struct reader *r, size_t node, const char *why)
{
	const struct mesh_node *who = &r->mesh->nodes[node];
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < who->n_prefixes; i++) {
		if (!scene_route(&r->scene, &who->prefixes[i]) &&
		    !scene_lease_s(&r->scene, &who->prefixes[i]))
			continue;
		prefix_format(&who->prefixes[i], text);
		tell(r, "%s: delete route %s dev %s%s", who->name, text, r->dev, why);
	}
}

static void
tell_verified(struct reader *r, size_t node)
{
	const struct way_wish *wish = &r->opts->wishes[node];
	int64_t limit = pair_limit_us(wish->promise_us);
	char most[32] = "", after[MESH_NAME_MAX + 64] = "wait for a handshake";

	if (limit >= 0)
		(void)snprintf(most, sizeof(most), ", at most %.1f ms",
		    (double)limit / 1000); /* fits */
	if (wish->path == WAY_BY_RELAY)
		(void)snprintf(after, sizeof(after),
		    "once %s is direct give its peer the prefixes",
		    name_of(r, wish->via)); /* fits */
	tell(r, "%s: %s, then %u small and %u full-size probes%s", name_of(r, node),
	    after, PAIR_PROBES, PAIR_PROBES, most);
}

static void
tell_routes(struct reader *r, size_t node, bool all)
{
	const struct addr *own = &r->mesh->nodes[r->opts->self].address.addr;
	const struct mesh_node *who = &r->mesh->nodes[node];
	char text[PREFIX_TEXT_MAX], src[ADDR_TEXT_MAX];

	addr_format(own, src);
	for (size_t i = 0; i < who->n_prefixes; i++) {
		if (!all && scene_route(&r->scene, &who->prefixes[i]))
			continue;
		prefix_format(&who->prefixes[i], text);
		tell(r, "%s: add route %s dev %s src %s", who->name, text, r->dev, src);
	}
}

static void
read_way(struct reader *r, size_t node)
{
	const struct way_wish *wish = &r->opts->wishes[node];
	size_t carrier = wish->path == WAY_BY_RELAY ? wish->via : node;
	struct scene_node s, by;
	bool alive, moves;

	scene_node(&r->scene, (uint32_t)node, &s);
	if (wish->path == WAY_BY_HUB) {
		tell_dropped(r, node, "");
		return;
	}
	scene_node(&r->scene, (uint32_t)carrier, &by);
	alive = by.own && state_alive(by.own, r->opts->state->now);
	moves = s.holder != carrier;
	if (!moves && alive && s.committed && !s.leased)
		return;
	if (carrier == node &&
	    (!s.own || !scene_right(&r->book, r->opts->self, (uint32_t)node, s.own)))
		tell_peer(r, node, !s.own);
	if (moves || !alive)
		tell_dropped(r, node,
		    moves ? ": it is to go another way" : ": its tunnel is dead");
	tell_verified(r, node);
	tell_routes(r, node, moves || !alive);
}

static bool
begin(struct reader *r, const struct pending *p)
{
	static const uint8_t boot[BOOK_BOOT];
	bool direct = false;

	*r = (struct reader){ .opts = p,
		.mesh = p->mesh,
		.dev = p->mesh->direct_interface };
	book_init(&r->book, p->mesh, boot);
	scene_make(&r->book, p->state, (struct mono){ 0 }, &r->scene); /* no time */
	scene_vias(&r->scene, &r->book);
	for (size_t i = 0; i < p->mesh->n_nodes; i++) {
		const struct way_wish *wish = &p->wishes[i];

		if (wish->leave || wish->path == WAY_BY_HUB)
			continue;
		direct = true;
		r->book.node[i].via =
		    wish->path == WAY_BY_RELAY ? (uint32_t)wish->via : NETD_NONE;
	}
	return direct;
}

static void
end(struct reader *r)
{
	scene_fini(&r->scene);
	book_fini(&r->book);
}

size_t
pending(const struct pending *p)
{
	struct reader r;

	if (begin(&r, p))
		tell_interface(&r);
	for (size_t i = 0; i < p->mesh->n_nodes; i++) {
		if (i != p->self && i != p->mesh->hub && !p->wishes[i].leave)
			read_way(&r, i);
	}
	end(&r);
	return r.n;
}

static bool
spoken_of(const struct pending *p, const struct prefix *prefix)
{
	for (size_t i = 0; i < p->mesh->n_nodes; i++) {
		const struct mesh_node *who = &p->mesh->nodes[i];

		if (!p->wishes[i].leave &&
		    scene_among(who->prefixes, who->n_prefixes, prefix))
			return true;
	}
	return false;
}

size_t
pending_orphans(const struct pending *p)
{
	char text[PREFIX_TEXT_MAX];
	struct reader r;

	(void)begin(&r, p); /* whether it needs the interface */
	for (size_t i = 0; i < r.scene.n_ours; i++) {
		if (spoken_of(p, &r.scene.ours[i]->dst))
			continue;
		prefix_format(&r.scene.ours[i]->dst, text);
		tell(&r,
		    "%s: a route of ours on %s of which the plan says nothing; left "
		    "alone (--undo takes back all)",
		    text, r.dev);
	}
	end(&r);
	return r.n;
}
