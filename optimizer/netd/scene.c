/* SPDX-License-Identifier: MIT */
/*
 * From addresses, routes and peers to nodes and paths.
 */
#include "optimizer/netd/scene.h"

#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/mem.h"

bool
scene_same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool
scene_among(const struct prefix *list, size_t n, const struct prefix *prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (scene_same(&list[i], prefix))
			return true;
	}
	return false;
}

void
scene_make(const struct book *book, const struct state *state, struct mono now,
    struct scene *out)
{
	const struct mesh *mesh = book->mesh;
	size_t n = state->direct ? state->direct->n_peers : 0;

	*out = (struct scene){ .mesh = mesh, .book = book, .now = now, .state = state };
	out->owner = mem_array(n, sizeof(*out->owner));
	for (size_t p = 0; p < n; p++) {
		out->owner[p] = NETD_NONE;
		for (size_t i = 0; i < mesh->n_nodes; i++) {
			if (wgkey_compare(&mesh->nodes[i].key,
				&state->direct->peers[p].key) == 0)
				out->owner[p] = (uint32_t)i;
		}
	}
	out->ours = mem_array(state->n_routes, sizeof(struct kernel_route *));
	/* In place no route is of our making. */
	for (size_t i = 0; i < state->n_routes && !mesh->in_place; i++) {
		if (state_ours(state, &state->routes[i]) ||
		    state_leased(state, &state->routes[i]))
			out->ours[out->n_ours++] = &state->routes[i];
	}
}

void
scene_fini(struct scene *scene)
{
	free(scene->owner);
	free(scene->ours);
	*scene = (struct scene){ 0 };
}

/* Of IPv6; what is left of it may read as 0, which stands for ever elsewhere. */
static bool
is_lease(const struct kernel_route *route)
{
	return route->expires_s || (route->dst.addr.family == AF_INET6 &&
				       route->metric == KERNEL_LEASE_METRIC);
}

const struct kernel_route *
scene_route(const struct scene *scene, const struct prefix *prefix)
{
	for (size_t i = 0; i < scene->n_ours; i++) {
		if (scene->ours[i]->protocol == RTPROT_MESHOPT &&
		    !is_lease(scene->ours[i]) &&
		    scene_same(&scene->ours[i]->dst, prefix))
			return scene->ours[i];
	}
	return NULL;
}

uint32_t
scene_lease_s(const struct scene *scene, const struct prefix *prefix)
{
	const struct state *state = scene->state;

	for (size_t i = 0; i < state->n_addrs; i++) {
		/* One whose interface is down has no route, and carries nothing. */
		if (state->addrs[i].peer.addr.family && state->direct_link.up &&
		    scene_same(&state->addrs[i].peer, prefix))
			return state->addrs[i].lease_s ? state->addrs[i].lease_s
						       : UINT32_MAX;
	}
	for (size_t i = 0; i < scene->n_ours; i++) {
		if (scene->ours[i]->expires_s &&
		    scene_same(&scene->ours[i]->dst, prefix))
			return scene->ours[i]->expires_s;
	}
	return 0;
}

/* The node whose peer holds this prefix. */
static uint32_t
holder_of(const struct scene *scene, const struct prefix *prefix)
{
	const struct kernel_device *dev = scene->state->direct;

	for (size_t p = 0; dev && p < dev->n_peers; p++) {
		if (scene_among(dev->peers[p].allowed, dev->peers[p].n_allowed, prefix))
			return scene->owner[p];
	}
	return NETD_NONE;
}

/*
 * In place a peer that has the prefixes is the route, and only the book knows whether
 * for good.  A peer that is not of our making is none of it.
 */
static void
place_node(const struct scene *scene, uint32_t node, struct scene_node *out)
{
	const struct mesh_node *who = &scene->mesh->nodes[node];
	const struct book_node *b = &scene->book->node[node];
	const struct kernel_peer *own = state_peer(scene->state, &who->key);
	int64_t left = mono_diff(b->lease_until, scene->now);
	size_t held = 0;

	*out = (struct scene_node){ .own = own, .holder = NETD_NONE };
	if (!own || (!b->peer && !b->doing))
		return;
	for (size_t i = 0; i < who->n_prefixes; i++)
		held += scene_among(own->allowed, own->n_allowed, &who->prefixes[i]);
	out->holder = node;
	out->committed = held == who->n_prefixes && b->stage == BOOK_DIRECT;
	out->leased = held == who->n_prefixes && !out->committed;
	out->partial = held != 0 && held < who->n_prefixes;
	out->path = held == 0 ? NETD_HUB : out->committed ? NETD_DIRECT : NETD_LEASED;
	if (out->leased && left > 0)
		out->lease_s = (uint32_t)((left + NS_PER_S - 1) / NS_PER_S);
}

