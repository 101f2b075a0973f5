/* SPDX-License-Identifier: MIT */
/*
 * The arrows that set peers.  Each is put on disk before the kernel is touched, read
 * back afterwards, and undone if the kernel does not show what was asked for: an ACK of
 * WireGuard proves little.  Undoing ends by the hub, the one path that needs nothing.
 */
#include "optimizer/netd/keeper_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

int
keeper_failed(const struct keeper *k, uint32_t node, int rc, const char *what,
    struct err *err)
{
	return err_code(err, -rc, "%s: %s: %s", keeper_who(k, node)->name, what,
	    strerror(-rc));
}

int
keeper_begin(struct keeper *k, uint32_t node, enum netd_verb verb, struct err *err)
{
	int rc = keeper_note(k, node, verb);

	if (rc < 0)
		k->book.node[node].doing = 0;
	return rc < 0 ? keeper_failed(k, node, rc, "journal", err) : 0;
}

void
keeper_end(struct keeper *k, uint32_t node, enum book_stage stage)
{
	k->book.node[node].stage = stage;
	/* If this is lost a restart finds the arrow begun, and looks at the kernel. */
	(void)keeper_note(k, node, 0);
}

static int
interface_failed(const struct keeper *k, int rc, const char *what, struct err *err)
{
	return rc == 0 ? 0
		       : err_code(err, -rc, "%s: %s: %s", k->mesh->direct_interface,
			     what, strerror(-rc));
}

/*
 * The overlay address is on both interfaces: without one here, loose rp_filter drops
 * what arrives (measured: 976 of 1000 lost).  In place it is there already.
 */
static int
add_addresses(struct keeper *k, struct err *err)
{
	const struct mesh_node *self = keeper_who(k, (uint32_t)k->self);
	const struct prefix want[2] = { { self->address.addr,
					    (uint8_t)addr_bits(&self->address.addr) },
		{ wgkey_link_local(&self->key), 64 } };
	int rc = 0;

	for (int i = k->mesh->in_place; i < 2 && rc == 0; i++) {
		if (!state_has_addr(&k->state, &want[i].addr))
			rc = kernel_addr_add(k->opts.kernel, &want[i]);
	}
	return interface_failed(k, rc, "adding its addresses", err);
}

int
keeper_interface(struct keeper *k, struct err *err)
{
	const struct state *now = &k->state;
	struct kernel *to = k->opts.kernel;
	int rc = 0;

	if (now->direct_link.ifindex == 0)
		rc = interface_failed(k, kernel_link_add(to, now->hub_link.mtu),
		    "making it", err);
	if (rc == 0 && (!now->direct || !now->direct->has_key))
		rc = interface_failed(k,
		    kernel_key_copy(to, k->mesh->interface, k->mesh->direct_port),
		    "setting its key and port", err);
	if (rc == 0 && !now->direct_link.up)
		rc = interface_failed(k, kernel_link_up(to), "setting it up", err);
	if (rc == 0 && k->self != k->mesh->hub)
		rc = add_addresses(k, err);
	return rc;
}

int
keeper_peer_taken(struct keeper *k, uint32_t node, struct err *err)
{
	const struct kernel_device *dev = k->state.direct;
	char text[PREFIX_TEXT_MAX], key[WGKEY_TEXT_MAX];
	struct prefix *want;
	size_t n;
	int rc = 0;

	scene_wanted(&k->book, node, &want, &n);
	for (size_t p = 0; dev && p < dev->n_peers; p++) {
		const struct kernel_peer *peer = &dev->peers[p];
		uint32_t owner = k->scene.owner[p];

		if (owner != node && owner != NETD_NONE && k->book.node[owner].peer)
			continue;
		if (owner == NETD_NONE && keeper_is_former(k, peer))
			continue;
		for (size_t i = 0; i < peer->n_allowed && rc == 0; i++) {
			if (scene_among(want, n, &peer->allowed[i]) == (owner == node))
				continue;
			prefix_format(&peer->allowed[i], text);
			wgkey_format(&peer->key, key);
			rc = err_code(err, EACCES,
			    "%s: %s on %s has %s, which the mesh file does not give "
			    "it: wg set %s peer %s remove",
			    keeper_who(k, node)->name,
			    owner == node ? "its peer" : "another peer",
			    k->mesh->direct_interface, text, k->mesh->direct_interface,
			    key);
		}
	}
	free(want);
	return rc;
}

int
keeper_peer_complete(struct keeper *k, uint32_t node, const struct netd_request *hint,
    struct err *err)
{
	const struct kernel_peer *own =
	    state_peer(&k->state, &keeper_who(k, node)->key);
	bool starts = mesh_initiator(k->mesh, k->self, node) == k->self;
	struct kernel_peer_change change = { .key = keeper_who(k, node)->key };
	struct addr to = keeper_who(k, node)->endpoint.addr;
	uint16_t port = mesh_direct_port(k->mesh, keeper_who(k, node)),
		 keepalive = starts ? STATE_KEEPALIVE_S : 0;
	struct prefix *want;
	size_t n, missing = 0;
	int rc = 0;

