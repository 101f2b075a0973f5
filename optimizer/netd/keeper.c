/* SPDX-License-Identifier: MIT */
/*
 * Requests and answers.
 */
#include "optimizer/netd/keeper_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/apply/preflight.h"

static const struct policy_limit default_limit = { 2, 600 * NS_PER_S };

/* Each direct peer once: a lease runs out by itself, and the roster allows its path. */
static const struct policy_limit urgent_limit = { NETD_DIRECT_MAX, 600 * NS_PER_S };

static int
rewrite(struct keeper *k)
{
	uint8_t(*payload)[JOURNAL_PAYLOAD] =
	    mem_array(k->mesh->n_nodes + 1, sizeof(*payload));
	struct book_now now = { k->now.mono, k->now.wall };
	size_t n = 0;
	int rc;

	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		if (book_tells(&k->book.node[i]))
			book_pack(&k->book, i, now, payload[n++]);
	}
	rc = journal_rewrite(k->journal, (const uint8_t(*)[JOURNAL_PAYLOAD])payload, n);
	free(payload);
	return rc;
}

int
keeper_note(struct keeper *k, uint32_t node, unsigned doing)
{
	uint8_t payload[JOURNAL_PAYLOAD];
	int rc = 0;

	k->book.node[node].doing = doing;
	if (!k->journal)
		return 0;
	book_pack(&k->book, node, (struct book_now){ k->now.mono, k->now.wall },
	    payload);
	/* Of what could not be written the last record may say what is no more. */
	if (k->journal_rc || journal_wants_rewrite(k->journal))
		rc = rewrite(k);
	if (rc == 0)
		rc = journal_append(k->journal, payload);
	k->journal_rc = rc;
	return rc;
}

static void
first_fault(const char *fault, void *ctx)
{
	struct err *err = ctx;

	if (!err->text[0])
		(void)err_set(err, "%s", fault);
}

int
keeper_preflight(struct keeper *k, uint32_t node, struct err *err)
{
	struct err fault = { 0 };
	const struct preflight p = { k->mesh, k->self, &k->state, first_fault, &fault };

	if (preflight_host(&p, true) == 0 &&
	    (node == NETD_NONE || preflight_pair(&p, node, true) == 0))
		return 0;
	return err_code(err, ENETDOWN, "%s", fault.text);
}

static void
load_cb(const uint8_t payload[JOURNAL_PAYLOAD], void *ctx)
{
	struct keeper *k = ctx;

	/* A node that is no more is nobody's concern; a strange record says nothing. */
	(void)book_unpack(&k->book, payload,
	    (struct book_now){ k->now.mono, k->now.wall });
}

int
keeper_open(const struct keeper_opts *opts, struct keeper_now now, struct keeper **out,
    struct err *err)
{
	struct keeper *k = mem_alloc(sizeof(*k));
	int rc;

	*out = NULL;
	k->opts = *opts;
	k->now = now;
	k->mesh = opts->mesh;
	k->self = opts->self;
	k->roster_at = now.mono;
	k->limit[BOOK_CHANGES] = opts->limit.burst ? opts->limit : default_limit;
	k->limit[BOOK_URGENT] = urgent_limit;
	k->seen = mem_array(k->mesh->n_nodes, sizeof(*k->seen));
	book_init(&k->book, k->mesh, opts->boot);
	rc = opts->journal
		 ? journal_open(opts->journal, opts->io, load_cb, k, &k->journal, err)
		 : 0;
	keeper_place_open(k);
	if (rc == 0)
		rc = keeper_look(k, err);
	if (rc < 0) {
		keeper_close(k);
		return rc;
	}
	k->damaged = k->journal && journal_damaged(k->journal);
	if (k->damaged)
		(void)err_set(&k->words,
		    "%s: damaged, and set aside as .bad: going on from the kernel",
		    opts->journal);
	keeper_converge(k);
	*out = k;
	return 0;
}

void
keeper_close(struct keeper *k)
{
	if (!k)
		return;
	scene_fini(&k->scene);
	state_fini(&k->state);
	journal_close(k->journal);
	book_fini(&k->book);
	free(k->seen);
	mesh_free(k->mesh);
	free(k);
}

