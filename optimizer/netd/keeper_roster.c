/* SPDX-License-Identifier: MIT */
/*
 * What the kernel has and the mesh file does not give it: routes to nobody's prefix,
 * paths into a peer that is no longer to carry them, prefixes that a peer has too many,
 * peers of nodes that are no more.  The file may have changed under a running netd or
 * before its start; what is found is the same, and so is what is done about it.
 *
 * Whose work a peer that differs is, the book tells: it has of each node what the file
 * gave it when its peer was last as it should be.  If the file gives it something else
 * now, nobody changed anything by hand.
 */
#include "optimizer/netd/keeper_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/*
 * Is this a peer that was made for a node under a key that the mesh file no longer has?
 * Its link-local address is of its own key, which nobody else would set; in place,
 * where others set peers too, the book has to say so as well.  Not while it carries
 * anything.
 */
bool
keeper_is_former(const struct keeper *k, const struct kernel_peer *peer)
{
	struct prefix own = { wgkey_link_local(&peer->key), 128 };

	if (!scene_among(peer->allowed, peer->n_allowed, &own))
		return false;
	if (k->mesh->in_place)
		return book_had(&k->book, &peer->key);
	for (size_t i = 0; i < peer->n_allowed; i++) {
		if (scene_route(&k->scene, &peer->allowed[i]) ||
		    scene_lease_s(&k->scene, &peer->allowed[i]))
			return false;
	}
	return true;
}

int
keeper_former_remove(struct keeper *k, uint32_t node, struct err *err)
{
	const struct kernel_device *dev = k->state.direct;
	bool removed = false;
	struct prefix *want = NULL;
	size_t n = 0;
	int rc = 0;

	if (node != NETD_NONE)
		scene_wanted(&k->book, node, &want, &n);
	for (size_t p = 0; dev && p < dev->n_peers && rc == 0; p++) {
		const struct kernel_peer *peer = &dev->peers[p];
		bool meant = node == NETD_NONE;

		for (size_t i = 0; i < peer->n_allowed && !meant; i++)
			meant = scene_among(want, n, &peer->allowed[i]);
		if (k->scene.owner[p] != NETD_NONE || !meant ||
		    !keeper_is_former(k, peer))
			continue;
		if (k->mesh->in_place)
			(void)kernel_claim(k->opts.kernel, &peer->key);
		rc = kernel_peer_remove(k->opts.kernel, &peer->key);
		kernel_disclaim(k->opts.kernel, &peer->key);
		removed = true;
	}
	free(want);
	if (rc < 0)
		return err_code(err, -rc, "removing the peer of an old key: %s",
		    strerror(-rc));
	return removed ? keeper_look(k, err) : 0;
}

void
keeper_reflectors_drop(struct keeper *k, const struct mesh *mesh)
{
	struct err ignored;

	(void)keeper_look(k, &ignored); /* blind it drops none */
	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		const struct wgkey *key = &keeper_who(k, i)->key;
		const struct kernel_peer *own = state_peer(&k->state, key);
		size_t now = mesh_find(mesh, keeper_who(k, i)->name);

		if (own && k->book.node[i].reflects && own->n_allowed == 0 &&
		    (now == SIZE_MAX || wgkey_compare(&mesh->nodes[now].key, key) != 0))
			(void)kernel_peer_remove(k->opts.kernel,
			    key); /* else it carries nothing, still */
	}
}

/* What its packets take is what the mesh file gives it still, or the hub. */
static bool
is_whole(const struct keeper *k, uint32_t node, const struct scene_node *s)
{
	const struct book_node *b = &k->book.node[node];

	if (s->path == NETD_HUB)
		return b->stage <= BOOK_STAGED;
	return s->holder == (b->via == NETD_NONE ? node : b->via) &&
	       (!b->given ||
		   b->given >> 32 == scene_given(&k->book, k->self, node) >> 32);
}

bool
keeper_is_stale(const struct keeper *k, uint32_t node)
{
	return k->book.node[node].given != scene_given(&k->book, k->self, node);
}