void
scene_node(const struct scene *scene, uint32_t node, struct scene_node *out)
{
	const struct mesh_node *who = &scene->mesh->nodes[node];
	size_t leases = 0, routes = 0, either = 0;

	if (scene->mesh->in_place) {
		place_node(scene, node, out);
		return;
	}
	*out = (struct scene_node){ .own = state_peer(scene->state, &who->key),
		.holder = NETD_NONE };
	for (size_t i = 0; i < who->n_prefixes; i++) {
		uint32_t left = scene_lease_s(scene, &who->prefixes[i]);
		bool route = scene_route(scene, &who->prefixes[i]) != NULL;
		uint32_t holder = holder_of(scene, &who->prefixes[i]);

		leases += left != 0;
		routes += route;
		either += left != 0 || route;
		if (left != 0 && (out->lease_s == 0 || left < out->lease_s))
			out->lease_s = left;
		if (i == 0)
			out->holder = holder;
		else if (holder != out->holder)
			out->holder = NETD_NONE;
	}
	out->committed = routes == who->n_prefixes;
	out->leased = leases == who->n_prefixes;
	out->partial = (either != 0 && either < who->n_prefixes) ||
		       (routes != 0 && routes < who->n_prefixes);
	out->path = leases ? NETD_LEASED : routes ? NETD_DIRECT : NETD_HUB;
}

static void
add(struct prefix **list, size_t *n, const struct mesh_node *who)
{
	*list = mem_grow(*list, *n + who->n_prefixes + 1, sizeof(**list));
	for (size_t i = 0; i < who->n_prefixes; i++)
		(*list)[(*n)++] = who->prefixes[i];
}

void
scene_wanted(const struct book *book, uint32_t node, struct prefix **out, size_t *n)
{
	const struct mesh_node *who = &book->mesh->nodes[node];

	*n = 0;
	*out = mem_array(1, sizeof(**out));
	(*out)[(*n)++] = (struct prefix){ wgkey_link_local(&who->key), 128 };
	if (book->mesh->in_place ? book->node[node].stage >= BOOK_LEASED
				 : book->node[node].via == NETD_NONE)
		add(out, n, who);
	for (size_t i = 0; i < book->mesh->n_nodes; i++) {
		if (book->node[i].via == node)
			add(out, n, &book->mesh->nodes[i]);
	}
}

bool
scene_holds(const struct book *book, uint32_t node, const struct kernel_peer *peer)
{
	struct prefix *want;
	size_t n, found = 0;

	scene_wanted(book, node, &want, &n);
	for (size_t i = 0; i < n; i++)
		found += scene_among(peer->allowed, peer->n_allowed, &want[i]);
	free(want);
	return found == n && peer->n_allowed == n;
}

bool
scene_right(const struct book *book, size_t self, uint32_t node,
    const struct kernel_peer *peer)
{
	bool starts = mesh_initiator(book->mesh, self, node) == self;

	return scene_holds(book, node, peer) &&
	       peer->keepalive_s == (starts ? STATE_KEEPALIVE_S : 0);
}

/* Whatever the order in which the mesh file has them. */
static uint32_t
sum(const struct mesh_node *who)
{
	uint32_t n = 0;

	for (size_t i = 0; i < who->n_prefixes; i++) {
		n += crc32c(who->prefixes[i].len, who->prefixes[i].addr.b,
		    sizeof(who->prefixes[i].addr.b));
	}
	return n;
}

uint64_t
scene_given(const struct book *book, size_t self, uint32_t node)
{
	const struct mesh *mesh = book->mesh;
	uint32_t via = book->node[node].via;
	uint32_t path = sum(&mesh->nodes[node]), rest;

	if (via != NETD_NONE)
		path +=
		    crc32c(1, mesh->nodes[via].key.b, sizeof(mesh->nodes[via].key.b));
	rest = mesh_initiator(mesh, self, node) == self ? 2 : 1;
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		if (book->node[i].via == node)
			rest += sum(&mesh->nodes[i]);
	}
	return (uint64_t)path << 32 | rest;
}

void
scene_vias(const struct scene *scene, struct book *book)
{
	for (uint32_t i = 0; i < book->mesh->n_nodes; i++) {
		struct scene_node s;

		scene_node(scene, i, &s);
		if (s.holder != NETD_NONE && s.holder != i &&
		    book->mesh->nodes[s.holder].relay &&
		    book->node[i].stage == BOOK_HUB && !book->node[i].doing)
			book->node[i].via = s.holder;
	}
}