void
keeper_leave(struct keeper *k, struct keeper_now now)
{
	struct err ignored;

	k->now = now;
	if (k->mesh->in_place && keeper_look(k, &ignored) == 0)
		keeper_place_expire(k, true);
}

struct mono
keeper_wake(const struct keeper *k)
{
	struct mono t = { INT64_MAX };

	for (size_t i = 0; k->mesh->in_place && i < k->mesh->n_nodes; i++) {
		if (k->book.node[i].stage == BOOK_LEASED &&
		    k->book.node[i].lease_until.ns < t.ns)
			t = k->book.node[i].lease_until;
	}
	return t;
}

const unsigned *
keeper_ifindex(const struct keeper *k)
{
	return k->ifindex;
}

const char *
keeper_words(const struct keeper *k)
{
	return k->words.text;
}

/* --- requests --- */

static int
state(struct keeper *k, uint32_t id, struct err *err)
{
	int rc = keeper_look(k, err);

	for (uint32_t i = 0; i < k->mesh->n_nodes && rc == 0; i++) {
		if (i != k->self)
			keeper_tell_node(k, id, i);
	}
	if (rc == 0)
		keeper_tell_self(k, id);
	return rc;
}

/* The mesh file has changed. */
static int
reload(struct keeper *k, struct err *err)
{
	struct mesh *mesh;
	struct book book;
	size_t self;

	mesh = k->opts.load(&self, err, k->opts.ctx);
	if (!mesh)
		return -ESTALE;
	/* The handle of the kernel is for one interface, and is not exchanged. */
	if (strcmp(mesh->direct_interface, k->mesh->direct_interface) != 0) {
		mesh_free(mesh);
		return err_code(err, ESTALE,
		    "the direct interface is another now: meshopt panic, then restart "
		    "meshopt-agent");
	}
	if (netd_roster_hash(mesh) != netd_roster_hash(k->mesh))
		k->roster_at = k->now.mono;
	keeper_reflectors_drop(k, mesh);
	book_init(&book, mesh, k->book.boot);
	book_carry(&book, &k->book);
	scene_fini(&k->scene);
	book_fini(&k->book);
	mesh_free(k->mesh);
	k->book = book;
	k->mesh = mesh;
	k->self = self;
	free(k->seen);
	k->seen = mem_array(mesh->n_nodes, sizeof(*k->seen));
	keeper_place_open(k);
	return 0;
}

static int
hello(struct keeper *k, const struct netd_request *req, struct err *err)
{
	int rc = 0;

	if (req->hash != netd_roster_hash(k->mesh))
		rc = reload(k, err);
	/* Nothing is made before all is gone that the file does not give. */
	if (rc == 0)
		rc = keeper_look(k, err);
	if (rc == 0)
		rc = keeper_follow(k, err);
	k->greeted = rc == 0 && req->hash == netd_roster_hash(k->mesh);
	if (rc == 0 && !k->greeted)
		rc = err_code(err, ESTALE, "this is not the mesh file that netd reads");
	return rc;
}

static struct policy_verdict
judge(struct keeper *k, const struct netd_request *req, struct err *err)
{
	struct policy_facts f = { .mesh = k->mesh,
		.self = k->self,
		.book = &k->book,
		.now = k->now.mono,
		.greeted = k->greeted,
		.freeze = k->now.freeze,
		.journal = k->journal_rc,
		.n_peers = k->state.direct ? k->state.direct->n_peers : 0,
		.handshake_age_ns = -1,
		.quiet_ns = INT64_MAX };
	uint32_t carrier = req->via == NETD_NONE ? req->node : req->via;

	memcpy(f.limit, k->limit, sizeof(f.limit));
	if (req->node < k->mesh->n_nodes) {
		scene_node(&k->scene, req->node, &f.node);
		if (k->seen[req->node].known && f.node.own)
			f.quiet_ns = mono_diff(k->now.mono, k->seen[req->node].busy);
	}
	if (carrier < k->mesh->n_nodes) {
		scene_node(&k->scene, carrier, &f.via);
		f.via_right = f.via.own && k->book.node[carrier].peer &&
			      scene_right(&k->book, k->self, carrier, f.via.own);
		if (f.via.own && k->seen[carrier].handshake.ns)
			f.handshake_age_ns =
			    mono_diff(k->now.mono, k->seen[carrier].alive);
	}
	return policy_judge(&f, req, err);
}

