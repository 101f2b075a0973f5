/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/core_state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct core *
core_new(const struct core_opts *opts, struct mono now)
{
	const struct mesh *mesh = opts->mesh;
	struct core *c = mem_alloc(sizeof(*c));

	c->opts = *opts;
	c->n = mesh->n_nodes;
	c->ways = mem_array(c->n, sizeof(*c->ways));
	for (size_t i = 0; i < c->n; i++) {
		const struct mesh_pair *pin = mesh_pair(mesh, opts->self, i);
		struct way *w = &c->ways[i];

		way_init(w);
		w->pinned = pin && pin->pin == MESH_PIN_DIRECT;
		w->name = mesh->nodes[i].name;
		wgkey_short(&mesh->nodes[i].key, w->key);
		w->full_bytes = opts->full_bytes;
		w->by_overlay = mesh->nodes[i].address.addr.family == AF_INET;
		core_nat_init(c, i);
	}
	live_init(&c->hub, true);
	c->hub_back = now;
	c->next_beat = c->next_look = now;
	c->fresh_until.ns = LIVE_NEVER;
	return c;
}

void
core_free(struct core *c)
{
	if (!c)
		return;
	free(c->ways);
	free(c);
}

struct way_view
core_state_view(const struct core *c, const struct way *w, struct mono now)
{
	struct way_view v = { .now = now,
		.hub = &c->hub,
		.hub_silent = c->hub_silent,
		.hub_back = c->hub_back,
		.fresh = now.ns < c->fresh_until.ns,
		.frozen = c->self.frozen };
	const struct way *via;

	if (w->wish.path == WAY_BY_RELAY && w->wish.via < c->n) {
		via = &c->ways[w->wish.via];
		v.relay_ready = via->seen.route == WAY_FIRM_ROUTE &&
				via->seen.staged == WAY_BY_TUNNEL &&
				!live_is_silent(&via->live);
	}
	return v;
}

static struct core_event *
add_event(struct core *c, enum core_event_kind kind, size_t node)
{
	struct core_event *e;

	if (c->n_events == CORE_EVENTS_MAX) {
		c->first_event = (c->first_event + 1) % CORE_EVENTS_MAX;
		c->n_events--;
	}
	e = &c->events[(c->first_event + c->n_events++) % CORE_EVENTS_MAX];
	*e = (struct core_event){ .kind = kind,
		.node = node,
		.via = SIZE_MAX,
		.rtt_us = -1 };
	return e;
}

/* About a way, with its path and RTT of now. */
static void
tell(struct core *c, enum core_event_kind kind, size_t node, const char *text)
{
	const struct way *w = &c->ways[node];
	struct core_event *e = add_event(c, kind, node);

	e->path = kind == CORE_STAGED ? w->seen.staged : way_path(w);
	e->via = e->path == WAY_BY_RELAY ? w->seen.via : SIZE_MAX;
	e->rtt_us = e->path == WAY_BY_HUB ? -1 : w->live.rtt_us;
	(void)snprintf(e->text, sizeof(e->text), "%s", text); /* cut is fine */
}

bool
core_event(struct core *c, struct core_event *out)
{
	if (c->n_events == 0)
		return false;
	*out = c->events[c->first_event];
	c->first_event = (c->first_event + 1) % CORE_EVENTS_MAX;
	c->n_events--;
	return true;
}

void
core_want(struct core *c, const struct way_wish *wishes, struct mono fresh_until,
    struct mono now)
{
	c->fresh_until = fresh_until;
	for (size_t i = 0; i < c->n; i++) {
		if (core_state_is_way(c, i) && way_want(&c->ways[i], &wishes[i], now))
			tell(c, CORE_DIRECT, i, "as it was before this plan");
	}
}

void
core_hold(struct core *c, size_t node, struct mono until)
{
	c->ways[node].hold_until = until;
}

static void
saw_way(struct core *c, size_t i, const struct way_seen *seen, struct mono now)
{
	struct way *w = &c->ways[i];
	bool was_foreign = w->seen.foreign, first = w->seen_at.ns == 0;
	char at[ENDPOINT_TEXT_MAX];

	if (way_see(w, seen, now) && !seen->foreign)
		tell(c, seen->route ? CORE_DIRECT : CORE_FAULT, i,
		    seen->route ? "netd put its routes back" : w->why.text);
	/* Its maker may have died before it said so, and stages wait for that. */
	if (first && seen->route == WAY_FIRM_ROUTE && !seen->foreign)
		tell(c, CORE_DIRECT, i, "as it was before the start");
	if (seen->foreign && !was_foreign)
		tell(c, CORE_OPERATOR, i, seen->words);
	if (core_nat_saw(c, i, seen, at))
		tell(c, CORE_ENDPOINT, i, at);
}

/* The hub is no way, but behind NAT it has a peer that may be taken away by hand. */
static void
saw_reflector(struct core *c, const struct way_seen *hub)
{
	if (hub->foreign && !c->hub_foreign)
		(void)snprintf(add_event(c, CORE_OPERATOR, c->opts.mesh->hub)->text,
		    512, "%s", hub->words); /* cut is fine */
	c->hub_foreign = hub->foreign;
	c->reflected = hub->there;
}

