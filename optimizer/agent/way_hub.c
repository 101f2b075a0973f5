/* SPDX-License-Identifier: MIT */
/*
 * The far end by the hub, as this end sees it: an echo request goes out there to its
 * overlay address.  Which way the answer comes tells which way that end sends; how long
 * it took, what the hub's path is worth, whatever a plan says of it; and that none
 * comes, that its leg to the hub is dead.
 */
#include "optimizer/agent/way_core.h"

#define WAIT_NS	 (15 * NS_PER_S) /* then it answers no such probes */
#define SETTLE_N 6		 /* answers after a switch: see learn() */

/* As live.c smooths. */
#define WEIGHT	     42
#define WEIGHT_TOTAL 256

bool
way_asks_far(const struct way *w, const struct way_view *v)
{
	(void)v;
	if (w->wish.leave)
		return false;
	return (w->idle_since.ns && !w->seen.route) || (w->part_since.ns && !w->starts);
}

/* A path that only figures speak for.  Who pinned it, or typed it, has decided. */
static bool
is_judged(const struct way *w)
{
	return w->wish.path == WAY_BY_TUNNEL && !w->pinned && !w->once;
}

static bool
is_measured(const struct way *w)
{
	return w->hub.rtt_us >= 0 && w->hub.n >= WAY_HUB_ANSWERS;
}

static bool
is_awaited(const struct way *w, const struct way_view *v)
{
	return is_judged(w) && w->verified && !w->seen.route && way_core_wished(w) &&
	       way_core_may_start(w, v) && !is_measured(w) &&
	       mono_diff(v->now, w->hub.since) < WAIT_NS;
}

enum way_pace
way_hub_pace(const struct way *w, const struct way_view *v)
{
	bool carries = way_pace(w, v) != WAY_SILENT && w->proved;
	bool stands_by = carries && !w->seen.route;

	if (is_awaited(w, v) || (stands_by && w->hub.live.misses))
		return WAY_FAST;
	if (stands_by || way_asks_far(w, v))
		return WAY_SLOW;
	/* Moved in place, its overlay address is at the tunnel's end. */
	if (!carries || w->in_place)
		return WAY_SILENT;
	return w->emergency ? WAY_SLOW : WAY_RARE;
}

/*
 * Of an answer by the tunnel half of the RTT is the hub's and half the tunnel's, if
 * each is as long there as back.  It need not be: so what was measured while both ends
 * were by the hub is right, and tells by how much the first answers afterwards are not.
 */
static void
learn(struct way_hub *h, bool by_hub, int64_t rtt_us, int64_t direct_us)
{
	int64_t us = by_hub ? rtt_us : 2 * rtt_us - direct_us;

	if (rtt_us < 0 || us <= 0 || (!by_hub && direct_us < 0))
		return;
	if (by_hub)
		h->skew_us = h->settled = 0;
	else if (h->rtt_us < 0)
		h->settled = SETTLE_N; /* restarted in use: nothing better is known */
	if (h->rtt_us < 0 || (by_hub && h->n == 0))
		h->rtt_us = us;
	else if (!by_hub && h->settled < SETTLE_N) {
		h->skew_us += (h->rtt_us - us) / SETTLE_N;
		h->settled++;
	} else
		h->rtt_us += (us + h->skew_us - h->rtt_us) * WEIGHT / WEIGHT_TOTAL;
	h->n++;
}

void
way_far(struct way *w, bool by_hub, int64_t rtt_us, struct mono now)
{
	learn(&w->hub, by_hub, rtt_us, w->live.rtt_us);
	w->far_at = now;
	if (!by_hub)
		w->far_since.ns = 0;
	else if (w->far_since.ns == 0)
		w->far_since = now;
}

/*
 * The far end has left this path, too: its answers come by the hub.  Until then its
 * packets need what is staged here, and if it is silent nobody knows.  Nor does it
 * test the tunnel, about to come back by a plan that we have not seen.
 */
bool
way_hub_left(const struct way *w, const struct way_view *v)
{
	return w->far_since.ns && mono_diff(v->now, w->far_since) >= WAY_FAR_NS &&
	       mono_diff(v->now, w->quiet_since) >= WAY_QUIET_NS &&
	       mono_diff(v->now, w->far_at) <= WAY_FAR_NS / 2;
}

int64_t
way_hub_us(const struct way *w)
{
	if (w->hub.rtt_us < 0 ||
	    (w->wish.hub_us >= 0 && w->wish.hub_us < w->hub.rtt_us))
		return w->wish.hub_us;
	return w->hub.rtt_us;
}

/* A relay's tunnel may be slower, by as much as would not have it left. */
static bool
is_faster(const struct way *w, int64_t hub_us)
{
	if (w->wish.leg)
		hub_us = hub_us * WAY_SLOW_PERCENT / 100;
	return w->live.rtt_us < hub_us || hub_us <= WAY_NEAR_US;
}

bool
way_hub_allows(const struct way *w, const struct way_view *v)
{
	if (!is_judged(w))
		return true;
	if (is_measured(w))
		return is_faster(w, w->hub.rtt_us);
	return mono_diff(v->now, w->hub.since) >= WAIT_NS &&
	       (w->wish.hub_us < 0 || is_faster(w, w->wish.hub_us));
}

void
way_hub_begin(struct way *w, struct mono now)
{
	w->hub.n = 0;
	w->hub.since = now;
}

void
way_hub_restart(struct way *w)
{
	live_restart(&w->hub.live, w->hub.live.rtt_us);
}

bool
way_hub_lost(const struct way *w)
{
	return live_is_silent(&w->hub.live) && w->hub.live.answer_sent.ns > 0 &&
	       w->seen.staged == WAY_BY_TUNNEL && !w->in_place && !w->once;
}

bool
way_hub_back(const struct way *w, const struct way_view *v)
{
	return mono_diff(v->now, v->hub_back) >= WAY_BACK_NS &&
	       (w->hub.lost_at.ns == 0 ||
		   mono_diff(v->now, w->hub.lost_at) >= WAY_BACK_NS);
}

void
way_hub_tick(struct way *w, const struct way_view *v)
{
	live_expire(&w->hub.live, v->now);
	if (way_hub_lost(w))
		w->hub.lost_at = v->now;
	if (!w->verified || w->seen.route || !way_core_wished(w) ||
	    !way_core_may_start(w, v) || !is_judged(w) || !is_measured(w) ||
	    is_faster(w, w->hub.rtt_us))
		return;
	w->hold_until = mono_add(v->now, WAY_HOLD_NS);
	(void)err_set(&w->why,
	    "%s: %.1f ms in the tunnel, but %.1f by the hub, as measured here: the "
	    "plan's figures are wrong",
	    w->name, (double)w->live.rtt_us / 1000, (double)w->hub.rtt_us / 1000);
}
