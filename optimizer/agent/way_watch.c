/* SPDX-License-Identifier: MIT */
/*
 * What time brings to a way: tests that begin and end, limits that are passed, and how
 * often it is to be probed.
 */
#include "optimizer/agent/way_core.h"

static void
begin_test(struct way *w, const struct way_view *v)
{
	struct pair_opts opts = { .name = w->name,
		.promise_us = w->wish.promise_us,
		.full_bytes = w->full_bytes };

	/* The answers of a relay path take the far end's own way back, which is the
	 * hub's until it has switched, too. */
	if (w->wish.path == WAY_BY_RELAY && opts.promise_us >= 0)
		opts.promise_us =
		    w->wish.hub_us < 0 ? -1 : (opts.promise_us + w->wish.hub_us) / 2;
	/* Whoever carries a pair while the hub is gone need not keep a promise. */
	if (w->emergency)
		opts.promise_us = -1;
	pair_begin(&w->test, &opts, v->now);
	w->testing = true;
	if (!w->seen.route)
		w->why.text[0] = '\0';
}

static void
test_failed(struct way *w, const struct way_view *v)
{
	w->why = w->test.why;
	w->verified = false;
	w->rounds = 0;
	w->round_at = mono_add(v->now, WAY_ROUND_NS); /* time to leave */
	/* What carries is renewed, good or bad, until the hub can take over. */
	if (w->seen.route)
		return;
	w->retry_at = mono_add(v->now, w->retry_ns);
	if (w->retry_ns < WAY_RETRY_MAX_NS)
		w->retry_ns *= 2;
}

/* A test is over when pair.c says so; asking it for probes is the core's part. */
static void
end_test(struct way *w, const struct way_view *v)
{
	if (w->test.phase == PAIR_VERIFIED) {
		w->testing = false;
		w->proved = true;
		w->rounds++;
		if (!w->seen.route && w->rounds < WAY_PROOFS)
			return; /* and once more */
		w->verified = true;
		w->retry_ns = way_core_first_retry(w);
		if (!w->seen.route) {
			live_restart(&w->accept, LIVE_UNKNOWN);
			way_hub_begin(w, v->now);
			w->why.text[0] = '\0';
		}
	} else if (w->test.phase == PAIR_FAILED) {
		w->testing = false;
		test_failed(w, v);
	}
}

static bool
wants_test(const struct way *w, const struct way_view *v)
{
	if (w->testing || w->seen.foreign)
		return false;
	if (w->seen.route == WAY_LEASE_ROUTE)
		return v->now.ns >= w->round_at.ns && w->rounds < WAY_ROUNDS;
	/* After a restart in its dwell: it must be known to be a lifeline. */
	return !w->seen.route && way_core_wished(w) && !w->verified &&
	       way_core_shaken(w, v->now) && way_core_may_test(w, v) &&
	       (way_core_may_start(w, v) || !w->proved);
}

static void
watch_rtt(struct way *w, const struct way_view *v)
{
	int64_t hub_us = way_hub_us(w), limit = hub_us * WAY_SLOW_PERCENT / 100;
	bool slow = hub_us > WAY_NEAR_US && w->live.rtt_us > limit;

	if (!slow)
		w->slow_since.ns = 0;
	else if (w->slow_since.ns == 0)
		w->slow_since = v->now;
}

static void
since(struct mono *t, bool is_so, struct mono now)
{
	if (!is_so)
		t->ns = 0;
	else if (t->ns == 0)
		*t = now;
}

static void
watch_idle(struct way *w, const struct way_view *v)
{
	bool idle = w->seen.staged != WAY_BY_HUB && !way_core_wished(w) && v->fresh;
	bool parting = w->part_since.ns != 0;

	since(&w->idle_since, idle && !w->seen.route, v->now);
	since(&w->part_since, idle && w->seen.route, v->now);
	/* What was seen of the far end before this route says nothing of it now. */
	if (!idle || (!parting && w->part_since.ns))
		w->far_since.ns = 0;
}

