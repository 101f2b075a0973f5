/* SPDX-License-Identifier: MIT */
/*
 * The difference between goals and kernel.  What others put on the direct interface is
 * never taken away: a peer that does not fit is a refusal, in words.
 */
#include "optimizer/apply/steps.h"

#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* WireGuard renews a live session after 120 s and rejects it after 180 s. */
#define SESSION_LIFE (180 * NS_PER_S)

bool
steps_alive(const struct kernel_peer *peer, struct wall now)
{
	/* The one that starts keeps alive, so a session is never idle for long. */
	return peer->handshake.ns != 0 && now.ns - peer->handshake.ns < SESSION_LIFE;
}

static struct step *
add_step(struct steps *steps, enum step_kind kind, size_t goal)
{
	struct step *step;

	steps->step = mem_grow(steps->step, steps->n + 1, sizeof(*steps->step));
	step = &steps->step[steps->n++];
	*step = (struct step){ .kind = kind, .goal = goal };
	return step;
}

static void refuse(struct steps *steps, size_t goal, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
refuse(struct steps *steps, size_t goal, const char *fmt, ...)
{
	struct refusal *refusal;
	va_list ap;

	steps->refusal =
	    mem_grow(steps->refusal, steps->n_refusals + 1, sizeof(*steps->refusal));
	refusal = &steps->refusal[steps->n_refusals++];
	refusal->goal = goal;
	va_start(ap, fmt);
	(void)vsnprintf(refusal->text, sizeof(refusal->text), fmt,
	    ap); /* cut is fine */
	va_end(ap);
}

static bool
same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

static bool
among(const struct prefix *list, size_t n, const struct prefix *prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (same(&list[i], prefix))
			return true;
	}
	return false;
}

/* What the roster gives a peer: its prefixes, and the address that is probed. */
static struct prefix *
roster_prefixes(const struct mesh_node *node, size_t *n)
{
	struct prefix *list = mem_array(node->n_prefixes + 1, sizeof(*list));

	if (node->n_prefixes)
		memcpy(list, node->prefixes, node->n_prefixes * sizeof(*list));
	list[node->n_prefixes].addr = wgkey_link_local(&node->key);
	list[node->n_prefixes].len = 128;
	*n = node->n_prefixes + 1;
	return list;
}

static void
node_steps(const struct goals *goals, const struct state *state, struct steps *steps)
{
	const struct mesh_node *self = &goals->mesh->nodes[goals->self];
	struct prefix own = { .addr = self->address.addr };
	struct prefix local = { .addr = wgkey_link_local(&self->key), .len = 64 };

	if (state->direct_link.ifindex == 0)
		add_step(steps, STEP_LINK, STEPS_NODE)->mtu = state->hub_link.mtu;
	if (!state->direct || !state->direct->has_key)
		(void)add_step(steps, STEP_KEY, STEPS_NODE); /* says it all */
	if (!state->direct_link.up)
		(void)add_step(steps, STEP_UP, STEPS_NODE); /* says it all */
	/*
	 * The overlay address is on both interfaces: without one here, loose rp_filter
	 * drops what arrives (measured: 976 of 1000 lost).
	 */
	own.len = (uint8_t)addr_bits(&own.addr);
	if (!goals->mesh->in_place && !state_has_addr(state, &own.addr))
		add_step(steps, STEP_ADDR, STEPS_NODE)->prefix = own;
	if (!state_has_addr(state, &local.addr))
		add_step(steps, STEP_ADDR, STEPS_NODE)->prefix = local;
}

static void
demote_steps(const struct goals *goals, const struct state *state, struct steps *steps)
{
	for (size_t i = 0; i < goals->n; i++) {
		const struct mesh_node *node = goals_node(goals, i);

		for (size_t j = 0; j < node->n_prefixes && !goals->goal[i].direct;
		     j++) {
			const struct kernel_route *route =
			    state_route(state, &node->prefixes[j]);

			if (route)
				add_step(steps, STEP_DEMOTE, i)->route = *route;
		}
	}
}

/*
 * The kernel follows a peer that moves, so an endpoint that is not the roster's is
 * right while its session lives; it is ours to mend when the session is dead.
 */
