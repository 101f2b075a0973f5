/* SPDX-License-Identifier: MIT */
/*
 * Reading the kernel, and what its figures tell from one time to the next.
 */
#include "optimizer/netd/keeper_core.h"

/* B that arrive between two looks: probes of a standby are 1.4 KB in ten seconds. */
#define BUSY_BYTES 4096

static void
see(struct keeper *k, struct keeper_seen *s, const struct kernel_peer *peer)
{
	struct mono now = k->now.mono;
	int64_t age = k->state.now.ns - peer->handshake.ns;

	if (!s->known)
		*s = (struct keeper_seen){ .known = true,
			.alive = BOOK_NEVER,
			.noticed = now,
			.mark = now,
			.mark_rx = peer->rx_bytes,
			.busy = now };
	if (peer->handshake.ns != s->handshake.ns) {
		/* At first sight its age is all that there is. */
		s->alive = s->handshake.ns || age < 0 ? now : mono_add(now, -age);
		s->noticed = now;
		s->alive_tx = peer->tx_bytes;
		s->handshake = peer->handshake;
	}
	if (mono_diff(now, s->mark) >= KEEPER_POLL / 2) {
		if (peer->rx_bytes - s->mark_rx > BUSY_BYTES)
			s->busy = now;
		s->mark = now;
		s->mark_rx = peer->rx_bytes;
	}
	s->tx = peer->tx_bytes;
}

int
keeper_look(struct keeper *k, struct err *err)
{
	const struct kernel_device *hub;
	int rc;

	scene_fini(&k->scene);
	state_fini(&k->state);
	rc = state_read(k->opts.kernel, k->mesh, k->now.wall, &k->state, err);
	k->blind = rc < 0;
	if (k->blind)
		state_fini(&k->state);
	scene_make(&k->book, &k->state, k->now.mono, &k->scene);
	if (k->blind)
		return rc;
	k->ifindex[0] = k->state.direct_link.ifindex;
	k->ifindex[1] = k->state.hub_link.ifindex;
	/* A peer that is made anew has no past. */
	for (size_t i = 0; i < k->mesh->n_nodes; i++) {
		if (i != k->mesh->hub && !state_peer(&k->state, &k->mesh->nodes[i].key))
			k->seen[i].known = false;
	}
	for (size_t p = 0; k->state.direct && p < k->state.direct->n_peers; p++) {
		uint32_t node = k->scene.owner[p];

		if (node != NETD_NONE && node != k->mesh->hub)
			see(k, &k->seen[node], &k->state.direct->peers[p]);
	}
	hub = k->state.hub;
	for (size_t p = 0; hub && p < hub->n_peers; p++) {
		if (wgkey_compare(&hub->peers[p].key,
			&k->mesh->nodes[k->mesh->hub].key) == 0)
			see(k, &k->seen[k->mesh->hub], &hub->peers[p]);
	}
	return 0;
}
