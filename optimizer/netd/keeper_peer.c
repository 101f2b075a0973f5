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
#include "optimizer/apply/steps.h"

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

int
keeper_interface(struct keeper *k, uint32_t node, bool make, struct err *err)
{
	struct goal goal = { .peer = node, .direct = true };
	struct goals goals = { .mesh = k->mesh,
		.self = k->self,
		.goal = &goal,
		.n = 1 };
	struct kernel *kernel = k->opts.kernel;
	char text[STEPS_TEXT_MAX];
	struct steps steps;
	int rc = 0;

	steps_make(&goals, &k->state, &steps);
	for (size_t i = 0; i < steps.n && rc == 0; i++) {
		const struct step *step = &steps.step[i];

		if (step->kind == STEP_LINK && make)
			rc = kernel_link_add(kernel, step->mtu);
		else if (step->kind == STEP_KEY && make)
			rc = kernel_key_copy(kernel, k->mesh->interface,
			    k->mesh->direct_port);
		else if (step->kind == STEP_UP && make)
			rc = kernel_link_up(kernel);
		else if (step->kind == STEP_ADDR && k->self != k->mesh->hub)
			rc = kernel_addr_add(kernel, &step->prefix);
		if (rc < 0) {
			steps_text(&goals, step, text);
			(void)err_code(err, -rc, "%.300s: %s", text, strerror(-rc));
		}
	}
	steps_fini(&steps);
	return rc;
}

/* Who holds one of these prefixes, that neither `node` nor the book's relay should? */
static int
check_taken(struct keeper *k, uint32_t node, const struct prefix *want, size_t n,
    struct err *err)
{
	const struct kernel_device *dev = k->state.direct;
	char text[PREFIX_TEXT_MAX];

	for (size_t p = 0; dev && p < dev->n_peers; p++) {
		const struct kernel_peer *peer = &dev->peers[p];
		bool own = k->scene.owner[p] == node;

		for (size_t i = 0; i < peer->n_allowed; i++) {
			bool among = scene_among(want, n, &peer->allowed[i]);

			/* A prefix of a peer that we made may move; others' may not. */
			if (own == among || (!own && k->scene.owner[p] != NETD_NONE &&
						k->book.node[k->scene.owner[p]].peer))
				continue;
			prefix_format(&peer->allowed[i], text);
			return err_code(err, EACCES,
			    "%s: %s on %s is not as the mesh file has it: %s: wg show "
			    "%s",
			    keeper_who(k, node)->name,
			    own ? "its peer" : "another peer",
			    k->mesh->direct_interface, text, k->mesh->direct_interface);
		}
	}
	return 0;
}

/* One message with what this peer lacks by the book; none if it lacks nothing. */
static int
complete_peer(struct keeper *k, uint32_t node, const struct netd_request *hint,
    struct err *err)
{
	const struct kernel_peer *own =
	    state_peer(&k->state, &keeper_who(k, node)->key);
	bool starts = mesh_initiator(k->mesh, k->self, node) == k->self;
	struct kernel_peer_change change = { .key = keeper_who(k, node)->key };
	struct addr to = keeper_who(k, node)->endpoint.addr;
	uint16_t port = k->mesh->direct_port,
		 keepalive = starts ? STEPS_KEEPALIVE_S : 0;
	struct prefix *want;
	size_t n, missing = 0;
	int rc;

	scene_wanted(&k->book, node, &want, &n);
	rc = check_taken(k, node, want, n, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
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
		(!steps_alive(own, k->state.now) &&
		    !(addr_equal(&own->endpoint, &to) && own->port == port)))) {
		change.endpoint = to;
		change.port = port;
	}
	change.set_keepalive = !own || own->keepalive_s != keepalive;
	change.keepalive_s = keepalive;
	if (rc == 0 &&
	    (!own || missing || change.endpoint.family || change.set_keepalive)) {
		rc = kernel_peer_set(k->opts.kernel, &change);
		if (rc < 0)
			(void)keeper_failed(k, node, rc, "setting its peer", err);
	}
	free(want);
	return rc;
}

/* Does the kernel show this peer as the book has it? */
static int
check_peer(struct keeper *k, uint32_t node, struct err *err)
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

/* The node's prefixes back from a relay's peer; 6.1 cannot merely take them away. */
static int
give_back(struct keeper *k, uint32_t node)
{
	struct kernel_peer_change change = { .key = keeper_who(k, node)->key,
		.allowed = keeper_who(k, node)->prefixes,
		.n_allowed = keeper_who(k, node)->n_prefixes };
	int rc = kernel_peer_set(k->opts.kernel, &change);

	if (rc == 0 && !k->book.node[node].peer)
		rc = kernel_peer_remove(k->opts.kernel, &change.key);
	return rc;
}