static bool
endpoint_right(const struct goal *goal, const struct kernel_peer *peer, struct wall now)
{
	if (peer->endpoint.family == 0)
		return false;
	return steps_alive(peer, now) ||
	       (addr_equal(&peer->endpoint, &goal->endpoint) &&
		   peer->port == goal->port);
}

/* One message with all that the peer lacks; none if it lacks nothing. */
static void
peer_step(const struct goals *goals, size_t i, const struct state *state,
    struct steps *steps)
{
	static const struct kernel_peer none;
	const struct goal *goal = &goals->goal[i];
	const struct mesh_node *node = goals_node(goals, i);
	const struct kernel_peer *have = state_peer(state, &node->key);
	const struct kernel_peer *peer = have ? have : &none;
	uint16_t keepalive = goal->starts ? STEPS_KEEPALIVE_S : 0;
	struct kernel_peer_change change = { .key = node->key };
	size_t n, missing = 0;
	struct prefix *list = roster_prefixes(node, &n);
	struct step *step;

	for (size_t j = 0; j < n; j++) {
		if (!among(peer->allowed, peer->n_allowed, &list[j]))
			list[missing++] = list[j];
	}
	change.allowed = list;
	change.n_allowed = missing;
	/* Only one end holds an endpoint: see mesh_initiator(). */
	if (goal->starts && !endpoint_right(goal, peer, state->now)) {
		change.endpoint = goal->endpoint;
		change.port = goal->port;
	}
	if (peer->keepalive_s != keepalive) {
		change.set_keepalive = true;
		change.keepalive_s = keepalive;
	}
	if (have && missing == 0 && !change.endpoint.family && !change.set_keepalive) {
		free(list);
		return;
	}
	step = add_step(steps, STEP_PEER, i);
	step->change = change;
	step->fresh = !have;
}

/* A peer that holds more than the roster gives could speak for others. */
static bool
excess(const struct goals *goals, size_t i, const struct state *state,
    struct steps *steps)
{
	const struct mesh_node *node = goals_node(goals, i);
	const struct kernel_peer *peer = state_peer(state, &node->key);
	char text[PREFIX_TEXT_MAX], key[WGKEY_TEXT_MAX];
	struct prefix *list;
	size_t n;
	bool found = false;

	if (!peer)
		return false;
	list = roster_prefixes(node, &n);
	wgkey_format(&node->key, key);
	for (size_t j = 0; j < peer->n_allowed && !found; j++) {
		found = !among(list, n, &peer->allowed[j]);
		if (!found)
			continue;
		prefix_format(&peer->allowed[j], text);
		refuse(steps, i,
		    "%s: its peer on %s has %s, which the mesh file does not give it: "
		    "wg "
		    "set %s peer %s allowed-ips with the right ones",
		    node->name, goals->mesh->direct_interface, text,
		    goals->mesh->direct_interface, key);
	}
	free(list);
	return found;
}

/* Adding a prefix takes it silently from the peer that has it. */
static bool
taken(const struct goals *goals, size_t i, const struct state *state,
    struct steps *steps)
{
	const struct mesh_node *node = goals_node(goals, i);
	const struct kernel_device *dev = state->direct;
	char text[PREFIX_TEXT_MAX], key[WGKEY_TEXT_MAX];

	for (size_t p = 0; dev && p < dev->n_peers; p++) {
		const struct kernel_peer *other = &dev->peers[p];

		if (wgkey_compare(&other->key, &node->key) == 0)
			continue;
		for (size_t j = 0; j < node->n_prefixes; j++) {
			if (!among(other->allowed, other->n_allowed,
				&node->prefixes[j]))
				continue;
			prefix_format(&node->prefixes[j], text);
			wgkey_format(&other->key, key);
			refuse(steps, i,
			    "%s: another peer on %s has %s, an old key perhaps: wg set "
			    "%s "
			    "peer %s remove",
			    node->name, goals->mesh->direct_interface, text,
			    goals->mesh->direct_interface, key);
			return true;
		}
	}
	return false;
}

