/* SPDX-License-Identifier: MIT */
/*
 * Stages.  Names are what two plans share, so pairs are looked up by them.
 */
#include "optimizer/decide/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/stage_routes.h"

/* What one stage works with. */
struct maker {
	struct plan *target;
	const struct plan *present;
	const struct stage_events *events;
	struct wall now;
	struct stage *out;
};

static const char *
name(const struct maker *m, uint32_t i)
{
	return m->target->names[i];
}

static const struct plan_route *
present_route(const struct maker *m, const struct plan_route *r)
{
	return plan_route_off_hub(m->present, name(m, r->a), name(m, r->b));
}

static bool
same_path(const struct maker *m, const struct plan_route *want,
    const struct plan_route *have)
{
	if (!have || want->path != have->path)
		return !have && want->path == PLAN_HUB;
	return want->path != PLAN_RELAY ||
	       strcmp(name(m, want->via), m->present->names[have->via]) == 0;
}

/* Of a pair in force: what was good stays so until an end says otherwise. */
static enum stage_verdict
judge(const struct maker *m, const struct plan_route *have)
{
	const struct stage_past past = { m->present, m->events, m->now };
	const char *const ends[] = { m->present->names[have->a],
		m->present->names[have->b] };
	struct wall at;

	if (stage_left_out(&past, ends[0], ends[1], &at))
		return STAGE_BAD;
	return have->good ? STAGE_GOOD
			  : stage_verdict(m->events, ends, have->since, &at);
}

/* Is this direct tunnel in force?  Were it not well, no path could come at all. */
static bool
stands(const struct maker *m, const char *a, const char *b)
{
	bool swap = strcmp(a, b) > 0;
	const struct plan_route *r =
	    plan_route_off_hub(m->present, swap ? b : a, swap ? a : b);

	return r && r->path == PLAN_DIRECT;
}

/* The first pair in force that nobody has called good yet, said in words. */
static bool
awaits_verdict(const struct maker *m)
{
	const struct plan *p = m->present;

	for (size_t i = 0; p && i < p->n_routes; i++) {
		const struct plan_route *r = &p->routes[i];
		enum stage_verdict v;

		if (r->path == PLAN_HUB)
			continue;
		v = judge(m, r);
		if (v == STAGE_GOOD)
			continue;
		(void)snprintf(m->out->waits, sizeof(m->out->waits),
		    v == STAGE_BAD ? "%s-%s, which did not stand, to leave the plan"
				   : "both ends of %s-%s to say that it is direct",
		    p->names[r->a], p->names[r->b]); /* cut is fine */
		return true;
	}
	return false;
}

size_t
stage_off_hub(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; plan && i < plan->n_routes; i++)
		n += plan->routes[i].path != PLAN_HUB;
	return n;
}

static size_t
share(size_t n, size_t pct)
{
	return n * pct >= 100 ? n * pct / 100 : 1;
}

static size_t
stage_size(const struct maker *m)
{
	size_t stand = stage_off_hub(m->present);
	size_t all = share(m->target->pairs, STAGE_PAIRS_PCT);

	if (stand == 0)
		return STAGE_CANARY;
	return stand < STAGE_CANARY + STAGE_SECOND && all > STAGE_SECOND ? STAGE_SECOND
									 : all;
}

/* As it goes now, in the words of the target. */
static void
leave(const struct maker *m, struct plan_route *r, const struct plan_route *have)
{
	uint32_t via;

	r->since = (struct wall){ 0 };
	r->good = false;
	r->path = PLAN_HUB;
	r->us = r->hub_us;
	if (!have)
		return;
	if (have->path == PLAN_RELAY) {
		via = plan_name(m->target, m->present->names[have->via]);
		if (via == PLAN_NOBODY)
			return; /* its relay has left the mesh */
		r->via = via;
		r->fallback = PLAN_HUB;
		r->fallback_us = r->hub_us;
	}
	r->path = have->path;
	r->us = have->us;
	r->since = have->since;
	r->good = judge(m, have) == STAGE_GOOD;
}

/*
 * Does a path by a relay still take this tunnel?  Agents refuse a plan that has the one
 * without the other.
 */
static bool
is_leg(const struct maker *m, const struct plan_route *have)
{
	const struct plan *p = m->present;

	for (size_t i = 0; i < p->n_routes; i++) {
		const struct plan_route *r = &p->routes[i], *now;
		uint32_t end = r->via == have->a ? have->b : have->a;

		if (r->path != PLAN_RELAY || (r->via != have->a && r->via != have->b) ||
		    (r->a != end && r->b != end))
			continue;
		now = plan_route(m->target, p->names[r->a], p->names[r->b]);
		if (now && now->path != PLAN_HUB)
			return true;
	}
	return false;
}

/* Those that go by a relay, or those that do not. */
static void
remove_by(const struct maker *m, size_t most, bool relay)
{
	struct plan *t = m->target;

	for (size_t i = 0; i < t->n_routes; i++) {
		struct plan_route *r = &t->routes[i];
		const struct plan_route *have = present_route(m, r);

		if (!have || r->path != PLAN_HUB || (have->path == PLAN_RELAY) != relay)
			continue;
		if (m->out->removed < most && (relay || !is_leg(m, have))) {
			m->out->removed++;
		} else {
			leave(m, r, have);
			m->out->later++;
		}
	}
}

