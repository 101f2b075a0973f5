/* SPDX-License-Identifier: MIT */
/*
 * Which path is a probe of?  By the target, except for the overlay address: that leaves
 * by the direct interface or by the hub's, and only the kernel knows.  It is asked when
 * a window begins and whenever an answer contradicts.  An answer by the other interface
 * means that the two ends are not switched alike; its RTT is half of each path, so it
 * counts as an answer and as no sample.
 *
 * Peers are never removed, only no longer probed, so that the number of a row is good
 * for as long as the process lives, across every reload.
 */
#include "prober/engine.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/log.h"
#include "common/mem.h"
#include "prober/pace.h"
#include "prober/window.h"

/*
 * Where the pinger cannot hear that there is no tunnel, there is one while it answers
 * at least one probe in so many.
 */
#define SILENT_MAX    30
#define PAYLOAD_BYTES 56 /* as ping(8): 98 bytes on an Ethernet, 158 in a tunnel */

/* A slot of the pinger is 2 * row, + 1 for a probe that is not counted. */
#define SLOTS_A_PEER (2 * PATH_COUNT)

struct aim {
	struct addr addr;
	bool live;	 /* in the present roster */
	bool warm;	 /* has been sent to */
	unsigned silent; /* probes since the last answer, up to SILENT_MAX */
	int code;	 /* errno of the last attempt to send, 0 = sent */
	uint64_t unsent; /* attempts since code changed */
};

struct peer {
	char name[MESH_NAME_MAX];
	bool direct; /* the overlay address is routed by the direct interface */
	struct aim aims[TARGET_KINDS];
};

struct engine {
	struct engine_opts opts;
	char self[MESH_NAME_MAX];
	uint64_t boot, seq;
	char direct_name[IF_NAMESIZE];
	unsigned direct; /* index of the direct interface; 0 = there is none */
	struct pace *pace;
	struct window_set *windows;
	struct mono window_end;
	uint64_t next_seq; /* of the pinger */
	struct peer *peers;
	uint32_t n_peers;
};

static void
route_peer(struct engine *e, struct peer *peer)
{
	unsigned ifindex = 0;
	/* No route counts as the hub's: that is where the packets would go. */
	int rc = fib_lookup(e->opts.fib, &peer->aims[TARGET_OVERLAY].addr, &ifindex);
	bool direct = rc == 0 && e->direct && ifindex == e->direct;

	if (direct != peer->direct)
		log_debug("%s: its overlay address is now routed %s", peer->name,
		    direct ? "direct" : "by the hub");
	peer->direct = direct;
}

static void
route_all(struct engine *e)
{
	/* It may come, go and come back under another index while we run. */
	e->direct = if_nametoindex(e->direct_name);
	for (uint32_t i = 0; i < e->n_peers; i++)
		if (e->peers[i].aims[TARGET_OVERLAY].live)
			route_peer(e, &e->peers[i]);
}

static uint32_t
find_peer(struct engine *e, const char name[MESH_NAME_MAX])
{
	/* The targets of one peer follow each other, so the last is a good guess. */
	for (uint32_t i = e->n_peers; i-- > 0;)
		if (strcmp(e->peers[i].name, name) == 0)
			return i;
	e->peers = mem_grow(e->peers, e->n_peers + 1, sizeof(*e->peers));
	e->peers[e->n_peers] = (struct peer){ 0 };
	memcpy(e->peers[e->n_peers].name, name, MESH_NAME_MAX);
	return e->n_peers++;
}

static void
want(struct engine *e, uint32_t number, enum target_kind kind, const struct addr *addr)
{
	struct aim *aim = &e->peers[number].aims[kind];

	if (!addr_equal(&aim->addr, addr)) {
		aim->warm = false;
		aim->silent = SILENT_MAX;
	}
	aim->addr = *addr;
	aim->live = true;
}

/* Bring the pace into line with what is wanted; was: what it has now. */
static void
repace(struct engine *e, const bool *was, uint32_t n_was, struct mono now)
{
	for (uint32_t id = 0; id < e->n_peers * TARGET_KINDS; id++) {
		struct peer *peer = &e->peers[id / TARGET_KINDS];
		struct aim *aim = &peer->aims[id % TARGET_KINDS];
		bool had = id < n_was && was[id];

		if (aim->live && !had)
			pace_add(e->pace, id,
			    pace_key(e->self, peer->name, id % TARGET_KINDS), now);
		if (!aim->live && had) {
			pace_remove(e->pace, id);
			aim->warm = false;
		}
	}
}

void
engine_reload(struct engine *e, const struct engine_roster *roster, struct mono now)
{
	uint32_t n_was = e->n_peers * TARGET_KINDS;
	bool *was = mem_array(n_was, sizeof(*was));

	for (uint32_t id = 0; id < n_was; id++) {
		struct aim *aim = &e->peers[id / TARGET_KINDS].aims[id % TARGET_KINDS];

		was[id] = aim->live;
		aim->live = false;
	}
	memcpy(e->self, roster->mesh->nodes[roster->self].name, sizeof(e->self));
	memcpy(e->direct_name, roster->mesh->direct_interface, sizeof(e->direct_name));
	for (size_t i = 0; i < roster->n_targets; i++) {
		const struct target *t = &roster->targets[i];

		if (t->addr.family)
			want(e, find_peer(e, roster->mesh->nodes[t->node].name),
			    t->kind, &t->addr);
	}
	repace(e, was, n_was, now);
	free(was);
	route_all(e);
}