static void
pair_steps(const struct goals *goals, size_t i, const struct state *state,
    struct steps *steps)
{
	const struct mesh_node *self = &goals->mesh->nodes[goals->self];
	const struct mesh_node *node = goals_node(goals, i);
	const struct kernel_peer *peer = state_peer(state, &node->key);
	/* Routed into a tunnel without a session nothing arrives: back to the hub. */
	bool dead = !peer || !steps_alive(peer, state->now);

	if (excess(goals, i, state, steps) || taken(goals, i, state, steps))
		return;
	for (size_t j = 0; j < node->n_prefixes && dead; j++) {
		const struct kernel_route *route =
		    state_route(state, &node->prefixes[j]);

		if (route)
			add_step(steps, STEP_DROP, i)->route = *route;
	}
	peer_step(goals, i, state, steps);
	for (size_t j = 0; j < node->n_prefixes; j++) {
		const struct prefix *prefix = &node->prefixes[j];
		struct kernel_route *route;

		if (state_route(state, prefix) && !dead)
			continue;
		route = &add_step(steps, STEP_ROUTE, i)->route;
		*route = (struct kernel_route){ .dst = *prefix,
			.protocol = RTPROT_MESHOPT,
			.type = RTN_UNICAST,
			.scope = prefix->addr.family == AF_INET ? RT_SCOPE_LINK
								: RT_SCOPE_UNIVERSE,
			.ifindex = state->direct_link.ifindex };
		/* Without it the kernel might pick an underlay address. */
		if (self->address.addr.family == prefix->addr.family)
			route->src = self->address.addr;
	}
}

static bool
spoken_of(const struct goals *goals, const struct prefix *prefix)
{
	for (size_t i = 0; i < goals->n; i++) {
		const struct mesh_node *node = goals_node(goals, i);

		if (among(node->prefixes, node->n_prefixes, prefix))
			return true;
	}
	return false;
}

static void
find_orphans(const struct goals *goals, const struct state *state, struct steps *steps)
{
	for (size_t i = 0; i < state->n_routes; i++) {
		const struct kernel_route *route = &state->routes[i];

		if (!state_ours(state, route) || spoken_of(goals, &route->dst))
			continue;
		steps->orphan = mem_grow(steps->orphan, steps->n_orphans + 1,
		    sizeof(*steps->orphan));
		steps->orphan[steps->n_orphans++] = *route;
	}
}

void
steps_make(const struct goals *goals, const struct state *state, struct steps *out)
{
	bool direct = false;

	*out = (struct steps){ 0 };
	for (size_t i = 0; i < goals->n; i++)
		direct |= goals->goal[i].direct;
	if (direct)
		node_steps(goals, state, out);
	demote_steps(goals, state, out);
	for (size_t i = 0; i < goals->n; i++) {
		if (goals->goal[i].direct)
			pair_steps(goals, i, state, out);
	}
	find_orphans(goals, state, out);
}

void
steps_undo(const struct state *state, struct steps *out)
{
	*out = (struct steps){ 0 };
	for (size_t i = 0; i < state->n_routes; i++) {
		if (state_ours(state, &state->routes[i]))
			add_step(out, STEP_DEMOTE, STEPS_NODE)->route =
			    state->routes[i];
	}
}

static void
free_allowed(struct step *step)
{
	/* Owned here, though the kernel's interface has it const. */
	if (step->kind == STEP_PEER)
		free((void *)(uintptr_t)step->change.allowed);
}

void
steps_fini(struct steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		free_allowed(&steps->step[i]);
	free(steps->step);
	free(steps->refusal);
	free(steps->orphan);
	*steps = (struct steps){ 0 };
}

const char *
steps_refused(const struct steps *steps, size_t goal)
{
	for (size_t i = 0; i < steps->n_refusals; i++) {
		if (steps->refusal[i].goal == goal)
			return steps->refusal[i].text;
	}
	return NULL;
}

size_t
steps_count(const struct steps *steps, enum step_kind kind, size_t goal)
{
	size_t count = 0;

	for (size_t i = 0; i < steps->n; i++)
		count += steps->step[i].kind == kind && steps->step[i].goal == goal;
	return count;
}
