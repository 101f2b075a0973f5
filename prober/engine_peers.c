/* SPDX-License-Identifier: MIT */
/*
 * Whom to probe.  Peers are never removed, only no longer probed, so that the number of
 * a row is good for as long as the process lives, across every reload.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "prober/engine_core.h"

void
engine_peers_route(struct engine *e, struct peer *peer)
{
	unsigned ifindex = 0;
	bool direct;

	if (e->in_place) {
		/* As answers have told, while there may be a tunnel. */
		direct = peer->direct && peer->aims[TARGET_TUNNEL].live;
	} else {
		int rc =
		    fib_lookup(e->opts.fib, &peer->aims[TARGET_OVERLAY].addr, &ifindex);

		/* No route counts as the hub's: that is where packets would go. */
		direct = rc == 0 && e->direct && ifindex == e->direct;
	}
	if (direct != peer->direct)
		log_debug("%s: its overlay address is now routed %s", peer->name,
		    direct ? "direct" : "by the hub");
	peer->direct = direct;
}

void
engine_peers_route_all(struct engine *e)
{
	/* It may come, go and come back under another index while we run. */
	e->direct = if_nametoindex(e->direct_name);
	for (uint32_t i = 0; i < e->n_peers; i++)
		if (e->peers[i].aims[TARGET_OVERLAY].live)
			engine_peers_route(e, &e->peers[i]);
}

/* Where a name is in the index, or would be. */
static uint32_t *
index_slot(const struct engine *e, const char *name)
{
	uint32_t i = (uint32_t)pace_key("", name, 0) & (e->index_cap - 1);

	while (e->index[i] && strcmp(e->peers[e->index[i] - 1].name, name) != 0)
		i = (i + 1) & (e->index_cap - 1);
	return &e->index[i];
}

static void
grow_index(struct engine *e)
{
	free(e->index);
	e->index_cap = e->index_cap ? e->index_cap * 2 : 64;
	e->index = mem_array(e->index_cap, sizeof(*e->index));
	for (uint32_t i = 0; i < e->n_peers; i++)
		*index_slot(e, e->peers[i].name) = i + 1;
}

static uint32_t
find_peer(struct engine *e, const char name[MESH_NAME_MAX])
{
	uint32_t *slot;

	if (e->index_cap <= 2 * e->n_peers)
		grow_index(e);
	slot = index_slot(e, name);
	if (*slot)
		return *slot - 1;
	if ((e->n_peers & (e->n_peers - 1)) == 0) /* doubles */
		e->peers = mem_grow(e->peers, e->n_peers ? 2 * e->n_peers : 1,
		    sizeof(*e->peers));
	e->peers[e->n_peers] = (struct peer){ 0 };
	memcpy(e->peers[e->n_peers].name, name, MESH_NAME_MAX);
	*slot = ++e->n_peers;
	return e->n_peers - 1;
}

uint32_t
engine_peers_find(const struct engine *e, const char *name)
{
	return *index_slot(e, name) - 1;
}

static void
want(struct engine *e, uint32_t number, const struct target *t)
{
	struct aim *aim = &e->peers[number].aims[t->kind];

	if (!addr_equal(&aim->addr, &t->addr)) {
		aim->warm = aim->stamp_warm = false;
		aim->silent = ENGINE_SILENT_MAX;
	}
	aim->addr = t->addr;
	aim->method = t->method;
	aim->dscp = t->dscp;
	aim->live = true;
}

/* Bring the pace into line with what is wanted; was: what it has now. */
static void
repace(struct engine *e, const bool *was, uint32_t n_was, struct mono now)
{
	for (uint32_t id = 0; id < e->n_peers * TARGET_KINDS; id++) {
		struct peer *peer = &e->peers[id / TARGET_KINDS];
		struct aim *aim = &peer->aims[id % TARGET_KINDS];
		bool had = id < n_was && was[id];

		if (aim->live && !had) {
			pace_add(e->pace, id,
			    pace_key(e->self, peer->name, id % TARGET_KINDS), now);
			engine_mtu_add(e, id, now);
		}
		if (!aim->live && had) {
			pace_remove(e->pace, id);
			engine_mtu_remove(e, id);
			aim->warm = aim->stamp_warm = false;
		}
	}
}

void
engine_peers_load(struct engine *e, const struct engine_roster *roster, struct mono now)
{
	uint32_t n_was = e->n_peers * TARGET_KINDS;
	bool *was = mem_array(n_was, sizeof(*was));

	for (uint32_t id = 0; id < n_was; id++) {
		struct aim *aim = &e->peers[id / TARGET_KINDS].aims[id % TARGET_KINDS];

		was[id] = aim->live;
		aim->live = false;
	}
	memcpy(e->self, roster->mesh->nodes[roster->self].name, sizeof(e->self));
	memcpy(e->direct_name, roster->mesh->direct_interface, sizeof(e->direct_name));
	e->in_place = roster->mesh->in_place;
	for (size_t i = 0; i < roster->n_targets; i++) {
		const struct target *t = &roster->targets[i];

		if (t->addr.family)
			want(e, find_peer(e, roster->mesh->nodes[t->node].name), t);
	}
	repace(e, was, n_was, now);
	free(was);
	engine_peers_route_all(e);
}