static void
adopt(struct keeper *k, uint32_t node)
{
	struct book_node *b = &k->book.node[node];

	b->flags = 0;
	b->foreign[0] = '\0';
	b->reflects = false;
	b->adopted = k->now.mono;
	keeper_settle(k, node);
}

static int
adopt_all(struct keeper *k, struct netd_request req, struct err *err)
{
	int rc = 0;

	for (req.node = 0; req.node < k->mesh->n_nodes; req.node++) {
		struct policy_verdict v;

		if (!k->book.node[req.node].flags)
			continue;
		v = judge(k, &req, err);
		if (v.rc == 0)
			adopt(k, req.node);
		else
			rc = v.rc;
	}
	return rc;
}

static int
change(struct keeper *k, const struct netd_request *req, struct err *err)
{
	struct policy_verdict v;
	int rc;

	v = judge(k, req, err);
	if (v.rc < 0)
		return v.rc;
	if (req->verb == NETD_STAGE || req->verb == NETD_STAGE_RELAY ||
	    req->verb == NETD_LEASE || req->verb == NETD_REFLECT) {
		/* A reflector has no prefix: only the machine is looked at. */
		rc = keeper_preflight(k,
		    req->verb == NETD_REFLECT ? NETD_NONE : req->node, err);
		if (rc < 0)
			return rc;
	}
	if (v.charge)
		k->book.full[v.bucket] = policy_take(k->book.full[v.bucket],
		    k->now.mono, k->limit[v.bucket]);
	if (req->verb == NETD_LEASE && v.charge)
		k->book.node[req->node].urgent = v.bucket == BOOK_URGENT;
	switch (req->verb) {
	case NETD_STAGE:
	case NETD_STAGE_RELAY:
		return keeper_stage(k, req, err);
	case NETD_LEASE:
		return keeper_lease(k, req->node, req->seconds, err);
	case NETD_COMMIT:
		return keeper_commit(k, req->node, err);
	case NETD_UNSTAGE:
		return keeper_unstage(k, req->node, req->via, err);
	case NETD_REFLECT:
		return keeper_reflect(k, req->node, err);
	default:
		adopt(k, req->node);
		return 0;
	}
}

static int
serve(struct keeper *k, const struct netd_request *req, struct err *err)
{
	int rc;

	switch (req->verb) {
	case NETD_HELLO:
		return hello(k, req, err);
	case NETD_STATE:
		return k->greeted ? state(k, req->id, err)
				  : err_code(err, ESTALE, "no hello yet");
	case NETD_PANIC:
		return keeper_panic(k, err);
	case NETD_WITHDRAW:
		if (req->node >= k->mesh->n_nodes)
			return err_set(err, "node %u: the mesh file has %zu", req->node,
			    k->mesh->n_nodes);
		return keeper_withdraw(k, req->node, err);
	}
	rc = keeper_look(k, err);
	if (rc < 0)
		return rc;
	(void)keeper_gone(k); /* a request may come before the news of it */
	if (req->verb == NETD_ADOPT && req->node == NETD_NONE)
		return adopt_all(k, *req, err);
	return change(k, req, err);
}

void
keeper_handle(struct keeper *k, const void *message, size_t len, struct keeper_now now)
{
	struct netd_request req = { 0 };
	struct err err = { 0 };
	int rc;

	k->now = now;
	rc = netd_request_check(message, len, &req);
	if (rc < 0)
		(void)err_set(&err, "not a request that netd knows");
	else
		rc = serve(k, &req, &err);
	keeper_tell_reply(k, req.id, rc, rc < 0 ? err.text : "");
}
