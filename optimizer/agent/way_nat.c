/* SPDX-License-Identifier: MIT */
/*
 * Who starts a tunnel and when, and what two ends do that are both behind NAT.  The end
 * that does not start must have its peer set, and its NAT open, before the first
 * handshake arrives: one that finds nobody costs 5 s, and one that reaches a NAT before
 * it was opened may close it for good.
 */
#include "optimizer/agent/way_core.h"

static bool
hinted(const struct way *w)
{
	return w->both_nat && w->wish.path == WAY_BY_TUNNEL &&
	       w->wish.hint.family == AF_INET;
}

bool
way_nat_punches(const struct way *w, const struct way_view *v)
{
	if (!hinted(w) || w->seen_at.ns == 0 || w->seen.route ||
	    way_core_shaken(w, v->now) || !way_core_may_start(w, v))
		return false;
	/* Its own handshakes do the same from then on. */
	if (w->starts && w->seen.staged == WAY_BY_TUNNEL && !way_core_hint_moved(w))
		return false;
	return w->punched.ns == 0 || mono_diff(v->now, w->punched) >= WAY_PUNCH_NS;
}

void
way_nat_punched(struct way *w, struct mono now)
{
	/* The lead counts from the first: later ones only keep the NAT open. */
	if (w->punched.ns == 0)
		w->lead_from = now;
	w->punched = now;
}

bool
way_nat_waits(const struct way *w, const struct way_view *v)
{
	if (!w->starts || w->wish.path != WAY_BY_TUNNEL)
		return false;
	if (hinted(w) && w->punched.ns == 0)
		return true;
	return mono_diff(v->now, w->lead_from) < WAY_LEAD_NS;
}

void
way_nat_want(struct way *w, const struct way_wish *wish, bool other, struct mono now)
{
	if (!other && wish->hint_port == w->wish.hint_port &&
	    addr_equal(&wish->hint, &w->wish.hint))
		return;
	w->punched.ns = 0;
	w->lead_from = now;
}

bool
way_nat_again(const struct way *w, const struct way_view *v)
{
	return w->starts && (hinted(w) || w->named) && way_core_hint_moved(w) &&
	       !way_core_shaken(w, v->now) && !way_nat_waits(w, v);
}

int
way_nat_verdict(const struct way *w, struct err *err)
{
	const char *name = w->name;
	uint16_t seen = w->wish.hint_port;

	if (seen == w->port && w->wish.own_port && w->wish.own_port != w->port) {
		name = "this node";
		seen = w->wish.own_port;
	}
	if (seen != w->port)
		return err_set(err,
		    "%s: no handshake in %lld s: the NAT of %s gives a new port to "
		    "each destination (the hub sees %u, not %u): no direct tunnel is "
		    "possible",
		    w->name, (long long)(WAY_SHAKE_NS / NS_PER_S), name, seen, w->port);
	return err_set(err,
	    "%s: no handshake in %lld s, and both ends are behind NAT: is its agent "
	    "running, with the same plan? does a firewall drop UDP port %u?",
	    w->name, (long long)(WAY_SHAKE_NS / NS_PER_S), w->port);
}