/*
 * Pairs go back first: it can only help, but not all at once.  A path by a relay goes
 * before the tunnels that it takes.
 */
static size_t
remove_some(const struct maker *m, size_t room)
{
	size_t most = share(stage_off_hub(m->present), STAGE_DROPS_PCT);

	if (most > room)
		most = room;
	remove_by(m, most, true);
	remove_by(m, most, false);
	return m->out->removed;
}

/* Of those that may be added now, by worth: what its tunnel is worth, else its pair. */
static int64_t
worth(const struct maker *m, const struct plan_route *r)
{
	if (r->path == PLAN_DIRECT) {
		for (size_t i = 0; i < m->target->n_tunnels; i++) {
			const struct plan_tunnel *t = &m->target->tunnels[i];

			if (t->a == r->a && t->b == r->b)
				return t->value;
		}
	}
	return r->hub_us != PLAN_UNKNOWN && r->us != PLAN_UNKNOWN ? r->hub_us - r->us
								  : 0;
}

static bool
may_come(const struct maker *m, const struct plan_route *r)
{
	if (r->path != PLAN_RELAY)
		return true;
	return stands(m, name(m, r->a), name(m, r->via)) &&
	       stands(m, name(m, r->b), name(m, r->via));
}

/* When this pair was seen not to stand, in the last day; 0 = it was not. */
static struct wall
failed_at(const struct maker *m, const struct plan_route *r)
{
	const struct stage_past past = { m->present, m->events, m->now };
	struct wall failed;

	(void)stage_left_out(&past, name(m, r->a), name(m, r->b), &failed);
	if (m->now.ns - failed.ns >= STAGE_REMEMBER_NS)
		failed.ns = 0;
	return failed;
}

struct wish {
	size_t route;
	int64_t worth;
	bool failed;
};

static int
by_worth(const void *x, const void *y)
{
	const struct wish *p = x, *q = y;

	if (p->failed != q->failed)
		return p->failed ? 1 : -1;
	if (p->worth != q->worth)
		return p->worth < q->worth ? 1 : -1;
	return p->route < q->route ? -1 : p->route > q->route;
}

/*
 * Everything that changes towards a better path, the most worth first.  The canary is
 * the other way round: of the new pairs the one that the least depends on.  What failed
 * comes last both times: it may do so again, and others wait for its verdict.
 */
static void
add_some(const struct maker *m, size_t room, bool canary)
{
	struct plan *t = m->target;
	struct wish *wish = mem_array(t->n_routes + 1, sizeof(*wish));
	size_t n = 0;

	for (size_t i = 0; i < t->n_routes; i++) {
		struct plan_route *r = &t->routes[i];
		const struct plan_route *have = present_route(m, r);

		if (r->path == PLAN_HUB)
			continue;
		if (same_path(m, r, have)) {
			r->since = have->since;
			r->good = judge(m, have) == STAGE_GOOD;
			continue;
		}
		if (!may_come(m, r) ||
		    (have && have->path == PLAN_DIRECT && is_leg(m, have))) {
			leave(m, r, have);
			m->out->later++;
			continue;
		}
		wish[n++] = (struct wish){ i, canary ? -worth(m, r) : worth(m, r),
			failed_at(m, r).ns != 0 };
	}
	qsort(wish, n, sizeof(*wish), by_worth);
	for (size_t k = 0; k < n; k++) {
		struct plan_route *r = &t->routes[wish[k].route];

		if (m->out->added < room) {
			m->out->added++;
			r->since = m->now;
			r->good = false;
		} else {
			leave(m, r, present_route(m, r));
			m->out->later++;
		}
	}
	free(wish);
}

/* The publisher keeps nothing but its plans. */
static void
remember_failed(const struct maker *m)
{
	for (size_t i = 0; i < m->target->n_routes; i++) {
		struct plan_route *r = &m->target->routes[i];

		if (r->path == PLAN_HUB)
			r->since = failed_at(m, r);
	}
}

/* A tunnel of which no route of this stage makes use yet. */
static void
mark_tunnels(const struct maker *m)
{
	struct plan *t = m->target;

	for (size_t i = 0; i < t->n_tunnels; i++) {
		struct plan_tunnel *tunnel = &t->tunnels[i];
		const struct plan_route *r;

		if (tunnel->state != PLAN_ADD)
			continue;
		r = plan_route_off_hub(t, name(m, tunnel->a), name(m, tunnel->b));
		if (!r || r->path != PLAN_DIRECT)
			tunnel->state = PLAN_WAIT;
	}
}

void
stage_make(struct plan *target, const struct plan *present,
    const struct stage_events *events, struct wall now, struct stage *out)
{
	struct maker m = { target, present, events, now, out };
	size_t room, removed;

	*out = (struct stage){ 0 };
	stage_routes_complete(target, present);
	room = stage_size(&m);
	removed = remove_some(&m, share(target->pairs, STAGE_PAIRS_PCT));
	if (awaits_verdict(&m) || removed >= room)
		room = 0;
	else
		room -= removed;
	add_some(&m, room, stage_off_hub(present) == 0);
	mark_tunnels(&m);
	remember_failed(&m);
	if (!out->waits[0] && out->later)
		(void)snprintf(out->waits, sizeof(out->waits),
		    "this stage to be good at both ends"); /* fits */
}
