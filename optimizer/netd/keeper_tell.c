/* SPDX-License-Identifier: MIT */
/*
 * What netd answers: records of what the kernel has, and the reply.
 */
#include "optimizer/netd/keeper_core.h"

#include <string.h>

#include "optimizer/apply/preflight.h"

/* Cut at the end of the field, which is zero already. */
static void
copy(char *to, size_t size, const char *text)
{
	memcpy(to, text, strnlen(text, size - 1));
}

static void
send_answer(struct keeper *k, const union netd_answer *a)
{
	k->opts.send(a, netd_answer_size(a->head.kind), k->opts.ctx);
}

static int64_t
age_ms(const struct keeper *k, const struct keeper_seen *s)
{
	if (!s->known || s->handshake.ns == 0)
		return -1;
	return mono_diff(k->now.mono, s->alive) / NS_PER_MS;
}

void
keeper_tell_node(struct keeper *k, uint32_t id, uint32_t node)
{
	const struct book_node *b = &k->book.node[node];
	struct scene_node s;
	union netd_answer a;

	scene_node(&k->scene, node, &s);
	if (!s.own && s.path == NETD_HUB && s.holder == NETD_NONE && !b->flags &&
	    !b->foreign[0])
		return;
	netd_answer_init(&a, NETD_NODE, id);
	a.node.node = node;
	a.node.holder = s.holder;
	a.node.via = s.path != NETD_HUB && s.holder != node ? s.holder : NETD_NONE;
	a.node.lease_s = s.lease_s;
	a.node.path = (uint8_t)s.path;
	a.node.peer = !s.own					    ? NETD_ABSENT
		      : scene_right(&k->book, k->self, node, s.own) ? NETD_RIGHT
								    : NETD_DIFFERS;
	a.node.flags = (uint16_t)(b->flags | (s.partial ? NETD_PARTIAL : 0));
	a.node.handshake_age_ms = s.own ? age_ms(k, &k->seen[node]) : -1;
	if (s.own) {
		a.node.family = s.own->endpoint.family;
		memcpy(a.node.addr, s.own->endpoint.b, sizeof(a.node.addr));
		a.node.port = s.own->port;
		a.node.rx_bytes = s.own->rx_bytes;
		a.node.tx_bytes = s.own->tx_bytes;
	}
	copy(a.node.foreign, sizeof(a.node.foreign), b->foreign);
	send_answer(k, &a);
}

/* The first fault, into the field of the answer. */
static void
first_fault(const char *text, void *ctx)
{
	struct netd_self *self = ctx;

	if (!self->verdict[0])
		copy(self->verdict, sizeof(self->verdict), text);
}

/* Also what keeps nobody from a change that it may need. */
static void
tell_verdict(const struct keeper *k, struct netd_self *self)
{
	const struct preflight p = { k->mesh, k->self, &k->state, first_fault, self };

	if (preflight_host(&p, true) == 0 && preflight_clock(&p) == 0)
		(void)preflight_relay(&p); /* the last: nothing hangs on how many */
}

void
keeper_tell_self(struct keeper *k, uint32_t id)
{
	const struct keeper_seen *hub = &k->seen[k->mesh->hub];
	struct mono full = k->book.full[BOOK_CHANGES];
	struct policy_limit limit = k->limit[BOOK_CHANGES];
	union netd_answer a;

	netd_answer_init(&a, NETD_SELF, id);
	a.self.flags = (k->state.hub_link.up ? NETD_HUB_UP : 0) |
		       (k->state.direct ? NETD_DIRECT_MADE : 0) |
		       (k->state.direct_link.up ? NETD_DIRECT_UP : 0) |
		       (k->now.freeze ? NETD_FREEZE_FILE : 0) |
		       (k->journal_rc ? NETD_READ_ONLY : 0) |
		       (k->damaged ? NETD_RESTARTED : 0);
	a.self.hash = netd_roster_hash(k->mesh);
	a.self.hub_handshake_age_ms = age_ms(k, hub);
	for (size_t p = 0; k->state.hub && p < k->state.hub->n_peers; p++) {
		const struct kernel_peer *peer = &k->state.hub->peers[p];

		if (wgkey_compare(&peer->key, &k->mesh->nodes[k->mesh->hub].key) == 0) {
			a.self.hub_rx_bytes = peer->rx_bytes;
			a.self.hub_tx_bytes = peer->tx_bytes;
		}
	}
	a.self.changes = kernel_changes(k->opts.kernel);
	a.self.n_peers = k->state.direct ? (uint32_t)k->state.direct->n_peers : 0;
	a.self.n_routes = (uint32_t)k->scene.n_ours;
	a.self.tokens = policy_tokens(full, k->now.mono, limit);
	a.self.next_s =
	    (uint32_t)((policy_next_ns(full, k->now.mono, limit) + NS_PER_S - 1) /
		       NS_PER_S);
	tell_verdict(k, &a.self);
	send_answer(k, &a);
}

void
keeper_tell_reply(struct keeper *k, uint32_t id, int rc, const char *text)
{
	union netd_answer a;

	netd_answer_init(&a, NETD_REPLY, id);
	a.reply.error = rc;
	copy(a.reply.text, sizeof(a.reply.text), text);
	send_answer(k, &a);
}
