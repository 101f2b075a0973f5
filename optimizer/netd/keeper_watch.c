/* SPDX-License-Identifier: MIT */
/*
 * What netd does of itself, every ten seconds and when the kernel says that something
 * has changed:
 *
 *	a lease that ran out, a session that died under a committed route: by the hub;
 *	what an operator changed becomes theirs, and is told;
 *	a flush of all our routes is put right once in ten minutes, and then frozen;
 *	one while the freeze file is there was meant, and is not put right.
 */
#include "optimizer/netd/keeper_core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
theirs(struct keeper *k, uint32_t node, const char *what)
{
	struct book_node *b = &k->book.node[node];

	b->flags |= NETD_OPERATOR;
	(void)snprintf(b->foreign, sizeof(b->foreign), "%s", what); /* fits */
	(void)keeper_note(k, node, 0); /* without a disk it is found again */
}

bool
keeper_may_assert(struct keeper *k, uint32_t node, const char *cause)
{
	struct book_node *b = &k->book.node[node];

	if (mono_diff(k->now.mono, b->asserted) >= POLICY_ASSERT) {
		b->asserted = k->now.mono;
		return true;
	}
	b->flags |= NETD_FROZEN;
	(void)snprintf(b->foreign, sizeof(b->foreign), "%s", cause); /* fits */
	return false;
}

/* A peer moves with a packet of its own; without one, somebody has moved it. */
static bool
endpoint_set(struct keeper_seen *s, const struct kernel_peer *peer)
{
	bool moved =
	    s->endpoint.family &&
	    (!addr_equal(&s->endpoint, &peer->endpoint) || s->port != peer->port);
	bool heard = peer->rx_bytes != s->rx;

	s->endpoint = peer->endpoint;
	s->port = peer->port;
	s->rx = peer->rx_bytes;
	return moved && !heard;
}

static void
watch_peer(struct keeper *k, uint32_t node, const struct scene_node *s)
{
	const struct book_node *b = &k->book.node[node];
	bool moved = s->own && endpoint_set(&k->seen[node], s->own);

	if (!b->peer || b->flags)
		return;
	if (k->mesh->in_place && k->now.freeze && keeper_place_panicked(k, node, s))
		return;
	if (!s->own)
		theirs(k, node, "its peer was removed");
	else if (!scene_right(&k->book, k->self, node, s->own))
		theirs(k, node,
		    "the allowed-ips or keepalive of its peer were changed");
	else if (moved)
		theirs(k, node, "the endpoint of its peer was set");
}

/*
 * Somebody's route to just what ours is to, and the kernel prefers it.  Asked of a path
 * without a lease, whose route is the kernel's own.
 */
static bool
is_overruled(const struct keeper *k, uint32_t node)
{
	const struct mesh_node *w = keeper_who(k, node);

	for (size_t i = 0; i < k->state.n_routes; i++) {
		const struct kernel_route *route = &k->state.routes[i];

		if (scene_among(w->prefixes, w->n_prefixes, &route->dst) &&
		    route->metric < KERNEL_ROUTE_METRIC &&
		    !state_ours(&k->state, route))
			return true;
	}
	return false;
}

/* Of a node that is not its operator's: what its routes tell. */
static void
watch_routes(struct keeper *k, uint32_t node, const struct scene_node *s, bool flushed)
{
	struct book_node *b = &k->book.node[node];

	if (b->flags & NETD_OPERATOR)
		return;
	if (b->stage == BOOK_DIRECT && !s->committed && !flushed)
		theirs(k, node, "a route to it was deleted");
	else if (s->path == NETD_DIRECT && is_overruled(k, node))
		theirs(k, node,
		    "another route to it is preferred to ours: ip route show");
	else if (s->path == NETD_HUB &&
		 (b->stage == BOOK_LEASED ||
		     (b->stage == BOOK_DIRECT && k->now.freeze))) {
		/* It ran out, or `meshopt panic` was here. */
		b->withdrawn = k->now.mono;
		b->stage = BOOK_STAGED;
		(void)keeper_note(k, node, 0); /* else it is found again */
	} else if (b->stage < BOOK_DIRECT && s->committed && s->path == NETD_DIRECT) {
		/* Of our mark, and whole: `meshopt apply` was here. */
		b->stage = BOOK_DIRECT;
		(void)keeper_note(k, node, 0); /* likewise */
	}
}

/* All that stood on the interface went with it. */
static void
interface_gone(struct keeper *k)
{
	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		struct book_node *b = &k->book.node[i];

		if (!b->peer && b->stage == BOOK_HUB)
			continue;
		b->peer = false;
		b->via = NETD_NONE;
		b->stage = BOOK_HUB;
		(void)keeper_may_assert(k, i,
		    "its interface was removed twice in ten minutes: who does that, "
		    "wg-quick or systemd-networkd?");
		(void)keeper_note(k, i, 0); /* found again by the next look */
	}
	keeper_place_open(k); /* nothing on the new one is ours */
}

/* Every committed route is gone at once: nobody meant one pair by that. */
static bool
is_flush(struct keeper *k)
{
	size_t direct = 0, missing = 0;

	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		struct scene_node s;

		if (k->book.node[i].stage != BOOK_DIRECT || k->book.node[i].flags)
			continue;
		scene_node(&k->scene, i, &s);
		direct++;
		missing += s.path == NETD_HUB;
	}
	return direct > 0 && missing == direct;
}

