/* SPDX-License-Identifier: MIT */
/*
 * Which probes go out at this moment, and whose answers came.
 */
#include "optimizer/agent/core_state.h"

#include <assert.h>

#define BEAT_KINDS 3	      /* of probes on a beat */
#define UNSENT_SEQ UINT64_MAX /* of a probe that could not leave */

void
core_full_bytes(struct core *c, size_t payload)
{
	for (size_t i = 0; i < c->n; i++)
		c->ways[i].full_bytes = payload;
}

static bool
beats(const struct core *c, enum way_pace pace)
{
	return pace == WAY_FAST || (pace == WAY_SLOW && c->beat % CORE_SLOW == 0) ||
	       (pace == WAY_RARE && c->beat % CORE_RARE == 0);
}

/* Any tunnel that could take over, or that the hub may have to take over from? */
static enum way_pace
hub_pace(const struct core *c, struct mono now)
{
	for (size_t i = 0; i < c->n; i++) {
		struct way_view v = core_state_view(c, &c->ways[i], now);

		if (core_state_is_way(c, i) &&
		    (c->ways[i].seen.route || c->ways[i].proved) &&
		    way_pace(&c->ways[i], &v) != WAY_SILENT)
			return WAY_FAST;
	}
	return WAY_SLOW;
}

static bool
make(const struct core *c, size_t i, enum core_probe_kind kind, struct core_probe *out)
{
	const struct way *w = &c->ways[i];
	bool relay = w->seen.staged == WAY_BY_RELAY;
	/*
	 * In place the tunnel being alive says little: what counts is whether packets
	 * are taken, and they are while both ends have moved.
	 */
	bool as_data = w->in_place && w->seen.route && kind == CORE_LIVE;

	*out = (struct core_probe){ .slot = (uint32_t)(i * CORE_KINDS + kind),
		.node = i,
		.kind = kind,
		.link_local =
		    core_state_is_way(c, i) && !relay && !as_data && kind < CORE_ACCEPT,
		.pinned = core_state_is_way(c, i) && kind != CORE_FAR,
		.payload = kind == CORE_FULL ? w->full_bytes : PAIR_SMALL_BYTES };
	/* The same packet by IPv4 has 20 bytes more to carry. */
	if (kind == CORE_FULL && !out->link_local && w->by_overlay)
		out->payload += 20;
	return true;
}

static bool
is_due(const struct core *c, size_t i, enum core_probe_kind kind, struct mono now)
{
	const struct way *w = &c->ways[i];
	struct way_view v = core_state_view(c, w, now);

	if (kind == CORE_ACCEPT)
		return way_asks_acceptance(w, &v);
	if (kind == CORE_FAR)
		return beats(c, way_hub_pace(w, &v));
	return beats(c, way_pace(w, &v));
}

/* Those of the beat, node by node. */
static bool
probe_beat(struct core *c, struct core_probe *out, struct mono now)
{
	if (c->hub_due) {
		c->hub_due = false;
		if (c->opts.self != c->opts.mesh->hub && beats(c, hub_pace(c, now)))
			return make(c, c->opts.mesh->hub, CORE_LIVE, out);
	}
	while (c->cursor < BEAT_KINDS * c->n) {
		static const enum core_probe_kind kinds[BEAT_KINDS] = { CORE_LIVE,
			CORE_ACCEPT, CORE_FAR };
		size_t i = c->cursor / BEAT_KINDS;
		enum core_probe_kind kind = kinds[c->cursor++ % BEAT_KINDS];

		if (core_state_is_way(c, i) && is_due(c, i, kind, now))
			return make(c, i, kind, out);
	}
	c->beat_due = false;
	return false;
}

bool
core_probe(struct core *c, struct core_probe *out, struct mono now)
{
	if (c->beat_due && probe_beat(c, out, now))
		return true;
	for (size_t i = 0; i < c->n; i++) {
		enum pair_act act;

		if (!core_state_is_way(c, i) || !c->ways[i].testing)
			continue;
		act = pair_next(&c->ways[i].test, now);
		if (act == PAIR_PROBE_SMALL || act == PAIR_PROBE_FULL)
			return make(c, i,
			    act == PAIR_PROBE_FULL ? CORE_FULL : CORE_SMALL, out);
	}
	return false;
}

void
core_sent(struct core *c, const struct core_probe *probe, int rc, uint64_t seq,
    struct mono now)
{
	struct way *w = &c->ways[probe->node];

	if (rc == 0 && !c->has_sent) {
		c->has_sent = true;
		c->first_seq = seq;
	}
	switch (probe->kind) {
	case CORE_LIVE:
		live_sent(core_state_is_way(c, probe->node) ? &w->live : &c->hub,
		    rc < 0 ? UNSENT_SEQ : seq, now);
		break;
	case CORE_ACCEPT:
		live_sent(&w->accept, rc < 0 ? UNSENT_SEQ : seq, now);
		break;
	case CORE_SMALL:
	case CORE_FULL:
		pair_sent(&w->test, probe->kind == CORE_FULL ? PAIR_FULL : PAIR_SMALL,
		    rc, now);
		break;
	case CORE_FAR:
		live_sent(&w->hub.live, rc < 0 ? UNSENT_SEQ : seq, now);
		break;
	case CORE_KINDS:
		break;
	}
}

static bool
is_ours(const struct core *c, uint64_t seq)
{
	return c->has_sent && seq >= c->first_seq;
}

void
core_answer(struct core *c, uint32_t slot, uint64_t seq, int64_t rtt_us, bool by_hub)
{
	size_t i = slot / CORE_KINDS;
	struct way *w;

	if (!is_ours(c, seq))
		return;
	assert(i < c->n);
	w = &c->ways[i];
	switch ((enum core_probe_kind)(slot % CORE_KINDS)) {
	case CORE_LIVE:
		live_answered(core_state_is_way(c, i) ? &w->live : &c->hub, seq,
		    rtt_us);
		break;
	case CORE_ACCEPT:
		live_answered(&w->accept, seq, rtt_us);
		break;
	case CORE_FAR:
		live_answered(&w->hub.live, seq, rtt_us);
		way_far(w, by_hub, rtt_us, c->now);
		break;
	case CORE_SMALL:
	case CORE_FULL:
		if (w->testing)
			pair_answered(&w->test,
			    slot % CORE_KINDS == CORE_FULL ? PAIR_FULL : PAIR_SMALL,
			    rtt_us);
		break;
	case CORE_KINDS:
		break;
	}
}

void
core_lost(struct core *c, uint32_t slot, uint64_t seq)
{
	size_t kind = slot % CORE_KINDS;
	struct way *w;

	if (!is_ours(c, seq))
		return;
	assert(slot / CORE_KINDS < c->n);
	w = &c->ways[slot / CORE_KINDS];
	/* Liveness has deadlines of its own. */
	if (w->testing && (kind == CORE_SMALL || kind == CORE_FULL))
		pair_lost(&w->test, kind == CORE_FULL ? PAIR_FULL : PAIR_SMALL);
}
