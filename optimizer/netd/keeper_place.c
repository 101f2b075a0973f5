/* SPDX-License-Identifier: MIT */
/*
 * In place: the direct peer is on the hub interface, and to be the way to a prefix is
 * to hold it.  Leasing moves the exact prefixes from under the hub's wider one to our
 * own peer, by one message that only adds; giving back leaves our peer its probe
 * address alone.  No message ever names the hub's peer.
 *
 * The kernel has no lease of this kind.  So netd takes back by itself what nobody
 * renewed, what was not committed when it ends, and, when it is killed, what it finds
 * uncommitted at its next start: the stage on the disk is the lease's only witness.
 */
#include "optimizer/netd/keeper_core.h"

#include <errno.h>

void
keeper_place_open(struct keeper *k)
{
	const struct mesh_node *hub = keeper_who(k, (uint32_t)k->mesh->hub);

	if (!k->mesh->in_place)
		return;
	kernel_in_place(k->opts.kernel, &hub->key, hub->prefixes, hub->n_prefixes);
	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		const struct book_node *b = &k->book.node[i];

		/* One that cannot be claimed cannot be changed: said when it is tried.
		 */
		if (b->peer || b->doing == NETD_STAGE)
			(void)kernel_claim(k->opts.kernel, &keeper_who(k, i)->key);
	}
}

int
keeper_place_give_back(struct keeper *k, uint32_t node, struct err *err)
{
	const struct wgkey *key = &keeper_who(k, node)->key;
	struct prefix probe = { wgkey_link_local(key), 128 };
	struct scene_node s;
	int rc = kernel_peer_reduce(k->opts.kernel, key, &probe);

	if (rc < 0)
		return keeper_failed(k, node, rc, "giving its prefixes back", err);
	rc = keeper_look(k, err);
	if (rc < 0)
		return rc;
	scene_node(&k->scene, node, &s);
	if (s.path != NETD_HUB)
		return err_code(err, EUCLEAN, "%s: its peer still has its prefixes",
		    keeper_who(k, node)->name);
	return 0;
}

int
keeper_place_lease(struct keeper *k, uint32_t node, uint32_t seconds, struct err *err)
{
	struct book_node *b = &k->book.node[node];
	struct mono until = mono_add(k->now.mono, (int64_t)seconds * NS_PER_S);
	struct err ignored;
	struct scene_node s;
	int rc;

	scene_node(&k->scene, node, &s);
	if (s.committed)
		return 0;
	if (s.leased && b->stage == BOOK_LEASED && !b->doing) {
		b->lease_until = until; /* of which the kernel knows nothing */
		return 0;
	}
	b->stage = BOOK_LEASED; /* by which its peer is to hold its prefixes */
	rc = keeper_peer_taken(k, node, err);
	b->stage = BOOK_STAGED;
	if (rc == 0)
		rc = keeper_begin(k, node, NETD_LEASE, err);
	if (rc < 0)
		return rc;
	b->stage = BOOK_LEASED;
	b->lease_until = until;
	rc = keeper_peer_complete(k, node, NULL, err);
	if (rc == 0)
		rc = keeper_peer_check(k, node, err);
	if (rc == 0) {
		keeper_end(k, node, BOOK_LEASED);
		return 0;
	}
	return keeper_withdraw(k, node, &ignored) < 0 ? -ENOTRECOVERABLE : rc;
}

int
keeper_place_commit(struct keeper *k, uint32_t node, struct err *err)
{
	struct scene_node s;
	int rc;

	scene_node(&k->scene, node, &s);
	if (s.committed)
		return 0;
	rc = keeper_peer_check(k, node, err);
	if (rc == 0)
		rc = keeper_begin(k, node, NETD_COMMIT, err);
	if (rc < 0)
		return rc;
	k->book.node[node].urgent = false;
	keeper_end(k, node, BOOK_DIRECT);
	return 0;
}

/* What is whole and was committed stays; whatever else it holds is given back soon. */
void
keeper_place_settle(struct keeper *k, uint32_t node)
{
	struct book_node *b = &k->book.node[node];
	struct scene_node s;
	bool ours;

	/* However much it looks like one of ours. */
	scene_node(&k->scene, node, &s);
	ours = s.own && (b->peer || b->doing);
	if (!s.committed)
		b->stage = s.path != NETD_HUB ? BOOK_LEASED
			   : ours	      ? BOOK_STAGED
					      : BOOK_HUB;
	if (s.partial)
		b->lease_until = k->now.mono; /* before the watch looks at it */
	/* One that is not right is nobody's until somebody has mended it. */
	b->peer = ours && (s.partial || scene_right(&k->book, k->self, node, s.own));
	if (!b->peer)
		kernel_disclaim(k->opts.kernel, &keeper_who(k, node)->key);
	(void)keeper_note(k, node, 0); /* it is found again */
}

void
keeper_place_expire(struct keeper *k, bool all)
{
	struct err ignored;

	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		const struct book_node *b = &k->book.node[i];

		if (k->mesh->in_place && b->stage == BOOK_LEASED &&
		    (all || b->lease_until.ns <= k->now.mono.ns))
			(void)keeper_withdraw(k, i,
			    &ignored); /* again, until it does */
	}
}

bool
keeper_place_panicked(struct keeper *k, uint32_t node, const struct scene_node *s)
{
	struct book_node *b = &k->book.node[node];
	enum book_stage was = b->stage;

	if (!s->own || s->path != NETD_HUB || was <= BOOK_STAGED)
		return false;
	b->stage = BOOK_STAGED;
	if (!scene_right(&k->book, k->self, node, s->own)) {
		b->stage = was;
		return false;
	}
	b->withdrawn = k->now.mono;
	(void)keeper_note(k, node, 0); /* else it is found again */
	return true;
}
