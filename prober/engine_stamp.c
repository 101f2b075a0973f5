/* SPDX-License-Identifier: MIT */
/*
 * The second method.  STAMP has sequence numbers, and so windows, of its own; they
 * begin and end with those of ICMP, and their rows are merged into the same report.
 */
#include <string.h>

#include "common/log.h"
#include "prober/engine_core.h"
#include "prober/method.h"

static struct window_edge
edge_now(const struct engine *e, struct mono now, struct wall wall)
{
	const struct stamp_sender *s = e->opts.stamp;

	return (struct window_edge){ now, wall, stamp_sender_next(s),
		stamp_sender_stamp(s), stamp_sender_counts(s) };
}

void
engine_stamp_start(struct engine *e, const struct window_edge *icmp)
{
	struct window_edge edge;

	if (!e->opts.stamp)
		return;
	edge = edge_now(e, icmp->now, icmp->wall);
	e->stamp_windows = window_new(e->opts.timeout_ns, &edge);
}

void
engine_stamp_roll(struct engine *e, const struct window_edge *icmp)
{
	struct window_edge edge;

	if (!e->opts.stamp)
		return;
	edge = edge_now(e, icmp->now, icmp->wall);
	window_roll(e->stamp_windows, &edge);
}

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct engine *e = ctx;

	engine_probe_answer(e, e->stamp_windows, r);
}

void
engine_stamp_drain(struct engine *e, struct mono now)
{
	struct pinger_counts counts;

	if (!e->opts.stamp)
		return;
	(void)stamp_sender_drain(e->opts.stamp, now, on_result, e); /* as ICMP's */
	counts = stamp_sender_counts(e->opts.stamp);
	window_counts(e->stamp_windows, &counts);
}

void
engine_stamp_probe(struct engine *e, uint32_t row, enum target_kind kind,
    struct mono now)
{
	struct aim *aim = &e->peers[row / PATH_COUNT].aims[kind];
	bool counted = aim->stamp_warm;
	struct stamp_probe p = { .slot = row * 2 + !counted,
		.to = aim->addr,
		.scope = e->direct,
		.dscp = aim->dscp };
	uint64_t seq;
	int code;

	if (kind == TARGET_PUBLIC) {
		p.source = e->opts.source;
		p.ifindex = e->opts.source_ifindex;
	}
	code = -stamp_sender_send(e->opts.stamp, &p, now, &seq);
	if (!code)
		aim->stamp_warm = true;
	else if (kind == TARGET_TUNNEL)
		aim->stamp_warm = false;
	if (!code && counted)
		window_sent(e->stamp_windows, row);
	/* Beside ICMP, that has told what is wrong. */
	if (aim->method == MESH_STAMP && code)
		engine_probe_refused(e, e->stamp_windows, row * 2 + !counted, kind,
		    code);
	else if (aim->method == MESH_STAMP && aim->code)
		engine_probe_all_clear(e, row, kind);
}

bool
engine_stamp_is_ready(const struct engine *e, struct mono now)
{
	return !e->opts.stamp || window_is_complete(e->stamp_windows, now);
}

static void
on_both(const struct report_row *icmp, bool policed, void *ctx)
{
	struct engine *e = ctx;
	struct peer *peer = &e->peers[engine_peers_find(e, icmp->peer)];
	bool *was = &peer->policed[icmp->path];

	peer->stats[icmp->path].policed += policed;
	if (policed && !*was)
		log_warnx("%s: %s: ICMP is policed: %u of %u lost, and STAMP is not; "
			  "reporting STAMP",
		    peer->name, path_name(icmp->path), icmp->lost, icmp->sent);
	else if (!policed && *was)
		log_info("%s: %s: ICMP is no longer policed", peer->name,
		    path_name(icmp->path));
	*was = policed;
}

void
engine_stamp_merge(struct engine *e, struct mono now, struct report *r,
    window_name_fn *name)
{
	struct report stamp = { 0 };

	if (!e->opts.stamp || !window_take(e->stamp_windows, now, &stamp, name, e))
		return;
	method_merge(r, &stamp, on_both, e);
}
