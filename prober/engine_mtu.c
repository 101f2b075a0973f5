/* SPDX-License-Identifier: MIT */
/*
 * Does a full packet get through?  Seldom, to each target, a packet of the size that
 * the kernel believes in goes out with DF, and a small one beside it: if only the small
 * one comes back, the path takes less and no router says so, or none that is heard.
 * Nothing of this is in a report.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "prober/engine_core.h"

#define PERIODS	      300 /* of the prober's: five minutes by default */
#define SMALL_BYTES   56  /* payload, as of every other probe */
#define SURE	      3	  /* full packets in a row that vanish are no accident */
#define HEADERS4      28u /* IP and ICMP */
#define HEADERS6      48u
#define KEY_KIND      64u /* of pace_key(): another phase than the other probes */
#define BYTES_UNKNOWN 0u

/* Bits of aim.mtu_came and aim.mtu_out. */
enum { SMALL = 1, FULL = 2 };

/* The MTU of the route, which the kernel lowers by what routers say; or unknown. */
static uint32_t
route_mtu(const struct addr *to, unsigned scope)
{
	struct sockaddr_storage name;
	socklen_t len = addr_to_sockaddr(to, 9, scope, &name), size = sizeof(int);
	bool four = to->family == AF_INET;
	int fd = socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;

	/* To connect a UDP socket sends nothing and looks the route up. */
	if (fd < 0)
		return BYTES_UNKNOWN;
	if (connect(fd, (struct sockaddr *)&name, len) < 0 ||
	    getsockopt(fd, four ? (int)IPPROTO_IP : (int)IPPROTO_IPV6,
		four ? IP_MTU : IPV6_MTU, &mtu, &size) < 0)
		mtu = 0;
	(void)close(fd); /* nothing was sent */
	return mtu > 0 ? (uint32_t)mtu : BYTES_UNKNOWN;
}

/* Both fates are known. */
static void
judge(struct peer *peer, enum path path, struct aim *aim)
{
	struct engine_stat *stat = &peer->stats[path];

	if (aim->mtu_came & FULL) {
		if (aim->mtu_vanished >= SURE)
			log_info("%s: %s: packets of %u bytes come back again",
			    peer->name, path_name(path), aim->mtu_bytes);
		stat->mtu_bytes = aim->mtu_bytes;
		aim->mtu_vanished = 0;
	} else if (aim->mtu_came & SMALL) {
		stat->mtu_blocked++;
		if (aim->mtu_vanished < UINT8_MAX)
			aim->mtu_vanished++;
		if (aim->mtu_vanished == SURE)
			log_warnx("%s: %s: packets of %u bytes vanish, small ones do "
				  "not: lower the MTU of the interface, or let ICMP "
				  "errors through",
			    peer->name, path_name(path), aim->mtu_bytes);
	}
}

static void
settle(struct peer *peer, enum path path, struct aim *aim, unsigned which)
{
	aim->mtu_out &= (uint8_t)~which;
	if (!aim->mtu_out)
		judge(peer, path, aim);
}

/* The slot: the id of the pace, twice, + 1 for the full packet. */
static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct engine *e = ctx;
	uint32_t id = r->slot / 2;
	struct peer *peer = &e->peers[id / TARGET_KINDS];
	enum target_kind kind = id % TARGET_KINDS;
	struct aim *aim = &peer->aims[kind];
	unsigned which = r->slot % 2 ? FULL : SMALL;

	if (r->fate > PINGER_LOST || !(aim->mtu_out & which))
		return;
	if (r->fate == PINGER_ANSWERED)
		aim->mtu_came |= (uint8_t)which;
	settle(peer, engine_probe_path(peer, kind), aim, which);
}

static void
probe(struct engine *e, uint32_t id, struct mono now)
{
	struct peer *peer = &e->peers[id / TARGET_KINDS];
	enum target_kind kind = id % TARGET_KINDS;
	struct aim *aim = &peer->aims[kind];
	struct pinger_probe p = { .slot = id * 2,
		.to = aim->addr,
		.scope = e->direct,
		.payload = SMALL_BYTES };
	uint32_t headers = aim->addr.family == AF_INET ? HEADERS4 : HEADERS6;
	uint32_t bytes;
	uint64_t seq;

	if (aim->mtu_out || (kind == TARGET_TUNNEL && (!e->direct || peer->direct)))
		return;
	bytes = route_mtu(&aim->addr, e->direct);
	if (bytes < headers + SMALL_BYTES || bytes > headers + PINGER_PAYLOAD_MAX)
		return; /* no route; or loopback, where nothing is in the way */
	if (pinger_send(e->opts.mtu_pinger, &p, now, &seq) < 0)
		return; /* the other probes tell why */
	e->mtu_flying = true;
	aim->mtu_bytes = (uint16_t)bytes;
	aim->mtu_came = 0;
	aim->mtu_out = SMALL | FULL;
	p.slot++;
	p.payload = bytes - headers;
	if (pinger_send(e->opts.mtu_pinger, &p, now, &seq) < 0)
		settle(peer, engine_probe_path(peer, kind), aim, FULL);
}

void
engine_mtu_start(struct engine *e, struct mono now)
{
	if (e->opts.mtu_pinger)
		e->mtu_pace = pace_new(PERIODS * e->opts.period_ns, now);
}

void
engine_mtu_add(struct engine *e, uint32_t id, struct mono now)
{
	const char *peer = e->peers[id / TARGET_KINDS].name;

	if (e->mtu_pace)
		pace_add(e->mtu_pace, id,
		    pace_key(e->self, peer, KEY_KIND + id % TARGET_KINDS), now);
}

void
engine_mtu_remove(struct engine *e, uint32_t id)
{
	if (e->mtu_pace)
		pace_remove(e->mtu_pace, id);
}

void
engine_mtu_tick(struct engine *e, struct mono now)
{
	uint32_t id;

	if (!e->mtu_pace)
		return;
	if (e->mtu_flying)
		e->mtu_flying = pinger_drain(e->opts.mtu_pinger, now, on_result, e) > 0;
	while (pace_due(e->mtu_pace, now, &id))
		probe(e, id, now);
}
