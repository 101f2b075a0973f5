/* SPDX-License-Identifier: MIT */
/*
 * The order of things in a tick, and the edges of windows.
 */
#include "prober/engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/log.h"
#include "common/mem.h"
#include "prober/engine_core.h"

#define TICK_NS	    (20 * NS_PER_MS) /* deadlines nearer than this share a wake-up */
#define TICK_MAX_NS NS_PER_S	     /* a bound on how old an answer gets unread */
#define TICK_PARTS  4 /* of a period at least: pace.h skips what is half a one late */

static struct window_edge
edge_now(const struct engine *e, struct mono now)
{
	return (struct window_edge){ now, clock_wall(), e->next_seq,
		pinger_stamp(e->opts.pinger), pinger_counts(e->opts.pinger) };
}

struct engine *
engine_new(const struct engine_opts *opts, const struct engine_roster *roster,
    struct mono now)
{
	struct engine *e = mem_alloc(sizeof(*e));
	struct window_edge edge;
	uint64_t key;

	e->opts = *opts;
	edge = edge_now(e, now);
	/* Cannot fail for 8 bytes (getrandom(2)); may wait for the pool at boot. */
	(void)!getrandom(&e->boot, sizeof(e->boot), 0);
	e->pace = pace_new(opts->period_ns, now);
	e->windows = window_new(opts->timeout_ns, &edge);
	engine_stamp_start(e, &edge);
	engine_mtu_start(e, now);
	engine_reload(e, roster, now);
	/* A first window of 1/4 to 1 interval: nodes that boot together do not report
	 * together, and a new node shows up soon. */
	key = pace_key(e->self, "", 0) % 1024;
	e->window_end = mono_add(now,
	    opts->interval_ns / 4 + opts->interval_ns / 4 * 3 * (int64_t)key / 1024);
	return e;
}

void
engine_free(struct engine *e)
{
	if (!e)
		return;
	pace_free(e->pace);
	pace_free(e->mtu_pace);
	window_free(e->windows);
	window_free(e->stamp_windows);
	free(e->peers);
	free(e->index);
	free(e);
}

void
engine_reload(struct engine *e, const struct engine_roster *roster, struct mono now)
{
	engine_peers_load(e, roster, now);
}

static void
roll(struct engine *e, struct mono now)
{
	struct window_edge edge;

	if (pinger_settle(e->opts.pinger))
		log_warnx("stamps of what is sent do not come; from now on: %s",
		    stamp_name(pinger_stamp(e->opts.pinger)));
	edge = edge_now(e, now);
	if (edge.counts.clock_step != e->clock_steps)
		log_info("the clock was set; what was under way has no RTT");
	e->clock_steps = edge.counts.clock_step;
	window_roll(e->windows, &edge);
	engine_stamp_roll(e, &edge);
	e->window_end = mono_add(e->window_end, e->opts.interval_ns);
	if (mono_diff(now, e->window_end) >= 0) /* we were stopped for a while */
		e->window_end = mono_add(now, e->opts.interval_ns);
	engine_peers_route_all(e);
}

static const char *
name_of(uint32_t peer, const void *ctx)
{
	const struct engine *e = ctx;

	return e->peers[peer].name;
}

static void
report(struct engine *e, struct mono now)
{
	struct pinger_counts counts = pinger_counts(e->opts.pinger);
	struct report r = { 0 };

	window_counts(e->windows, &counts);
	while (engine_stamp_is_ready(e, now) &&
	       window_take(e->windows, now, &r, name_of, e)) {
		engine_stamp_merge(e, now, &r, name_of);
		memcpy(r.node, e->self, sizeof(r.node));
		r.boot = e->boot;
		r.seq = e->seq++;
		e->opts.report(&r, e->opts.ctx);
		report_fini(&r);
	}
}

static struct mono
earlier(struct mono a, struct mono b)
{
	return a.ns < b.ns ? a : b;
}

bool
engine_stat(const struct engine *e, uint32_t index, const char **peer, enum path *path,
    struct engine_stat *out)
{
	if (index / PATH_COUNT >= e->n_peers)
		return false;
	*peer = e->peers[index / PATH_COUNT].name;
	*path = index % PATH_COUNT;
	*out = e->peers[index / PATH_COUNT].stats[*path];
	return true;
}

static int64_t
wait_ns(const struct engine *e, struct mono next, struct mono now)
{
	int64_t ns = mono_diff(next, now), least_ns = e->opts.period_ns / TICK_PARTS;

	if (least_ns > TICK_NS)
		least_ns = TICK_NS;
	if (ns < least_ns)
		return least_ns;
	return ns < TICK_MAX_NS ? ns : TICK_MAX_NS;
}

int64_t
engine_tick(struct engine *e, struct mono now)
{
	struct mono next, at;

	engine_probe_drain(e, now);
	engine_stamp_drain(e, now);
	if (mono_diff(now, e->window_end) >= 0)
		roll(e, now);
	engine_probe_due(e, now);
	engine_mtu_tick(e, now);
	report(e, now);
	next = e->window_end;
	if (pace_next(e->pace, &at))
		next = earlier(next, at);
	if (window_next(e->windows, &at))
		next = earlier(next, at);
	return wait_ns(e, next, now);
}
