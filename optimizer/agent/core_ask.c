/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is to ask netd, and for what.
 */
#include "optimizer/agent/core_state.h"

static enum core_verb
verb_of(enum way_act act)
{
	switch (act) {
	case WAY_STAGE:
		return CORE_STAGE;
	case WAY_LEASE:
		return CORE_LEASE;
	case WAY_COMMIT:
		return CORE_COMMIT;
	case WAY_WITHDRAW:
		return CORE_WITHDRAW;
	case WAY_UNSTAGE:
		return CORE_UNSTAGE;
	case WAY_REST:
		break;
	}
	return CORE_LOOK;
}

/* Smaller is more urgent. */
static int
urgency(const struct way *w, enum way_act act)
{
	if (act == WAY_WITHDRAW)
		return 0;
	if (act == WAY_LEASE)
		return w->emergency || w->seen.route || w->in_place ? 1 : 4;
	return 3;
}

static bool
awaits_handshake(const struct core *c, struct mono now)
{
	for (size_t i = 0; i < c->n; i++) {
		struct way_view v = core_state_view(c, &c->ways[i], now);

		if (core_state_is_way(c, i) && way_state(&c->ways[i]) == WAY_STAGED &&
		    v.fresh && c->ways[i].wish.path != WAY_BY_HUB &&
		    way_pace(&c->ways[i], &v) == WAY_SILENT &&
		    mono_diff(now, c->ways[i].staged_at) < WAY_SHAKE_NS)
			return true;
	}
	return false;
}

static void
fill(struct core *c, size_t i, enum way_act act)
{
	struct way *w = &c->ways[i];
	bool relay = act == WAY_STAGE ? w->wish.path == WAY_BY_RELAY
				      : w->seen.staged == WAY_BY_RELAY;

	way_ask(w, act);
	c->act = act;
	c->asked = (struct core_ask){ .verb = verb_of(act),
		.node = i,
		.via = SIZE_MAX,
		.emergency = act == WAY_LEASE && w->emergency };
	if (relay)
		c->asked.via = act == WAY_STAGE ? w->wish.via : w->seen.via;
	if (act == WAY_STAGE) {
		c->asked.hint = w->wish.hint;
		c->asked.hint_port = w->wish.hint_port;
	}
}

bool
core_ask(struct core *c, struct core_ask *out, struct mono now)
{
	int best = now.ns >= c->next_look.ns ? 2 : 9;
	size_t chosen = SIZE_MAX;
	enum way_act what = WAY_REST;

	if (c->asking)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		struct way_view v = core_state_view(c, &c->ways[i], now);
		enum way_act act;

		if (!core_state_is_way(c, i) ||
		    (act = way_next(&c->ways[i], &v)) == WAY_REST ||
		    urgency(&c->ways[i], act) >= best)
			continue;
		best = urgency(&c->ways[i], act);
		chosen = i;
		what = act;
	}
	if (best == 9)
		return core_nat_ask(c, out, now);
	if (chosen == SIZE_MAX) {
		c->asked = (struct core_ask){ .verb = CORE_LOOK,
			.node = SIZE_MAX,
			.via = SIZE_MAX };
		c->next_look = mono_add(now,
		    awaits_handshake(c, now) ? CORE_LOOK_SOON_NS : CORE_LOOK_NS);
	} else {
		fill(c, chosen, what);
	}
	c->asking = true;
	*out = c->asked;
	return true;
}
