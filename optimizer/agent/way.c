/* SPDX-License-Identifier: MIT */
/*
 * What is wanted next follows from what is seen and wished, never from what was asked
 * before: so a restart in any state goes on from the kernel as it is.
 */
#include "optimizer/agent/way_core.h"

#include <errno.h>
#include <string.h>

void
way_init(struct way *w)
{
	live_init(&w->live, false);
	live_init(&w->accept, false);
	w->hub.rtt_us = LIVE_UNKNOWN;
	live_init(&w->hub.live, true);
	w->wish = (struct way_wish){ .promise_us = -1, .hub_us = -1 };
	w->seen = (struct way_seen){ .handshake_age_ns = -1 };
	w->retry_ns = WAY_RETRY_NS;
}

bool
way_want(struct way *w, const struct way_wish *wish, struct mono now)
{
	bool other = wish->path != w->wish.path ||
		     (wish->path == WAY_BY_RELAY && wish->via != w->wish.via);

	way_nat_want(w, wish, other, now);
	w->wish = *wish;
	if (!other)
		return false;
	/* What was learnt of one path says nothing of another. */
	if (!w->seen.route)
		way_core_forget(w);
	w->retry_at = now;
	w->retry_ns = way_core_first_retry(w);
	w->why.text[0] = '\0';
	return w->seen.route == WAY_FIRM_ROUTE && way_core_wished(w);
}

enum way_state
way_state(const struct way *w)
{
	if (w->seen.route)
		return w->seen.route == WAY_FIRM_ROUTE ? WAY_DIRECT : WAY_LEASED;
	if (w->seen.staged == WAY_BY_HUB)
		return WAY_HUB;
	return w->verified ? WAY_VERIFIED : WAY_STAGED;
}

enum way_path
way_path(const struct way *w)
{
	return w->seen.route ? w->seen.staged : WAY_BY_HUB;
}

static void
note_quiet(struct way *w, uint64_t rx_bytes, struct mono now)
{
	/* Counters start over with a new peer. */
	if (w->quiet_since.ns && rx_bytes >= w->quiet_bytes &&
	    rx_bytes - w->quiet_bytes <= WAY_QUIET_BYTES)
		return;
	w->quiet_since = now;
	w->quiet_bytes = rx_bytes;
}

bool
way_see(struct way *w, const struct way_seen *seen, struct mono now)
{
	struct way_seen old = w->seen;
	bool first = w->seen_at.ns == 0;

	note_quiet(w, seen->rx_bytes, now);
	w->seen = *seen;
	w->seen_at = now;
	if (old.staged != seen->staged ||
	    (seen->staged == WAY_BY_RELAY && old.via != seen->via)) {
		way_core_forget(w);
		w->proved = false;
		w->staged_at = now;
		live_restart(&w->live, LIVE_UNKNOWN);
	}
	if (old.route == seen->route)
		return false;
	w->together = false;
	if (seen->route && !old.route) {
		/* It was good enough for who made it; whether it is still is seen. */
		w->proved = true;
		w->leased_at = now;
		w->renewed_at = mono_add(now, -WAY_RENEW_NS);
		w->round_at = mono_add(now, way_core_round_ns(w));
		w->rounds = 0;
		live_restart(&w->live, LIVE_UNKNOWN);
	} else if (!seen->route) {
		way_core_forget(w);
		way_hub_restart(w);
		w->emergency = false;
		w->retry_at = mono_add(now, WAY_RETRY_NS);
		(void)err_set(&w->why, "%s: %s", w->name,
		    old.route == WAY_LEASE_ROUTE ? "its lease ran out"
						 : "its routes are gone");
	}
	return !first;
}

static void
hold(struct way *w, const struct way_view *v)
{
	w->hold_until = mono_add(v->now, WAY_HOLD_NS);
}

/* Does the hub take over, if we go there?  Not hoped but seen. */
static bool
hub_answers(const struct way *w, const struct way_view *v)
{
	if (v->hub_silent || v->hub->misses >= LIVE_MISSES)
		return false;
	return w->live.misses == 0 ? v->hub->good > 0
				   : live_answers_since(v->hub, w->live.first_miss);
}

static bool
is_worse(struct way *w, const struct way_view *v)
{
	bool fresh = w->seen.route == WAY_LEASE_ROUTE && !w->emergency;
	int most = fresh ? WAY_LOSS_NEW : WAY_LOSS_PERMILLE;

	if (live_is_silent(&w->live) && !way_place_waits(w, v))
		return err_set(&w->why, "%s: %u probes in a row were not answered",
			   w->name, w->live.misses) < 0;
	if (live_loss_permille(&w->live) >= most)
		return err_set(&w->why, "%s: %.1f %% lost of a minute's probes",
			   w->name, live_loss_permille(&w->live) / 10.) < 0;
	if (!w->emergency && w->slow_since.ns &&
	    mono_diff(v->now, w->slow_since) >= WAY_SLOW_NS)
		return err_set(&w->why,
			   "%s: %.1f ms for 5 minutes, more than 1.1 x the hub's %.1f",
			   w->name, (double)w->live.rtt_us / 1000,
			   (double)way_hub_us(w) / 1000) < 0;
	/* A round of a lease that failed: test_failed() has said why. */
	return w->seen.route == WAY_LEASE_ROUTE && !w->emergency && !w->verified &&
	       !w->testing && w->why.text[0];
}