bool
keeper_is_astray(const struct keeper *k, uint32_t node, const struct scene_node *s)
{
	return keeper_is_stale(k, node) && !is_whole(k, node, s);
}

void
keeper_regive(struct keeper *k, uint32_t node)
{
	struct book_node *b;

	if (node == NETD_NONE || !keeper_is_stale(k, node))
		return;
	b = &k->book.node[node];
	b->given = scene_given(&k->book, k->self, node);
	(void)keeper_note(k, node, b->doing); /* else a restart finds it stale */
}

/*
 * What the peer has too many goes to a peer of nobody's, and with it: 6.1 cannot merely
 * take a prefix away.  Should we die in between, the next start knows it by its
 * address.
 */
static int
shed(struct keeper *k, const struct prefix *extra, size_t n)
{
	struct kernel_peer_change change = { .key = { "nobody" } };
	struct prefix *list = mem_array(n + 1, sizeof(*list));
	int rc;

	for (size_t i = 0; i < n; i++)
		list[i] = extra[i];
	list[n] = (struct prefix){ wgkey_link_local(&change.key), 128 };
	change.allowed = list;
	change.n_allowed = n + 1;
	rc = kernel_peer_set(k->opts.kernel, &change);
	if (rc == 0)
		rc = kernel_peer_remove(k->opts.kernel, &change.key);
	free(list);
	return rc;
}

/*
 * A peer of ours becomes what the file says now.  What it lacks it gets by STAGE, which
 * asks the policy; until then it is not ours.
 */
static int
mend_peer(struct keeper *k, uint32_t node, const struct kernel_peer *own,
    struct err *err)
{
	struct prefix *want, *extra = mem_array(own->n_allowed, sizeof(*extra));
	size_t n, n_extra = 0;
	int rc = 0;

	scene_wanted(&k->book, node, &want, &n);
	for (size_t i = 0; i < own->n_allowed; i++) {
		if (!scene_among(want, n, &own->allowed[i]))
			extra[n_extra++] = own->allowed[i];
	}
	if (own->n_allowed - n_extra == n)
		rc = keeper_peer_complete(k, node, NULL, err);
	if (rc == 0 && n_extra && !k->mesh->in_place) {
		rc = shed(k, extra, n_extra);
		if (rc < 0)
			(void)keeper_failed(k, node, rc,
			    "taking prefixes from its peer", err);
	}
	free(want);
	free(extra);
	return rc < 0 ? rc : keeper_look(k, err);
}

static int
mend(struct keeper *k, uint32_t node, struct err *err)
{
	const struct kernel_peer *own =
	    state_peer(&k->state, &keeper_who(k, node)->key);
	struct book_node *b = &k->book.node[node];
	int rc = 0;

	if (!own && b->stage == BOOK_HUB) {
		b->given = scene_given(&k->book, k->self, node);
		return 0;
	}
	if (own && b->peer && !b->flags)
		rc = mend_peer(k, node, own, err);
	if (rc == 0)
		keeper_settle(k, node);
	return rc;
}

int
keeper_follow(struct keeper *k, struct err *err)
{
	int rc = keeper_orphans(k, err);

	for (int peers = 0; peers < 2; peers++) { /* once all paths are right */
		for (uint32_t i = 0; i < k->mesh->n_nodes && !k->blind; i++) {
			struct scene_node s;
			int one = 0;

			if (i == k->self || i == k->mesh->hub || !keeper_is_stale(k, i))
				continue;
			scene_node(&k->scene, i, &s);
			if (!peers && !is_whole(k, i, &s))
				one = keeper_withdraw(k, i, err);
			/* What is not done yet is gone on with by the next look. */
			else if (peers && !k->book.node[i].doing)
				one = mend(k, i, err);
			rc = rc < 0 ? rc : one;
		}
	}
	/* Its far end may still be sending; in place it still takes its prefixes. */
	if (rc == 0 && (k->mesh->in_place ||
			   mono_diff(k->now.mono, k->roster_at) >= POLICY_SETTLE))
		rc = keeper_former_remove(k, NETD_NONE, err);
	return rc;
}