static void
watch_acceptance(struct way *w, const struct way_view *v)
{
	if (!way_asks_acceptance(w, v) || w->accept.misses < WAY_DEAF)
		return;
	(void)err_set(&w->why,
	    "%s: it answers in the tunnel, but takes no packet from this node's "
	    "overlay "
	    "address there: is rp_filter strict on it, or its mesh file another?",
	    w->name);
	w->verified = false;
	w->retry_at = mono_add(v->now, w->retry_ns);
}

static void
watch_handshake(struct way *w, const struct way_view *v)
{
	if (!way_core_wished(w) || w->seen.route || way_core_shaken(w, v->now) ||
	    w->why.text[0] || mono_diff(v->now, w->staged_at) < WAY_SHAKE_NS)
		return;
	if (w->both_nat && w->wish.path == WAY_BY_TUNNEL) {
		(void)way_nat_verdict(w, &w->why);
		return;
	}
	(void)err_set(&w->why,
	    "%s: no handshake in %lld s: is its agent running, with the same plan and "
	    "mesh file? is its key %s? is UDP port %u open on %s?",
	    w->name, (long long)(WAY_SHAKE_NS / NS_PER_S), w->key, w->port,
	    w->listener);
}

void
way_tick(struct way *w, const struct way_view *v)
{
	live_expire(&w->live, v->now);
	live_expire(&w->accept, v->now);
	/* Two paths that lose at the same time have one cause, and it is here. */
	if (v->hub_silent)
		live_forgive(&w->live);
	if (w->testing)
		end_test(w, v);
	if (wants_test(w, v)) {
		begin_test(w, v);
		w->round_at = mono_add(v->now, way_core_round_ns(w));
	}
	watch_rtt(w, v);
	watch_idle(w, v);
	watch_acceptance(w, v);
	way_hub_tick(w, v);
	watch_handshake(w, v);
	/* The plan wants it, so it need not go back. */
	if (w->emergency && way_core_wished(w) && v->now.ns >= w->hold_until.ns &&
	    !v->hub_silent && way_hub_back(w, v))
		w->emergency = false;
	/* Marked when the hub was silent, but another's turn came first. */
	if (!w->seen.route && !v->hub_silent && !way_hub_lost(w))
		w->emergency = false;
}

enum way_pace
way_pace(const struct way *w, const struct way_view *v)
{
	if (w->wish.leave)
		return WAY_SILENT;
	if (w->seen.route)
		return WAY_FAST;
	if (w->seen.staged == WAY_BY_HUB || !way_core_shaken(w, v->now))
		return WAY_SILENT;
	/* Unwanted, it stands by for a while and is then let go. */
	if (!way_core_wished(w) && w->idle_since.ns &&
	    (w->wish.path != WAY_BY_HUB ||
		mono_diff(v->now, w->idle_since) >= WAY_RETIRE_NS))
		return WAY_SILENT;
	return v->hub->misses > 0 ? WAY_FAST : WAY_SLOW;
}

bool
way_asks_acceptance(const struct way *w, const struct way_view *v)
{
	/* In place its overlay address is the hub's until both have moved. */
	return w->by_overlay && !w->in_place && w->verified && !w->seen.route &&
	       w->wish.path == WAY_BY_TUNNEL && way_core_wished(w) &&
	       way_core_may_start(w, v) && w->accept.good < WAY_ACCEPTS;
}

static void
earlier(struct mono *t, struct mono other)
{
	if (other.ns < t->ns)
		*t = other;
}

struct mono
way_wake(const struct way *w)
{
	struct mono t = live_deadline(&w->live);

	earlier(&t, live_deadline(&w->accept));
	earlier(&t, live_deadline(&w->hub.live));
	if (w->testing)
		earlier(&t, pair_wake(&w->test));
	return t;
}
