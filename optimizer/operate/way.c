/* SPDX-License-Identifier: MIT */
/*
 * Route, then AllowedIPs.  Pure.
 */
#include "optimizer/operate/way.h"

#include <stdio.h>

size_t
way_node(const struct mesh *mesh, const struct wgkey *key)
{
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		if (wgkey_compare(&mesh->nodes[i].key, key) == 0)
			return i;
	}
	return SIZE_MAX;
}

const struct kernel_peer *
way_peer(const struct kernel_device *dev, const struct wgkey *key)
{
	for (size_t i = 0; dev && i < dev->n_peers; i++) {
		if (wgkey_compare(&dev->peers[i].key, key) == 0)
			return &dev->peers[i];
	}
	return NULL;
}

const struct kernel_peer *
way_owner(const struct kernel_device *dev, const struct addr *addr)
{
	const struct kernel_peer *owner = NULL;
	int longest = -1;

	for (size_t i = 0; dev && i < dev->n_peers; i++) {
		const struct kernel_peer *peer = &dev->peers[i];

		for (size_t j = 0; j < peer->n_allowed; j++) {
			if (peer->allowed[j].len <= longest ||
			    !prefix_contains(&peer->allowed[j], addr))
				continue;
			longest = peer->allowed[j].len;
			owner = peer;
		}
	}
	return owner;
}

struct way
way_to(const struct state *state, const struct mesh *mesh, size_t node,
    unsigned ifindex)
{
	struct way way = { .via = SIZE_MAX };
	const struct kernel_device *dev;

	if (ifindex == 0)
		return way;
	way.beside = !mesh->in_place && ifindex == state->direct_link.ifindex;
	way.kind = WAY_ASTRAY;
	if (!way.beside && ifindex != state->hub_link.ifindex)
		return way;
	dev = way.beside ? state->direct : state->hub;
	way.peer = way_owner(dev, &mesh->nodes[node].address.addr);
	way.kind = WAY_BLOCKED;
	if (!way.peer)
		return way;
	way.via = way_node(mesh, &way.peer->key);
	if (way.via == node)
		way.kind = WAY_DIRECT;
	else if (way.via == SIZE_MAX)
		way.kind = WAY_STRANGER;
	else
		way.kind = way.via == mesh->hub ? WAY_HUB : WAY_RELAY;
	return way;
}

void
way_text(const struct mesh *mesh, const struct way *way, char text[WAY_TEXT_MAX])
{
	static const char *const words[] = {
		[WAY_NONE] = "no route",
		[WAY_ASTRAY] = "other interface",
		[WAY_BLOCKED] = "no peer",
		[WAY_DIRECT] = "direct",
		[WAY_HUB] = "hub",
		[WAY_STRANGER] = "unknown peer",
	};

	if (way->kind == WAY_RELAY)
		(void)snprintf(text, WAY_TEXT_MAX, "relay:%s",
		    mesh->nodes[way->via].name); /* fits */
	else
		(void)snprintf(text, WAY_TEXT_MAX, "%s", words[way->kind]); /* fits */
}
