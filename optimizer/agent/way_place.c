/* SPDX-License-Identifier: MIT */
/*
 * In place a prefix has one way in and one way out, so for as long as only one end has
 * moved nothing arrives: the ends cannot be independent.  Each says of itself, by the
 * tunnel, whether it is ready, has moved, or neither.  Who starts the tunnel moves when
 * both are ready; the other when it hears so, one way by the tunnel later, which is the
 * least that can be lost.  Going back, whoever hears of it follows.
 *
 * Words are only for speed.  What decides is the probe from overlay address to overlay
 * address: it is answered while both ends have moved, and by no others.  So an end that
 * is alone takes it back by itself, whatever the other is or says.
 */
#include "optimizer/agent/way_core.h"

#define SOON_NS	 (200 * NS_PER_MS) /* a new word is repeated so often ... */
#define FRESH_NS (2 * NS_PER_S)	   /* ... for so long, in case one is lost; ... */
#define CALM_NS	 (1 * NS_PER_S)	   /* ... and so often after that */

static bool
believed(const struct way *w, struct mono now)
{
	return w->heard_at.ns && mono_diff(now, w->heard_at) < WAY_WORD_NS;
}

static bool
ready(const struct way *w, const struct way_view *v)
{
	return !w->seen.route && w->wish.path == WAY_BY_TUNNEL && way_core_wished(w) &&
	       w->verified && way_core_may_start(w, v) && !v->hub_silent &&
	       v->hub->misses == 0 && v->hub->good > 0 && w->live.misses == 0 &&
	       w->live.good > 0 && way_hub_allows(w, v);
}

enum way_word
way_place_word(const struct way *w, const struct way_view *v)
{
	if (w->seen.route)
		return WAY_MOVED;
	return ready(w, v) ? WAY_READY : WAY_AWAY;
}

bool
way_place_speaks(const struct way *w, enum way_word word, const struct way_view *v)
{
	int64_t every = mono_diff(v->now, w->turned_at) < FRESH_NS ? SOON_NS : CALM_NS;

	if (!w->in_place || w->seen.staged != WAY_BY_TUNNEL ||
	    !way_core_shaken(w, v->now))
		return false;
	if (w->said_at.ns == 0 || word != w->said)
		return true;
	/* One that is about to go must be silent for that. */
	return way_pace(w, v) != WAY_SILENT && mono_diff(v->now, w->said_at) >= every;
}

void
way_place_said(struct way *w, enum way_word word, struct mono now)
{
	if (word != w->said || w->said_at.ns == 0)
		w->turned_at = now;
	w->said = word;
	w->said_at = now;
}

void
way_place_hear(struct way *w, enum way_word word, uint32_t no, struct mono now)
{
	/* One that was overtaken.  A sender that was booted anew counts anew. */
	if (believed(w, now) && (int32_t)(no - w->heard_no) < 0)
		return;
	w->heard = word;
	w->heard_no = no;
	w->heard_at = now;
	if (w->seen.route && word == WAY_MOVED)
		w->together = true;
}

bool
way_place_moves(const struct way *w, const struct way_view *v)
{
	if (!ready(w, v) || !believed(w, v->now))
		return false;
	return w->heard == WAY_MOVED || (w->starts && w->heard == WAY_READY);
}

void
way_place_turn(struct way *w, struct mono now)
{
	if (!w->in_place)
		return;
	/* From now on another address is probed. */
	live_restart(&w->live, w->live.rtt_us);
	w->together = believed(w, now) && w->heard == WAY_MOVED;
}

bool
way_place_waits(const struct way *w, const struct way_view *v)
{
	return w->in_place && !w->together &&
	       mono_diff(v->now, w->leased_at) < WAY_FOLLOW_NS;
}

bool
way_place_alone(struct way *w, const struct way_view *v)
{
	if (!w->in_place || !believed(w, v->now) || w->heard == WAY_MOVED ||
	    way_place_waits(w, v))
		return false;
	if (w->together)
		return err_set(&w->why, "%s: its end has gone back to the hub",
			   w->name) < 0;
	/* It heard, and did not: one that tries for ever would lose for ever. */
	w->hold_until = mono_add(v->now, WAY_HOLD_NS);
	return err_set(&w->why, "%s: its end did not follow within %lld s", w->name,
		   (long long)(WAY_FOLLOW_NS / NS_PER_S)) < 0;
}
