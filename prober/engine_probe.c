/* SPDX-License-Identifier: MIT */
/*
 * Which path is a probe of?  By the target, except for the overlay address: that leaves
 * by the direct interface or by the hub's, and only the kernel knows.  It is asked when
 * a window begins and whenever an answer contradicts.  An answer by the other interface
 * means that the two ends are not switched alike; its RTT is half of each path, so it
 * counts as an answer and as no sample.
 *
 * In place there is one interface, and which peer takes the packet is told only to
 * those with CAP_NET_ADMIN.  There the answer's TTL says it: the hub forwards, and
 * takes one.
 */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "prober/engine_core.h"

#define PAYLOAD_BYTES 56 /* as ping(8): 98 bytes on an Ethernet, 158 in a tunnel */

/* A slot of the pinger is 2 * row, + 1 for a probe that is not counted. */
#define SLOTS_A_PEER (2 * PATH_COUNT)

/* With what systems send, and STAMP by RFC 8762; no way of an overlay has 63 hops. */
static bool
is_unforwarded(uint8_t ttl)
{
	return ttl == 64 || ttl == 128 || ttl == 255;
}

/*
 * Did the answer come back the way that the probe is counted under?  If not, the next
 * one is counted under the way that is found now.
 */
static bool
agrees(struct engine *e, struct peer *peer, const struct pinger_result *r,
    enum path path)
{
	bool direct = e->direct && r->ifindex == e->direct;

	if (path == PATH_PUBLIC || r->ifindex == 0)
		return true;
	if (e->in_place) {
		if (!r->ttl || !peer->aims[TARGET_TUNNEL].live)
			return true;
		direct = is_unforwarded(r->ttl);
	}
	if (direct == (path == PATH_DIRECT))
		return true;
	if (e->in_place)
		peer->direct = direct;
	else
		engine_peers_route(e, peer);
	return false;
}

/* The target that a probe of this path is for. */
static enum target_kind
kind_of(const struct peer *peer, enum path path)
{
	if (path == PATH_PUBLIC)
		return TARGET_PUBLIC;
	return path == PATH_DIRECT && !peer->direct ? TARGET_TUNNEL : TARGET_OVERLAY;
}

static void
on_unreachable(struct peer *peer, enum path path, const struct pinger_result *r)
{
	enum target_kind kind = kind_of(peer, path);
	struct aim *aim = &peer->aims[kind];
	char by[ADDR_TEXT_MAX] = "this machine";

	peer->stats[path].unreachable++;
	if (aim->said == r->icmp_type)
		return;
	aim->said = r->icmp_type;
	if (r->by.family)
		addr_format(&r->by, by);
	log_info(
	    "%s: %s probe: %s says by ICMP type %u code %u that it is not delivered",
	    peer->name, target_kind_name(kind), by, r->icmp_type, r->icmp_code);
}

void
engine_probe_answer(struct engine *e, struct window_set *windows,
    const struct pinger_result *r)
{
	struct pinger_result counted = *r;
	struct peer *peer = &e->peers[r->slot / SLOTS_A_PEER];
	enum path path = r->slot / 2 % PATH_COUNT;
	bool whole = true;

	if (r->fate == PINGER_ANSWERED) {
		if (path == PATH_DIRECT)
			peer->aims[TARGET_TUNNEL].silent = 0;
		peer->aims[kind_of(peer, path)].said = 0;
		peer->stats[path].ttl = r->ttl;
	}
	if (r->slot % 2)
		return;
	if (r->fate == PINGER_ANSWERED)
		whole = agrees(e, peer, r, path);
	counted.slot = r->slot / 2;
	window_result(windows, &counted, whole);
}

static void on_unsent(struct engine *e, const struct pinger_result *r);

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct engine *e = ctx;

	switch (r->fate) {
	case PINGER_UNREACHABLE:
		on_unreachable(&e->peers[r->slot / SLOTS_A_PEER],
		    r->slot / 2 % PATH_COUNT, r);
		break;
	case PINGER_UNSENT:
		on_unsent(e, r);
		break;
	default:
		engine_probe_answer(e, e->windows, r);
	}
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

enum path
engine_probe_path(const struct peer *peer, enum target_kind kind)
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
	return aim->warm && (kind != TARGET_TUNNEL || aim->silent < ENGINE_SILENT_MAX ||
				pinger_hears(e->opts.pinger, &aim->addr));
}

