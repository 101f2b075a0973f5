/* SPDX-License-Identifier: MIT */
#include "optimizer/apply/place.h"

/* The node whose prefixes this peer has from us, or NULL. */
static const struct mesh_node *
moved(const struct mesh *mesh, const struct kernel_peer *peer)
{
	struct addr probe = wgkey_link_local(&peer->key);
	bool ours = false;

	for (size_t i = 0; i < peer->n_allowed; i++)
		ours |= peer->allowed[i].len == 128 &&
			addr_equal(&peer->allowed[i].addr, &probe);
	for (size_t i = 0; i < mesh->n_nodes && ours && peer->n_allowed > 1; i++) {
		if (i != mesh->hub &&
		    wgkey_compare(&mesh->nodes[i].key, &peer->key) == 0)
			return &mesh->nodes[i];
	}
	return NULL;
}

int
place_undo(struct kernel *k, const struct mesh *mesh, bool yes, place_cb *each,
    void *ctx)
{
	const struct mesh_node *hub = &mesh->nodes[mesh->hub];
	struct kernel_device *dev = NULL;
	int rc = kernel_device(k, mesh->interface, &dev);

	kernel_in_place(k, &hub->key, hub->prefixes, hub->n_prefixes);
	for (size_t p = 0; dev && p < dev->n_peers; p++) {
		const struct wgkey *key = &dev->peers[p].key;
		const struct mesh_node *node = moved(mesh, &dev->peers[p]);
		struct prefix probe = { wgkey_link_local(key), 128 };
		int one = 0;

		if (node && yes) {
			one = kernel_claim(k, key);
			if (one == 0)
				one = kernel_peer_reduce(k, key, &probe);
		}
		if (node && one == 0)
			each(node->name, ctx);
		rc = rc < 0 ? rc : one;
	}
	kernel_device_free(dev);
	return rc;
}