void
core_saw(struct core *c, const struct way_seen *seen, const struct core_self *self,
    struct mono now)
{
	if (self->frozen != c->self.frozen)
		(void)snprintf(add_event(c, CORE_FROZEN, SIZE_MAX)->text, 512, "%s",
		    self->frozen ? "frozen: nothing is changed but to withdraw"
				 : "no longer frozen");
	if (self->verdict[0] && strcmp(self->verdict, c->self.verdict) != 0)
		(void)snprintf(add_event(c, CORE_FAULT, SIZE_MAX)->text, 512, "%s",
		    self->verdict);
	c->self = *self;
	saw_reflector(c, &seen[c->opts.mesh->hub]);
	for (size_t i = 0; i < c->n; i++) {
		if (core_state_is_way(c, i))
			saw_way(c, i, &seen[i], now);
	}
}

static void
watch_hub(struct core *c, struct mono now)
{
	bool silent;

	live_expire(&c->hub, now);
	silent = live_is_silent(&c->hub);
	if (silent == c->hub_silent)
		return;
	c->hub_silent = silent;
	if (!silent)
		c->hub_back = now;
	(void)snprintf(add_event(c, CORE_FAULT, c->opts.mesh->hub)->text, 512, "%s: %s",
	    c->opts.mesh->nodes[c->opts.mesh->hub].name,
	    silent ? "the hub does not answer" : "the hub answers again");
}

void
core_tick(struct core *c, struct mono now)
{
	char before[sizeof(c->ways->why.text)];

	c->now = now;
	watch_hub(c, now);
	for (size_t i = 0; i < c->n; i++) {
		struct way *w = &c->ways[i];
		struct way_view v = core_state_view(c, w, now);

		if (!core_state_is_way(c, i))
			continue;
		memcpy(before, w->why.text, sizeof(before));
		way_tick(w, &v);
		if (w->why.text[0] && strcmp(before, w->why.text) != 0)
			tell(c, CORE_FAULT, i, w->why.text);
	}
	if (now.ns < c->next_beat.ns)
		return;
	/* Late beats are not made up for: bursts measure queues. */
	c->next_beat = mono_add(c->next_beat, CORE_BEAT_NS);
	if (c->next_beat.ns <= now.ns)
		c->next_beat = mono_add(now, CORE_BEAT_NS);
	c->beat++;
	c->beat_due = c->hub_due = true;
	c->cursor = 0;
}

/* After a success: what people and the publisher want to know. */
static void
announce(struct core *c, size_t i, enum way_act act, bool was_leased, const char *why)
{
	const struct way *w = &c->ways[i];

	if (act == WAY_STAGE)
		tell(c, CORE_STAGED, i, "staged");
	else if (act == WAY_COMMIT)
		tell(c, CORE_DIRECT, i, "permanent after three good rounds");
	else if (act == WAY_LEASE && !was_leased && w->emergency)
		tell(c, CORE_DIRECT, i,
		    c->hub_silent ? "the hub does not answer"
				  : "it does not answer by the hub");
	else if (act == WAY_WITHDRAW) /* a fault brings a dwell with it */
		tell(c, way_dwells(w, c->now) ? CORE_DEMOTED : CORE_WITHDRAWN, i, why);
}

void
core_told(struct core *c, int rc, const char *text, struct mono now)
{
	size_t i = c->asked.node;
	struct way_view v;
	struct way *w;
	struct err why;
	bool was_leased;

	assert(c->asking);
	c->asking = false;
	if (c->asked.verb == CORE_REFLECT)
		core_nat_told(c, rc, now);
	if (c->asked.verb == CORE_LOOK || c->asked.verb == CORE_REFLECT)
		return;
	w = &c->ways[i];
	v = core_state_view(c, w, now);
	why = w->why;
	was_leased = w->seen.route != WAY_NO_ROUTE;
	way_done(w, c->act, rc, text, &v);
	if (rc == 0) {
		c->self.tokens -= c->act == WAY_LEASE && !was_leased && c->self.tokens;
		announce(c, i, c->act, was_leased, why.text);
	} else if (rc != -EBUSY && rc != -EROFS && /* to wait is no verdict */
		   strcmp(w->refused.text, w->why.text) != 0) {
		w->refused = w->why; /* once, if tried each second */
		tell(c, CORE_REFUSED, i, w->why.text);
	}
	if (rc < 0 || c->act == WAY_STAGE)
		c->next_look = now; /* it may have changed more than we think */
}

struct mono
core_wake(const struct core *c)
{
	struct mono t = c->next_beat, w = live_deadline(&c->hub);

	if (w.ns < t.ns)
		t = w;
	for (size_t i = 0; i < c->n; i++) {
		if (!core_state_is_way(c, i))
			continue;
		w = way_wake(&c->ways[i]);
		if (w.ns < t.ns)
			t = w;
	}
	return t;
}

const struct way *
core_way(const struct core *c, size_t node)
{
	return &c->ways[node];
}

const struct live *
core_hub(const struct core *c)
{
	return &c->hub;
}

bool
core_hub_silent(const struct core *c)
{
	return c->hub_silent;
}

const struct core_self *
core_node(const struct core *c)
{
	return &c->self;
}