/*
 * A probe that the kernel refused, at once or when the queue was handed over.  counted:
 * it stands as sent in its window.
 */
void
engine_probe_refused(struct engine *e, struct window_set *windows, uint32_t slot,
    enum target_kind kind, int code)
{
	uint32_t row = slot / 2;
	struct peer *peer = &e->peers[row / PATH_COUNT];
	struct aim *aim = &peer->aims[kind];

	peer->stats[row % PATH_COUNT].unsent++;
	if (kind == TARGET_TUNNEL && is_no_way(code)) {
		aim->warm = false; /* no tunnel is staged: nothing to say */
		return;
	}
	log_change(peer, kind, aim, code);
	if (kind == TARGET_OVERLAY && is_no_way(code))
		window_unsendable(windows, row);
}

void
engine_probe_all_clear(struct engine *e, uint32_t row, enum target_kind kind)
{
	struct peer *peer = &e->peers[row / PATH_COUNT];

	log_change(peer, kind, &peer->aims[kind], 0);
}

static void
on_unsent(struct engine *e, const struct pinger_result *r)
{
	uint32_t row = r->slot / 2;
	struct peer *peer = &e->peers[row / PATH_COUNT];
	enum target_kind kind = kind_of(peer, row % PATH_COUNT);

	if (r->slot % 2)
		peer->aims[kind].warm = false;
	else
		window_unsent(e->windows, row);
	engine_probe_refused(e, e->windows, r->slot, kind, r->error);
}

static void
sent(struct engine *e, struct aim *aim, uint32_t slot, uint64_t seq)
{
	e->next_seq = seq + 1;
	aim->warm = true;
	if (aim->silent < ENGINE_SILENT_MAX)
		aim->silent++;
	if (slot % 2 == 0)
		window_sent(e->windows, slot / 2);
}

static void
probe(struct engine *e, uint32_t id, struct mono now)
{
	struct peer *peer = &e->peers[id / TARGET_KINDS];
	enum target_kind kind = id % TARGET_KINDS;
	struct aim *aim = &peer->aims[kind];
	uint32_t row =
	    id / TARGET_KINDS * PATH_COUNT + (uint32_t)engine_probe_path(peer, kind);
	struct pinger_probe p = { .slot = row * 2 + !is_counted(e, kind, aim),
		.to = aim->addr,
		.scope = e->direct,
		.payload = PAYLOAD_BYTES,
		.overlay = kind != TARGET_PUBLIC,
		.tos = (uint8_t)(aim->dscp << 2) };
	uint64_t seq = 0;
	int code;

	/* While the overlay address goes direct, its probe measures the tunnel. */
	if (kind == TARGET_TUNNEL && (!e->direct || peer->direct))
		return;
	if (e->opts.stamp && (aim->method & MESH_STAMP))
		engine_stamp_probe(e, row, kind, now);
	if (e->opts.stamp && aim->method == MESH_STAMP)
		return;
	if (kind == TARGET_PUBLIC) {
		p.source = e->opts.source;
		p.ifindex = e->opts.source_ifindex;
	}
	/* The rule: in a batch. */
	if (!aim->code && (aim->warm || kind != TARGET_TUNNEL)) {
		sent(e, aim, p.slot,
		    pinger_queue(e->opts.pinger, &p, now, on_result, e));
		return;
	}
	/* Where trouble is likely it is told at once, and so is its end. */
	pinger_flush(e->opts.pinger, on_result, e);
	code = -pinger_send(e->opts.pinger, &p, now, &seq);
	if (code) {
		engine_probe_refused(e, e->windows, p.slot, kind, code);
		return;
	}
	if (aim->code)
		engine_probe_all_clear(e, row, kind);
	sent(e, aim, p.slot, seq);
}

void
engine_probe_due(struct engine *e, struct mono now)
{
	uint32_t id;

	while (pace_due(e->pace, now, &id))
		probe(e, id, now);
	pinger_flush(e->opts.pinger, on_result, e);
}

void
engine_probe_drain(struct engine *e, struct mono now)
{
	(void)pinger_drain(e->opts.pinger, now, on_result, e); /* windows count them */
}
