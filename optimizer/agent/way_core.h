/* SPDX-License-Identifier: MIT */
/*
 * What way.c and way_watch.c share; nobody else includes this.
 */
#ifndef OPTIMIZER_AGENT_WAY_CORE_H
#define OPTIMIZER_AGENT_WAY_CORE_H

#include "optimizer/agent/way.h"

/* What netd was told is no longer where the far end is seen. */
static inline bool
way_core_hint_moved(const struct way *w)
{
	return (w->both_nat || w->named) && w->wish.hint.family &&
	       (w->told_port != w->wish.hint_port ||
		   !addr_equal(&w->told, &w->wish.hint));
}

static inline bool
way_core_same(const struct way_seen *seen, const struct way_wish *wish)
{
	return seen->staged == wish->path &&
	       (wish->path != WAY_BY_RELAY || seen->via == wish->via);
}

/* As the wish has it, but without asking whether it could. */
static inline bool
way_core_wished(const struct way *w)
{
	return w->wish.path != WAY_BY_HUB && way_core_same(&w->seen, &w->wish);
}

static inline void
way_core_forget(struct way *w)
{
	w->testing = w->verified = false;
	w->rounds = 0;
	live_restart(&w->accept, LIVE_UNKNOWN);
}

static inline bool
way_core_shaken(const struct way *w, struct mono now)
{
	return w->seen.handshake_age_ns >= 0 &&
	       w->seen.handshake_age_ns + mono_diff(now, w->seen_at) < WAY_HANDSHAKE_NS;
}

static inline bool
way_core_may_test(const struct way *w, const struct way_view *v)
{
	return v->fresh && !v->frozen && !w->seen.foreign &&
	       v->now.ns >= w->retry_at.ns;
}

static inline bool
way_core_may_start(const struct way *w, const struct way_view *v)
{
	return way_core_may_test(w, v) && v->now.ns >= w->hold_until.ns;
}

static inline int64_t
way_core_round_ns(const struct way *w)
{
	return w->once ? 0 : WAY_ROUND_NS;
}

static inline int64_t
way_core_first_retry(const struct way *w)
{
	return w->wish.path == WAY_BY_RELAY ? WAY_RETRY_RELAY_NS : WAY_RETRY_NS;
}

#endif
