/* SPDX-License-Identifier: MIT */
/*
 * The states in which one way of the agent's does a thing, for tests that then take one
 * condition away, or let time pass.
 */
#ifndef TESTS_UNIT_AGENT_WAY_H
#define TESTS_UNIT_AGENT_WAY_H

#include "optimizer/agent/way.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define S  NS_PER_S
#define MS NS_PER_MS

#define NOTHING (void)0 /* for macros that take a change */

static struct way w;
static struct live hub;
static struct way_view v;

static inline struct mono
ago(int64_t ns)
{
	return mono_add(v.now, -ns);
}

static inline void
want(enum way_path path)
{
	struct way_wish wish = { .path = path,
		.via = path == WAY_BY_RELAY ? 2 : 0,
		.promise_us = 49000,
		.hub_us = 492000 };

	way_want(&w, &wish, v.now);
}

static inline void
see(enum way_path staged, enum way_route route)
{
	struct way_seen seen = { .staged = staged,
		.route = route,
		.via = staged == WAY_BY_RELAY ? 2 : 0,
		.handshake_age_ns = staged == WAY_BY_HUB ? -1 : 5 * S };

	(void)way_see(&w, &seen, v.now);
}

/* The plan wants the tunnel, the hub is well, and nothing is there yet. */
static inline void
at_hub(void)
{
	v = (struct way_view){ .now = { 100000 * S },
		.hub = &hub,
		.fresh = true,
		.relay_ready = true };
	live_init(&hub, true);
	hub.good = 9;
	hub.answer_sent = ago(100 * MS);
	w = (struct way){ 0 };
	way_init(&w);
	w.name = w.listener = "nrt";
	w.port = 51821;
	w.full_bytes = 1372;
	w.by_overlay = true;
	see(WAY_BY_HUB, WAY_NO_ROUTE);
	want(WAY_BY_TUNNEL);
}

static inline void
staged(void)
{
	at_hub();
	see(WAY_BY_TUNNEL, WAY_NO_ROUTE);
	w.staged_at = ago(10 * S);
}

static inline void
verified(void)
{
	staged();
	w.verified = w.proved = true;
	w.live.good = 9;
	w.live.answer_sent = ago(100 * MS);
	w.accept.good = 3;
	w.hub.n = 3;
	w.hub.rtt_us = 492000;
}

/* Three good rounds in a minute, and renewed just now. */
static inline void
leased(void)
{
	verified();
	see(WAY_BY_TUNNEL, WAY_LEASE_ROUTE);
	w.live.good = 9;
	w.verified = true;
	w.rounds = 3;
	w.leased_at = ago(60 * S);
	w.renewed_at = v.now;
	w.round_at = v.now;
}

static inline void
direct(void)
{
	leased();
	see(WAY_BY_TUNNEL, WAY_FIRM_ROUTE);
}

/* The plan sends it to the hub; the end that starts was waited for. */
static inline void
parting(void)
{
	direct();
	want(WAY_BY_HUB);
	w.part_since = ago(10 * S);
}

/* Three probes were missed, and the hub answered one sent after the first of them. */
static inline void
dead(void)
{
	direct();
	w.live.good = 0;
	w.live.misses = 3;
	w.live.first_miss = ago(600 * MS);
	hub.answer_sent = ago(400 * MS);
}

/* The hub has missed three; the tunnel stands by and answered since. */
static inline void
alone(void)
{
	verified();
	want(WAY_BY_HUB);
	hub.good = 0;
	hub.misses = 3;
	hub.first_miss = ago(600 * MS);
	v.hub_silent = true;
	w.live.answer_sent = ago(400 * MS);
}

/* The hub answers, but by it the far end does no longer; the tunnel does. */
static inline void
cut_off(void)
{
	verified();
	want(WAY_BY_HUB);
	w.hub.live.misses = 3;
	w.hub.live.first_miss = ago(600 * MS);
	w.hub.live.answer_sent = ago(1600 * MS);
	w.live.answer_sent = ago(400 * MS);
}

/* Leased because the hub was silent; it has answered for a minute. */
static inline void
saved(void)
{
	leased();
	want(WAY_BY_HUB);
	w.emergency = true;
	v.hub_back = ago(60 * S);
}

/* Not wished for long; the far end was asked, and is by the hub, too. */
static inline void
idle(void)
{
	verified();
	want(WAY_BY_HUB);
	w.idle_since = ago(150 * S);
	w.far_since = ago(10 * S);
	w.far_at = ago(1 * S);
	w.quiet_since = ago(20 * S);
}

/* The same, but the plan wants it by a relay. */
static inline void
moving(void)
{
	idle();
	want(WAY_BY_RELAY);
	w.retry_at = v.now;
}

/* So many in 1000 of a minute's probes. */
static inline void
lose(unsigned lost)
{
	w.live.filled = 12;
	w.live.sent[0] = 1000;
	w.live.lost[0] = lost;
}

#endif