static bool
may_part(const struct way *w, const struct way_view *v)
{
	if (w->part_since.ns == 0)
		return false;
	/* In place there is no way back one after the other. */
	return w->starts || w->in_place ||
	       mono_diff(v->now, w->part_since) >= WAY_PART_MAX_NS ||
	       (w->far_since.ns && mono_diff(v->now, w->far_since) >= WAY_PART_NS);
}

/* Faults bring a dwell with them, and a change of plan does not. */
static bool
must_leave(struct way *w, const struct way_view *v)
{
	if (!hub_answers(w, v))
		return false;
	/* Whoever went first has its reason, and its dwell. */
	if (way_place_alone(w, v))
		return true;
	if (is_worse(w, v)) {
		hold(w, v);
		return true;
	}
	if (w->emergency)
		return (!way_core_wished(w) || v->now.ns < w->hold_until.ns) &&
		       way_hub_back(w, v) &&
		       err_set(&w->why, "%s: the hub answers again", w->name) < 0;
	return !way_core_wished(w) && v->fresh && !v->frozen && may_part(w, v) &&
	       err_set(&w->why, "%s: by the plan", w->name) < 0;
}

static bool
is_well(const struct way *w)
{
	return w->live.misses == 0 && w->live.good > 0;
}

static enum way_act
next_routed(struct way *w, const struct way_view *v)
{
	if (v->now.ns >= w->leave_at.ns && must_leave(w, v))
		return WAY_WITHDRAW;
	if (w->seen.route != WAY_LEASE_ROUTE || !is_well(w) ||
	    v->now.ns < w->retry_at.ns)
		return WAY_REST;
	/* Of an agent before this one, or of a plan before this one. */
	if (v->hub_silent && !way_core_wished(w))
		w->emergency = true;
	/* First of all: a commit may be refused again and again. */
	if (mono_diff(v->now, w->renewed_at) >= WAY_RENEW_NS &&
	    (way_core_wished(w) || w->emergency))
		return WAY_LEASE;
	if (way_core_wished(w) && !w->emergency && w->verified &&
	    w->rounds >= WAY_ROUNDS &&
	    (w->once || mono_diff(v->now, w->leased_at) >= WAY_LEASE_S * NS_PER_S))
		return WAY_COMMIT;
	return WAY_REST;
}

/* The hub is silent: what has proved itself and answers right now may carry. */
static enum way_act
next_without_hub(struct way *w, const struct way_view *v, const struct live *silent)
{
	if (w->seen.staged == WAY_BY_HUB || !w->proved || w->live.good < LIVE_MISSES ||
	    !live_answers_since(&w->live, silent->first_miss) ||
	    v->now.ns < w->renewed_at.ns)
		return WAY_REST;
	w->emergency = true;
	return WAY_LEASE;
}

/* Staged, not routed, not wished: make room, when the far end has stopped using it. */
static enum way_act
next_idle(const struct way *w, const struct way_view *v)
{
	bool moves = w->wish.path != WAY_BY_HUB; /* to another path, which waits */
	int64_t idle_ns = w->idle_since.ns ? mono_diff(v->now, w->idle_since) : 0;

	if (v->now.ns < w->retry_at.ns || !w->idle_since.ns || v->frozen)
		return WAY_REST;
	if (moves)
		return way_hub_left(w, v) &&
			       (w->wish.path != WAY_BY_RELAY || v->relay_ready)
			   ? WAY_STAGE
			   : WAY_REST;
	return !w->once && idle_ns >= WAY_RETIRE_NS && way_hub_left(w, v) ? WAY_UNSTAGE
									  : WAY_REST;
}

/* Theirs, but that our own routes lead nowhere is nobody's wish. */
static enum way_act
next_foreign(struct way *w, const struct way_view *v)
{
	if (!w->seen.route || v->now.ns < w->leave_at.ns || !hub_answers(w, v) ||
	    !is_worse(w, v))
		return WAY_REST;
	hold(w, v);
	return WAY_WITHDRAW;
}