	scene_wanted(&k->book, node, &want, &n);
	for (size_t i = 0; i < n; i++) {
		if (!own || !scene_among(own->allowed, own->n_allowed, &want[i]))
			want[missing++] = want[i];
	}
	change.allowed = want;
	change.n_allowed = missing;
	if (hint && hint->family && policy_takes_hint(k->mesh, k->self, node)) {
		to.family = hint->family;
		memcpy(to.b, hint->addr, sizeof(to.b));
		port = hint->port;
	}
	/* The kernel follows a peer that moves; a live session knows best where it is.
	 */
	if (starts && to.family &&
	    (!own || !own->endpoint.family ||
		(!state_alive(own, k->state.now) &&
		    !(addr_equal(&own->endpoint, &to) && own->port == port)))) {
		change.endpoint = to;
		change.port = port;
	}
	change.set_keepalive = !own || own->keepalive_s != keepalive;
	change.keepalive_s = keepalive;
	if (!own || missing || change.endpoint.family || change.set_keepalive) {
		rc = kernel_peer_set(k->opts.kernel, &change);
		if (rc < 0)
			(void)keeper_failed(k, node, rc, "setting its peer", err);
		else if (change.endpoint.family)
			k->seen[node].endpoint.family = 0; /* we have moved it */
	}
	free(want);
	return rc;
}

int
keeper_peer_check(struct keeper *k, uint32_t node, struct err *err)
{
	const struct kernel_peer *own;
	int rc = keeper_look(k, err);

	if (rc < 0)
		return rc;
	own = state_peer(&k->state, &keeper_who(k, node)->key);
	if (own && scene_right(&k->book, k->self, node, own))
		return 0;
	return err_code(err, EUCLEAN, "%s: the kernel does not show its peer as set",
	    keeper_who(k, node)->name);
}

/*
 * The node's prefixes back from a relay's peer; 6.1 cannot merely take them away.
 * without: it has no peer of its own, and gets none.
 */
static int
give_back(struct keeper *k, uint32_t node, bool without)
{
	struct kernel_peer_change change = { .key = keeper_who(k, node)->key,
		.allowed = keeper_who(k, node)->prefixes,
		.n_allowed = keeper_who(k, node)->n_prefixes };
	int rc = kernel_peer_set(k->opts.kernel, &change);

	if (rc == 0 && without)
		rc = kernel_peer_remove(k->opts.kernel, &change.key);
	return rc;
}

/* As the book has it again; without: it had no peer of its own. */
static int
undo_stage(struct keeper *k, const struct netd_request *req, bool without)
{
	uint32_t via = k->book.node[req->node].via;
	struct err ignored;
	int rc = 0;

	if (req->verb == NETD_STAGE && without)
		rc = kernel_peer_remove(k->opts.kernel, &keeper_who(k, req->node)->key);
	if (rc == 0 && via != NETD_NONE)
		rc = keeper_peer_complete(k, via, NULL, &ignored);
	else if (req->verb == NETD_STAGE_RELAY)
		rc = give_back(k, req->node, without);
	/* Without an interface there is nothing to undo. */
	return rc == -ENODEV ? 0 : rc;
}

static int
claim(struct keeper *k, uint32_t node, struct err *err)
{
	int rc = k->mesh->in_place
		     ? kernel_claim(k->opts.kernel, &keeper_who(k, node)->key)
		     : 0;

	return rc < 0 ? keeper_failed(k, node, rc, "claiming its peer", err) : 0;
}

int
keeper_stage(struct keeper *k, const struct netd_request *req, struct err *err)
{
	uint32_t node = req->node, to = req->via == NETD_NONE ? node : req->via;
	bool without = !state_peer(&k->state, &keeper_who(k, node)->key);
	struct book_node *b = &k->book.node[node], before;
	struct err ignored;
	int rc;

	/* What was begun and failed is ended first: it must not be forgotten. */
	if (b->doing == NETD_WITHDRAW) {
		rc = keeper_withdraw(k, node, err);
		if (rc < 0)
			return rc;
	}
	before = *b;
	b->via = req->via;
	b->given = scene_given(&k->book, k->self, node);
	rc = keeper_peer_taken(k, to, err);
	if (rc == 0)
		rc = claim(k, to, err);
	if (rc == 0)
		rc = keeper_begin(k, node, req->verb, err);
	if (rc < 0) {
		*b = before;
		return rc;
	}
	rc = keeper_interface(k, err);
	if (rc == 0)
		rc = keeper_former_remove(k, to, err);
	if (rc == 0)
		rc = keeper_peer_complete(k, to, req, err);
	if (rc == 0)
		rc = keeper_peer_check(k, to, err);
	if (rc == 0) {
		b->peer |= to == node;
		b->foreign[0] = '\0';
		keeper_end(k, node, b->stage > BOOK_STAGED ? b->stage : BOOK_STAGED);
		keeper_regive(k, before.via);
		keeper_regive(k, req->via);
		return 0;
	}
	*b = before;
	if (undo_stage(k, req, without) < 0)
		rc = -ENOTRECOVERABLE;
	keeper_end(k, node, before.stage);
	if (keeper_look(k, &ignored) == 0)
		keeper_settle(k, node);
	return rc;
}