static struct window_edge
edge_now(const struct engine *e, struct mono now)
{
	return (struct window_edge){ now, clock_wall(), e->next_seq,
		pinger_counts(e->opts.pinger) };
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
	window_free(e->windows);
	free(e->peers);
	free(e);
}

/* Did the answer come back the way that the probe is counted under? */
static bool
agrees(const struct engine *e, const struct pinger_result *r, enum path path)
{
	bool direct = e->direct && r->ifindex == e->direct;

	if (path == PATH_PUBLIC || r->ifindex == 0)
		return true;
	return direct == (path == PATH_DIRECT);
}

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct engine *e = ctx;
	struct pinger_result counted = *r;
	struct peer *peer = &e->peers[r->slot / SLOTS_A_PEER];
	enum path path = r->slot / 2 % PATH_COUNT;
	bool whole = true;

	if (r->fate == PINGER_ANSWERED && path == PATH_DIRECT)
		peer->aims[TARGET_TUNNEL].silent = 0;
	if (r->slot % 2)
		return;
	if (r->fate == PINGER_ANSWERED) {
		whole = agrees(e, r, path);
		if (!whole)
			route_peer(e, peer);
	}
	counted.slot = r->slot / 2;
	window_result(e->windows, &counted, whole);
}

/* The kernel knows no way to the target, as opposed to a trouble of our own. */
static bool
is_no_way(int code)
{
	switch (code) {
	case ENODEV:
	case ENXIO:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL: /* the interface has no address of this family */
	case ENOKEY:	    /* WireGuard: no peer has the address */
	case EDESTADDRREQ:  /* WireGuard: the peer has no endpoint yet */
		return true;
	default:
		return false;
	}
}

static void
log_change(const struct peer *peer, enum target_kind kind, struct aim *aim, int code)
{
	const char *what = target_kind_name(kind);

	if (code == aim->code) {
		aim->unsent++;
		return;
	}
	if (code)
		log_warnx("%s: %s probe: send: %s", peer->name, what, strerror(code));
	else
		log_info("%s: %s probe: sending again after %llu failures", peer->name,
		    what, (unsigned long long)aim->unsent);
	aim->code = code;
	aim->unsent = 1;
}

static enum path
path_of(const struct peer *peer, enum target_kind kind)
{
	if (kind == TARGET_PUBLIC)
		return PATH_PUBLIC;
	return kind == TARGET_TUNNEL || peer->direct ? PATH_DIRECT : PATH_HUB;
}

/*
 * A target's first probe is sent and not counted: it pays for neighbour discovery and a
 * WireGuard handshake, which is no property of the path.
 */
static bool
is_counted(const struct engine *e, enum target_kind kind, const struct aim *aim)
{
	return aim->warm && (kind != TARGET_TUNNEL || aim->silent < SILENT_MAX ||
				pinger_hears(e->opts.pinger, &aim->addr));
}

static void
probe(struct engine *e, uint32_t id, struct mono now)
{
	struct peer *peer = &e->peers[id / TARGET_KINDS];
	enum target_kind kind = id % TARGET_KINDS;
	struct aim *aim = &peer->aims[kind];
	uint32_t row = id / TARGET_KINDS * PATH_COUNT + (uint32_t)path_of(peer, kind);
	bool counted = is_counted(e, kind, aim);
	uint64_t seq = 0;
	int code;

	/* While the overlay address goes direct, its probe measures the tunnel. */
	if (kind == TARGET_TUNNEL && (!e->direct || peer->direct))
		return;
	code = -pinger_send(e->opts.pinger, row * 2 + !counted, &aim->addr, e->direct,
	    PAYLOAD_BYTES, now, &seq);
	if (kind == TARGET_TUNNEL && is_no_way(code)) {
		aim->warm = false; /* no tunnel is staged: nothing to say */
		return;
	}
	if (code || aim->code)
		log_change(peer, kind, aim, code);
	if (kind == TARGET_OVERLAY && is_no_way(code))
		window_unsendable(e->windows, row);
	if (code)
		return;
	e->next_seq = seq + 1;
	aim->warm = true;
	if (aim->silent < SILENT_MAX)
		aim->silent++;
	if (counted)
		window_sent(e->windows, row);
}

static void
roll(struct engine *e, struct mono now)
{
	struct window_edge edge = edge_now(e, now);

	window_roll(e->windows, &edge);
	e->window_end = mono_add(e->window_end, e->opts.interval_ns);
	if (mono_diff(now, e->window_end) >= 0) /* we were stopped for a while */
		e->window_end = mono_add(now, e->opts.interval_ns);
	route_all(e);
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
	struct report r = { 0 };

	while (window_take(e->windows, now, &r, name_of, e)) {
		memcpy(r.node, e->self, sizeof(r.node));
		r.boot = e->boot;
		r.seq = e->seq++;
		r.stamp = pinger_stamp(e->opts.pinger);
		e->opts.report(&r, e->opts.ctx);
		report_fini(&r);
	}
}

static struct mono
earlier(struct mono a, struct mono b)
{
	return a.ns < b.ns ? a : b;
}

struct mono
engine_tick(struct engine *e, struct mono now)
{
	struct mono next, at;
	uint32_t id;

	(void)pinger_drain(e->opts.pinger, now, on_result, e); /* windows count them */
	if (mono_diff(now, e->window_end) >= 0)
		roll(e, now);
	while (pace_due(e->pace, now, &id))
		probe(e, id, now);
	report(e, now);
	next = e->window_end;
	if (pace_next(e->pace, &at))
		next = earlier(next, at);
	if (window_next(e->windows, &at))
		next = earlier(next, at);
	return next;
}
