/* SPDX-License-Identifier: MIT */
#include "optimizer/operate/peer_change.h"

#include <errno.h>

#include "optimizer/operate/way.h"

static bool
has(const struct kernel_peer *peer, const struct prefix *prefix)
{
	for (size_t i = 0; i < peer->n_allowed; i++) {
		if (peer->allowed[i].len == prefix->len &&
		    addr_equal(&peer->allowed[i].addr, &prefix->addr))
			return true;
	}
	return false;
}

/* Of another peer, a prefix that stands in the way of this one; or NULL. */
static const struct prefix *
in_the_way(const struct kernel_peer *peer, const struct prefix *prefix, bool exclusive)
{
	for (size_t i = 0; i < peer->n_allowed; i++) {
		const struct prefix *theirs = &peer->allowed[i];

		if (exclusive ? prefix_overlaps(theirs, prefix)
			      : theirs->len == prefix->len &&
				    addr_equal(&theirs->addr, &prefix->addr))
			return theirs;
	}
	return NULL;
}

bool
peer_change_done(const struct kernel_device *dev,
    const struct kernel_peer_change *change)
{
	const struct kernel_peer *peer = way_peer(dev, &change->key);

	for (size_t i = 0; peer && i < change->n_allowed; i++) {
		if (!has(peer, &change->allowed[i]))
			return false;
	}
	return peer != NULL;
}

int
peer_change_check(const struct mesh *mesh, const struct kernel_device *dev,
    const struct kernel_peer_change *change, bool exclusive, struct err *err)
{
	if (dev->has_key && wgkey_compare(&dev->key, &change->key) == 0)
		return err_code(err, EEXIST, "the key is this interface's own");
	for (size_t i = 0; i < dev->n_peers; i++) {
		const struct kernel_peer *peer = &dev->peers[i];
		size_t node = way_node(mesh, &peer->key);
		char wants[PREFIX_TEXT_MAX], theirs[PREFIX_TEXT_MAX];
		char key[WGKEY_TEXT_MAX];

		if (wgkey_compare(&peer->key, &change->key) == 0)
			continue;
		for (size_t j = 0; j < change->n_allowed; j++) {
			const struct prefix *found =
			    in_the_way(peer, &change->allowed[j], exclusive);

			if (!found)
				continue;
			prefix_format(&change->allowed[j], wants);
			prefix_format(found, theirs);
			wgkey_format(&peer->key, key);
			return err_code(err, EEXIST,
			    "%s: the peer %s has %s: give another address, or meshopt "
			    "peer remove %s first",
			    wants, node == SIZE_MAX ? key : mesh->nodes[node].name,
			    theirs, node == SIZE_MAX ? key : mesh->nodes[node].name);
		}
	}
	return peer_change_done(dev, change) ? 1 : 0;
}