int
keeper_stage(struct keeper *k, const struct netd_request *req, struct err *err)
{
	struct book_node *b = &k->book.node[req->node];
	struct book_node before = *b;
	bool fresh = !state_peer(&k->state, &keeper_who(k, req->node)->key);
	enum book_stage stage = b->stage > BOOK_STAGED ? b->stage : BOOK_STAGED;
	struct err ignored;
	int rc;

	b->via = NETD_NONE;
	rc = keeper_begin(k, req->node, NETD_STAGE, err);
	if (rc < 0) {
		*b = before;
		return rc;
	}
	rc = keeper_interface(k, req->node, true, err);
	if (rc == 0)
		rc = complete_peer(k, req->node, req, err);
	if (rc == 0)
		rc = check_peer(k, req->node, err);
	if (rc == 0) {
		b->peer = true;
		b->foreign[0] = '\0';
		keeper_end(k, req->node, stage);
		return 0;
	}
	if (fresh &&
	    kernel_peer_remove(k->opts.kernel, &keeper_who(k, req->node)->key) < 0)
		rc = rc == -EUCLEAN ? -ENOTRECOVERABLE : rc;
	*b = before;
	if (b->via != NETD_NONE)
		(void)complete_peer(k, b->via, NULL, &ignored); /* what it had before */
	keeper_end(k, req->node, before.stage);
	return rc;
}

int
keeper_stage_relay(struct keeper *k, uint32_t node, uint32_t via, struct err *err)
{
	struct book_node *b = &k->book.node[node];
	struct book_node before = *b;
	enum book_stage stage = b->stage > BOOK_STAGED ? b->stage : BOOK_STAGED;
	struct err ignored;
	int rc;

	if (b->via == via && b->stage >= BOOK_STAGED) /* judged: the peer is right */
		return 0;
	b->via = via;
	rc = keeper_begin(k, node, NETD_STAGE_RELAY, err);
	if (rc < 0) {
		*b = before;
		return rc;
	}
	rc = complete_peer(k, via, NULL, err);
	if (rc == 0)
		rc = check_peer(k, via, err);
	if (rc == 0) {
		b->foreign[0] = '\0';
		keeper_end(k, node, stage);
		return 0;
	}
	*b = before;
	if (give_back(k, node) < 0)
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
		 : give_back(k, node);
	if (rc < 0) {
		(void)keeper_failed(k, node, rc, "removing its peer", err);
		/* It may be half done: the book takes what there is. */
		if (keeper_look(k, &ignored) == 0)
			keeper_settle(k, node);
		return rc;
	}
	if (via == NETD_NONE)
		b->peer = false;
	else
		b->via = NETD_NONE;
	rc = keeper_look(k, err);
	scene_node(&k->scene, node, &s);
	if (rc == 0 && (via == NETD_NONE ? s.own != NULL : s.holder == via))
		rc = err_code(err, EUCLEAN, "%s: its peer is still there",
		    keeper_who(k, node)->name);
	keeper_end(k, node, b->peer || b->via != NETD_NONE ? BOOK_STAGED : BOOK_HUB);
	return rc;
}

/* The hub as its own interface reaches it, since the mesh file may have a name. */
static void
hub_endpoint(const struct keeper *k, struct kernel_peer_change *change)
{
	const struct kernel_device *dev = k->state.hub;

	change->port = k->mesh->direct_port;
	change->endpoint = keeper_who(k, (uint32_t)k->mesh->hub)->endpoint.addr;
	for (size_t p = 0; dev && p < dev->n_peers && !change->endpoint.family; p++) {
		if (wgkey_compare(&dev->peers[p].key, &change->key) == 0)
			change->endpoint = dev->peers[p].endpoint;
	}
}

int
keeper_reflect(struct keeper *k, uint32_t node, struct err *err)
{
	struct kernel_peer_change change = { .key = keeper_who(k, node)->key };
	const struct kernel_peer *own = state_peer(&k->state, &change.key);
	int rc;

	if (own && own->n_allowed)
		return err_code(err, EACCES,
		    "%s: its peer on %s has prefixes: wg show %s",
		    keeper_who(k, node)->name, k->mesh->direct_interface,
		    k->mesh->direct_interface);
	if (own)
		return 0;
	/* The one behind NAT starts, and keeps its NAT open. */
	if (node == k->mesh->hub) {
		hub_endpoint(k, &change);
		change.set_keepalive = true;
		change.keepalive_s = STEPS_KEEPALIVE_S;
	}
	rc = keeper_interface(k, node, true, err);
	if (rc < 0)
		return rc;
	rc = kernel_peer_set(k->opts.kernel, &change);
	if (rc < 0)
		return keeper_failed(k, node, rc, "setting its peer", err);
	rc = keeper_look(k, err);
	own = state_peer(&k->state, &change.key);
	if (rc == 0 && (!own || own->n_allowed))
		rc = err_code(err, EUCLEAN,
		    "%s: the kernel does not show its peer as set",
		    keeper_who(k, node)->name);
	return rc;
}