enum way_act
way_next(struct way *w, const struct way_view *v)
{
	if (w->seen_at.ns == 0 || w->wish.leave)
		return WAY_REST;
	if (w->seen.foreign)
		return next_foreign(w, v);
	if (w->seen.route)
		return next_routed(w, v);
	if (v->hub_silent)
		return next_without_hub(w, v, v->hub);
	if (way_hub_lost(w) && next_without_hub(w, v, &w->hub.live) == WAY_LEASE)
		return WAY_LEASE;
	if (w->seen.staged != WAY_BY_HUB && !way_core_wished(w))
		return next_idle(w, v);
	if (w->wish.path == WAY_BY_HUB || !way_core_may_start(w, v))
		return WAY_REST;
	if (w->wish.path == WAY_BY_RELAY && !v->relay_ready)
		return WAY_REST;
	if (w->seen.staged == WAY_BY_HUB)
		return way_nat_waits(w, v) ? WAY_REST : WAY_STAGE;
	if (way_nat_again(w, v))
		return WAY_STAGE;
	if (w->in_place)
		return way_place_moves(w, v) ? WAY_LEASE : WAY_REST;
	if (w->verified && is_well(w) && v->hub->misses == 0 && way_hub_allows(w, v) &&
	    (!w->by_overlay || w->wish.path == WAY_BY_RELAY ||
		w->accept.good >= WAY_ACCEPTS))
		return WAY_LEASE;
	return WAY_REST;
}

void
way_ask(struct way *w, enum way_act act)
{
	if (act == WAY_STAGE)
		w->asked = w->wish;
	w->urgent = act == WAY_LEASE && w->emergency;
}

static void
refused(struct way *w, enum way_act act, int rc, const char *text,
    const struct way_view *v)
{
	size_t name = strlen(w->name);

	/* Most of netd's words name the node themselves. */
	if (strncmp(text, w->name, name) == 0 && text[name] == ':')
		(void)err_set(&w->why, "%s", text);
	else
		(void)err_set(&w->why, "%s: %s", w->name,
		    text[0] ? text : strerror(-rc));
	switch (act) {
	case WAY_WITHDRAW: /* it is never refused by policy: the kernel said no */
		w->leave_at =
		    mono_add(v->now, w->seen.foreign ? WAY_RETRY_NS : NS_PER_S);
		break;
	case WAY_LEASE:
		w->retry_at =
		    mono_add(v->now, rc == -EBUSY ? WAY_BUSY_NS : w->retry_ns);
		if (w->seen.route || w->emergency) /* try again while it lasts */
			w->retry_at = mono_add(v->now, NS_PER_S);
		if (w->emergency && !w->seen.route)
			w->renewed_at = mono_add(v->now, NS_PER_S);
		break;
	default:
		w->retry_at = mono_add(v->now, WAY_BUSY_NS);
		break;
	}
	if (!w->seen.route && act == WAY_LEASE)
		w->emergency = false;
}

static void
leased(struct way *w, const struct way_view *v)
{
	if (!w->seen.route) {
		w->emergency = w->urgent;
		w->leased_at = v->now;
		w->round_at = mono_add(v->now, way_core_round_ns(w));
		/* Who waits has seen them already: one more, by what the lease carries.
		 */
		w->rounds = w->once ? WAY_ROUNDS - 1 : 0;
		w->retry_at = v->now; /* of a test before it */
		way_place_turn(w, v->now);
	}
	w->seen.route = WAY_LEASE_ROUTE;
	w->renewed_at = v->now;
	w->why.text[0] = '\0';
}

void
way_done(struct way *w, enum way_act act, int rc, const char *text,
    const struct way_view *v)
{
	if (rc < 0) {
		refused(w, act, rc, text, v);
		return;
	}
	w->refused.text[0] = '\0';
	switch (act) {
	case WAY_STAGE:
		w->seen.staged = w->asked.path;
		w->seen.via = w->asked.via;
		w->told = w->asked.hint;
		w->told_port = w->asked.hint_port;
		w->staged_at = v->now;
		w->why.text[0] = '\0';
		w->proved = false;
		way_core_forget(w);
		live_restart(&w->live, LIVE_UNKNOWN);
		break;
	case WAY_LEASE:
		leased(w, v);
		break;
	case WAY_COMMIT:
		w->seen.route = WAY_FIRM_ROUTE;
		w->why.text[0] = '\0';
		break;
	case WAY_WITHDRAW:
		w->seen.route = WAY_NO_ROUTE;
		way_place_turn(w, v->now);
		w->emergency = false;
		w->slow_since.ns = 0;
		way_core_forget(w);
		way_hub_restart(w);
		w->far_since.ns = 0;
		break;
	case WAY_UNSTAGE:
		w->seen.staged = WAY_BY_HUB;
		w->proved = false;
		way_core_forget(w);
		break;
	case WAY_REST:
		break;
	}
}

const char *
way_state_name(enum way_state state)
{
	static const char *const names[] = { "hub", "staged", "verified", "leased",
		"direct" };

	return names[state];
}