int
keeper_unstage(struct keeper *k, uint32_t node, uint32_t via, struct err *err)
{
	struct book_node *b = &k->book.node[node];
	struct err ignored;
	struct scene_node s;
	int rc;

	scene_node(&k->scene, node, &s);
	if (via == NETD_NONE ? !s.own : b->via != via)
		return 0;
	rc = keeper_begin(k, node, NETD_UNSTAGE, err);
	if (rc < 0)
		return rc;
	rc = via == NETD_NONE
		 ? kernel_peer_remove(k->opts.kernel, &keeper_who(k, node)->key)
		 : give_back(k, node, !s.own);
	if (rc < 0) {
		(void)keeper_failed(k, node, rc, "removing its peer", err);
		/* It may be half done: the book takes what there is. */
		if (keeper_look(k, &ignored) == 0)
			keeper_settle(k, node);
		return rc;
	}
	if (via == NETD_NONE) {
		b->peer = b->reflects = false;
		kernel_disclaim(k->opts.kernel, &keeper_who(k, node)->key);
	} else {
		b->via = NETD_NONE;
		b->given = scene_given(&k->book, k->self, node);
	}
	rc = keeper_look(k, err);
	scene_node(&k->scene, node, &s);
	if (rc == 0 && (via == NETD_NONE ? s.own != NULL : s.holder == via))
		rc = err_code(err, EUCLEAN, "%s: its peer is still there",
		    keeper_who(k, node)->name);
	keeper_end(k, node, b->peer || b->via != NETD_NONE ? BOOK_STAGED : BOOK_HUB);
	keeper_regive(k, via);
	return rc;
}

/* Where it is by the hub interface, since the mesh file may have a name for it. */
static struct addr
hub_address(const struct keeper *k)
{
	const struct mesh_node *who = keeper_who(k, (uint32_t)k->mesh->hub);
	const struct kernel_device *dev = k->state.hub;

	for (size_t p = 0; p < dev->n_peers && !who->endpoint.addr.family; p++) {
		if (wgkey_compare(&dev->peers[p].key, &who->key) == 0)
			return dev->peers[p].endpoint;
	}
	return who->endpoint.addr;
}

/* May it be made, or made anew once after somebody took it away? */
static int
may_reflect(struct keeper *k, uint32_t node, bool there, struct err *err)
{
	struct book_node *b = &k->book.node[node];

	if (!there && b->reflects && !b->flags) {
		(void)keeper_may_assert(k, node,
		    "its reflector was removed twice in ten minutes");
		(void)keeper_note(k, node, b->doing); /* else it is found again */
	}
	return b->flags ? err_code(err, ECANCELED, "%s: frozen: %s",
			      keeper_who(k, node)->name, b->foreign)
			: 0;
}

int
keeper_reflect(struct keeper *k, uint32_t node, struct err *err)
{
	struct kernel_peer_change change = { .key = keeper_who(k, node)->key };
	const struct kernel_peer *own = state_peer(&k->state, &change.key);
	int rc;

	if (own && own->n_allowed)
		return err_code(err, EACCES, "%s: its peer has prefixes: wg show %s",
		    keeper_who(k, node)->name, k->mesh->direct_interface);
	rc = may_reflect(k, node, own != NULL, err);
	if (rc < 0)
		return rc;
	/* The one behind NAT starts, and keeps its NAT open. */
	if (node == k->mesh->hub) {
		struct addr to = hub_address(k);

		change.set_keepalive = !own;
		change.keepalive_s = STATE_KEEPALIVE_S;
		change.port = k->mesh->direct_port;
		/* Not known before, or it has moved away from us. */
		if (!own || !own->endpoint.family ||
		    (!state_alive(own, k->state.now) &&
			!addr_equal(&own->endpoint, &to)))
			change.endpoint = to;
	}
	k->book.node[node].reflects |= own != NULL;
	if (own && !change.endpoint.family)
		return 0;
	rc = keeper_interface(k, err);
	if (rc < 0)
		return rc;
	rc = kernel_peer_set(k->opts.kernel, &change);
	if (rc < 0)
		return keeper_failed(k, node, rc, "setting its peer", err);
	rc = keeper_look(k, err);
	if (rc == 0 && !state_peer(&k->state, &change.key))
		rc = err_code(err, EUCLEAN,
		    "%s: the kernel does not show its peer as set",
		    keeper_who(k, node)->name);
	k->book.node[node].reflects |= rc == 0;
	return rc;
}