static void
repair(struct keeper *k, uint32_t node)
{
	struct err ignored;

	/* What is not repaired goes by the hub, in the book too. */
	if (!keeper_may_assert(k, node,
		"its routes were deleted twice in ten minutes: with systemd-networkd "
		"set "
		"ManageForeignRoutes=no, or see who flushes them") ||
	    keeper_preflight(k, node, &ignored) < 0 ||
	    keeper_interface(k, &ignored) < 0 || keeper_commit(k, node, &ignored) < 0)
		(void)keeper_withdraw(k, node, &ignored); /* or the next look does */
}

static void
backstop(struct keeper *k, uint32_t node, const struct scene_node *s)
{
	uint32_t carrier = s->holder;
	const struct keeper_seen *hub = &k->seen[k->mesh->hub];
	struct err ignored;

	if (s->path != NETD_DIRECT || carrier == NETD_NONE ||
	    k->book.node[node].stage != BOOK_DIRECT)
		return;
	/*
	 * By what was seen to happen, not by the age that a handshake claims: that is
	 * of the wall clock, which somebody may just have set.
	 */
	if (!policy_dead(mono_diff(k->now.mono, k->seen[carrier].noticed),
		k->seen[carrier].tx > k->seen[carrier].alive_tx,
		hub->handshake.ns ? mono_diff(k->now.mono, hub->noticed) : -1))
		return;
	if (keeper_withdraw(k, node, &ignored) == 0)
		(void)snprintf(k->book.node[node].foreign, NETD_FOREIGN_MAX,
		    "withdrawn: packets went in, and no handshake for 180 s"); /* fits
										*/
}

void
keeper_settle(struct keeper *k, uint32_t node)
{
	struct book_node *b = &k->book.node[node];
	struct scene_node s;

	if (k->mesh->in_place) {
		b->given = scene_given(&k->book, k->self, node);
		keeper_place_settle(k, node);
		return;
	}
	scene_node(&k->scene, node, &s);
	if (b->via != NETD_NONE && s.holder != b->via)
		b->via = NETD_NONE;
	/* One that is not right is nobody's until it is staged again. */
	b->peer = s.own && scene_right(&k->book, k->self, node, s.own);
	b->stage = s.committed			    ? BOOK_DIRECT
		   : s.leased			    ? BOOK_LEASED
		   : b->peer || b->via != NETD_NONE ? BOOK_STAGED
						    : BOOK_HUB;
	b->given = scene_given(&k->book, k->self, node);
	(void)keeper_note(k, node, 0); /* it is found again */
}

/* A withdrawal that was begun is gone on with; else the book takes what there is. */
static void
go_on(struct keeper *k, uint32_t node, unsigned doing)
{
	struct err ignored;

	if (doing == NETD_WITHDRAW)
		(void)keeper_withdraw(k, node, &ignored); /* until it succeeds */
	else if (doing)
		keeper_settle(k, node);
}

void
keeper_converge(struct keeper *k)
{
	struct err ignored;

	scene_vias(&k->scene, &k->book); /* before any peer is judged */
	for (uint32_t i = 0; i < k->mesh->n_nodes && !k->blind; i++) {
		struct book_node *b = &k->book.node[i];
		struct scene_node s;
		bool back;

		if (i == k->self || i == k->mesh->hub)
			continue;
		scene_node(&k->scene, i, &s);
		/* What `meshopt apply` made since is looked at anew. */
		if (b->stage == BOOK_HUB)
			b->given = 0;
		/* In place nobody else takes back what was not committed. */
		back = s.partial || (k->mesh->in_place && s.leased) ||
		       keeper_is_astray(k, i, &s);
		if (back || b->doing)
			go_on(k, i, back ? NETD_WITHDRAW : b->doing);
	}
	if (!k->blind)
		(void)keeper_follow(k, &ignored); /* else the watch compares */
}

/* The agent asks for one that is not there; one that is must find the hub. */
static void
watch_reflector(struct keeper *k)
{
	uint32_t hub = (uint32_t)k->mesh->hub;
	const struct kernel_peer *own = state_peer(&k->state, &keeper_who(k, hub)->key);
	struct err ignored;

	if (k->mesh->in_place || !own || own->n_allowed || k->now.freeze ||
	    keeper_preflight(k, NETD_NONE, &ignored) < 0)
		return;
	(void)keeper_reflect(k, hub, &ignored); /* again by the next look */
}

bool
keeper_gone(struct keeper *k)
{
	unsigned was = k->watched;

	k->watched = k->state.direct_link.ifindex;
	if (k->watched && !(k->mesh->in_place && was && was != k->watched))
		return false;
	interface_gone(k);
	return true;
}

void
keeper_poll(struct keeper *k, struct keeper_now now)
{
	struct err ignored;
	bool flushed;

	k->now = now;
	if (keeper_look(k, &ignored) < 0)
		return; /* unknown: no change; the next look tells */
	/* A disk that has room again ends the time of withdrawals only. */
	if (k->journal_rc)
		(void)keeper_note(k, (uint32_t)k->self, 0);
	if (keeper_gone(k))
		return;
	keeper_place_expire(k, false);
	(void)keeper_follow(k, &ignored); /* what failed is tried again */
	watch_reflector(k);
	flushed = is_flush(k);
	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		struct book_node *b = &k->book.node[i];
		struct scene_node s;

		if (i == k->self || i == k->mesh->hub)
			continue;
		go_on(k, i, b->doing);
		if (k->blind)
			return; /* as above */
		if (b->doing || keeper_is_stale(k, i))
			continue; /* by the next look */
		scene_node(&k->scene, i, &s);
		watch_peer(k, i, &s);
		watch_routes(k, i, &s, flushed);
		if (flushed && k->state.direct_link.up && b->stage == BOOK_DIRECT &&
		    !b->flags)
			repair(k, i);
		else
			backstop(k, i, &s);
		if (k->blind)
			return; /* as above */
	}
}
