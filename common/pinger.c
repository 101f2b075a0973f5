/* SPDX-License-Identifier: MIT */
/*
 * Stamps: the program reads CLOCK_REALTIME right before each sendmsg(), the kernel
 * stamps the answer on arrival with the same clock.  (CLOCK_MONOTONIC would be immune
 * to steps, but the kernel stamps in real time only.)  One source a pinger, for good.
 *
 * Step guard: REALTIME and MONOTONIC run at one rate, slewing included, so their
 * difference is constant until somebody sets the clock.  It is read after each batch of
 * answers; when it has moved, an epoch ends, and a probe that left in another epoch
 * than the one in which its answer was read keeps its answer but not its RTT.
 */
#include "common/pinger.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/echo.h"
#include "common/flight.h"
#include "common/mem.h"
#include "common/pinger_socket.h"

#define BATCH	       32 /* answers a recvmmsg(); more gains nothing measurable */
#define IP_HEADER_MAX  60
#define CONTROL_BYTES  256 /* stamp, packet info, TTL, drop count: 120 on LP64 */
#define PAYLOAD_USUAL  56  /* the least room for an answer's payload; as ping(8) */
#define STEP_NS	       (50 * NS_PER_US) /* a smaller step bends no decision */
#define CLOCK_TRIES    5 /* readings until one was not torn by preemption */
#define CLOCK_TIGHT_NS (5 * NS_PER_US) /* a reading this tight is good */

struct pinger {
	struct pinger_socket sockets[2]; /* IPv4, IPv6 */
	struct echo_key key;
	uint16_t id;
	int64_t timeout_ns;
	struct flight *flight;
	struct pinger_counts counts;
	int64_t offset_ns;  /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint32_t epoch;	    /* counts clock steps */
	uint8_t *out;	    /* the request being built */
	size_t payload_max; /* the longest sent so far: answers need as much room */
	size_t room;	    /* bytes of each receive buffer */
	uint8_t *in;	    /* BATCH receive buffers */
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	struct sockaddr_storage names[BATCH];
	_Alignas(struct cmsghdr) uint8_t controls[BATCH][CONTROL_BYTES];
};

/* What came with an answer. */
struct arrival {
	struct addr from;
	struct wall when; /* 0: no stamp */
	unsigned ifindex;
	uint8_t ttl;
};

static void
watch_clock(struct pinger *p)
{
	int64_t best_ns = INT64_MAX, offset_ns = 0, moved_ns;

	for (int i = 0; i < CLOCK_TRIES && best_ns > CLOCK_TIGHT_NS; i++) {
		struct mono before = clock_mono();
		struct wall wall = clock_wall();
		int64_t width_ns = mono_diff(clock_mono(), before);

		if (width_ns < best_ns) {
			best_ns = width_ns;
			offset_ns = wall.ns - (before.ns + width_ns / 2);
		}
	}
	moved_ns = llabs(offset_ns - p->offset_ns);
	if (moved_ns <= STEP_NS + best_ns)
		return;
	p->epoch++;
	p->offset_ns = offset_ns;
}

static void
make_room(struct pinger *p)
{
	/* One more than any true answer has, so that a longer one shows. */
	size_t room = IP_HEADER_MAX + ECHO_HEADER + p->payload_max + 1;

	if (room <= p->room)
		return;
	p->room = room;
	p->in = mem_grow(p->in, BATCH, room);
}

int
pinger_new(const struct pinger_opts *opts, struct pinger **out, struct err *err)
{
	static const sa_family_t families[2] = { AF_INET, AF_INET6 };
	struct pinger *p = mem_alloc(sizeof(*p));
	int rc = 0;

	assert(opts->timeout_ns > 0);
	for (int i = 0; i < 2; i++)
		p->sockets[i].fd = -1;
	echo_key_new(&p->key);
	memcpy(&p->id, p->key.b, sizeof(p->id)); /* random, and shows nothing: */
	echo_key_new(&p->key);			 /* the key is drawn anew */
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = pinger_socket_open(&p->sockets[i], families[i], opts, p->id, err);
	if (rc == 0 && p->sockets[0].fd < 0 && p->sockets[1].fd < 0)
		rc = err_code(err, EAFNOSUPPORT,
		    "icmp socket: this host has neither IPv4 nor IPv6");
	if (rc < 0) {
		pinger_free(p);
		return rc;
	}
	p->timeout_ns = opts->timeout_ns;
	p->flight = flight_new(opts->timeout_ns);
	p->out = mem_alloc(ECHO_HEADER + PINGER_PAYLOAD_MAX);
	p->payload_max = PAYLOAD_USUAL;
	make_room(p);
	watch_clock(p);
	*out = p;
	return 0;
}

void
pinger_free(struct pinger *p)
{
	if (!p)
		return;
	for (int i = 0; i < 2; i++)
		pinger_socket_close(&p->sockets[i]);
	flight_free(p->flight);
	free(p->out);
	free(p->in);
	free(p);
}

/* The two sockets differ in nothing that these tell, save that one may be missing. */
static const struct pinger_socket *
some_socket(const struct pinger *p)
{
	return &p->sockets[p->sockets[0].fd < 0];
}

enum stamp
pinger_stamp(const struct pinger *p)
{
	return some_socket(p)->rx_stamp ? STAMP_KERNEL_RX : STAMP_USER;
}

const char *
pinger_mode(const struct pinger *p)
{
	const struct pinger_socket *v4 = &p->sockets[0], *v6 = &p->sockets[1];

	if (v4->fd >= 0 && v6->fd >= 0 && v4->raw != v6->raw)
		return v4->raw ? "raw socket (IPv6: ping socket)"
			       : "ping socket (IPv6: raw socket)";
	return some_socket(p)->raw ? "raw socket" : "ping socket";
}

bool
pinger_hears(const struct pinger *p, const struct addr *to)
{
	return to->family == AF_INET || p->sockets[1].raw;
}

int
pinger_send(struct pinger *p, uint32_t slot, const struct addr *to, unsigned scope,
    size_t payload, struct mono now, uint64_t *seq)
{
	const struct pinger_socket *s = &p->sockets[to->family == AF_INET6];
	struct flight_probe probe = { .slot = slot, .sent = now, .epoch = p->epoch };
	struct echo echo = { *to, p->id, slot, flight_next(p->flight) };
	struct sockaddr_storage name;
	socklen_t name_len = addr_to_sockaddr(to, 0, scope, &name);

	assert(payload >= PINGER_PAYLOAD_MIN && payload <= PINGER_PAYLOAD_MAX);
	if (s->fd < 0)
		return -EAFNOSUPPORT;
	echo_build(&p->key, &echo, p->out, ECHO_HEADER + payload);
	probe.stamp_ns = clock_wall().ns;
	if (sendto(s->fd, p->out, ECHO_HEADER + payload, 0, (struct sockaddr *)&name,
		name_len) < 0)
		return -errno;
	if (payload > p->payload_max)
		p->payload_max = payload;
	*seq = flight_add(p->flight, &probe);
	return 0;
}

/* Never trusts alignment: the data of a control message follows its header. */
static void
read_control(const struct cmsghdr *c, struct arrival *a, uint32_t *dropped)
{
	const void *data = CMSG_DATA(c);
	struct in6_pktinfo info6;
	struct in_pktinfo info4;
	struct timespec ts;
	int ttl = 0;

	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&ts, data, sizeof(ts));
		a->when.ns = ts.tv_sec * NS_PER_S + ts.tv_nsec;
	} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
		memcpy(dropped, data, sizeof(*dropped));
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&info4, data, sizeof(info4));
		a->ifindex = (unsigned)info4.ipi_ifindex;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, data, sizeof(info6));
		a->ifindex = info6.ipi6_ifindex;
	} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
		memcpy(&ttl, data, sizeof(ttl));
		a->ttl = (uint8_t)ttl;
	}
}

static void
read_arrival(struct pinger *p, struct pinger_socket *s, unsigned i, struct arrival *a)
{
	struct msghdr *h = &p->msgs[i].msg_hdr;
	uint32_t dropped = s->dropped;

	*a = (struct arrival){ 0 };
	(void)addr_from_sockaddr(h->msg_name, &a->from); /* the socket's own family */
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		read_control(c, a, &dropped);
	p->counts.local_drop += dropped - s->dropped; /* wraps as the kernel's does */
	s->dropped = dropped;
}

static void
tell(pinger_cb *cb, void *ctx, struct pinger_result *r, enum pinger_fate fate)
{
	r->fate = fate;
	cb(r, ctx);
}

static void
match(struct pinger *p, const struct echo *echo, const struct arrival *a, pinger_cb *cb,
    void *ctx)
{
	struct pinger_result r = { .slot = echo->slot, .seq = echo->seq, .rtt_ns = -1 };
	struct pinger_result lost = r;
	const struct flight_probe *probe;
	struct flight_answer answer;
	int64_t elapsed_ns;

	probe = flight_find(p->flight, echo->slot, echo->seq);
	if (!probe)
		return; /* ours, but over ten seconds late */
	elapsed_ns = a->when.ns - probe->stamp_ns;
	if (probe->epoch == p->epoch && a->when.ns && elapsed_ns > 0)
		r.rtt_ns = elapsed_ns;
	else
		elapsed_ns = 0; /* unknown: flight_expire() has not told it lost */
	answer = flight_answer(p->flight, echo->seq, elapsed_ns);
	r.ttl = a->ttl;
	r.ifindex = a->ifindex;
	r.reordered = answer.reordered;
	if (answer.fate == FLIGHT_DUPLICATE) {
		tell(cb, ctx, &r, PINGER_DUPLICATE);
		return;
	}
	if (answer.expired)
		tell(cb, ctx, &lost, PINGER_LOST);
	tell(cb, ctx, &r, answer.fate == FLIGHT_LATE ? PINGER_LATE : PINGER_ANSWERED);
}

static void
take(struct pinger *p, const struct pinger_socket *s, unsigned i, struct arrival *a,
    struct echo *echo)
{
	const uint8_t *msg = p->iovs[i].iov_base;
	size_t len = p->msgs[i].msg_len;
	int rc;

	echo->target.family = 0; /* nothing for match() */
	if (s->raw && s->family == AF_INET) {
		msg = echo_strip_ipv4(msg, &len);
		if (!msg)
			return;
	}
	rc = echo_parse(&p->key, msg, len, &a->from, echo);
	if (rc == -EBADMSG || (rc == 0 && s->raw && echo->id != p->id)) {
		echo->target.family = 0;
		p->counts.spoofed++;
	}
}

static int
receive(struct pinger *p, const struct pinger_socket *s)
{
	make_room(p);
	for (unsigned i = 0; i < BATCH; i++) {
		p->iovs[i] = (struct iovec){ p->in + i * p->room, p->room };
		p->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &p->names[i],
			.msg_namelen = sizeof(p->names[i]),
			.msg_iov = &p->iovs[i],
			.msg_iovlen = 1,
			.msg_control = p->controls[i],
			.msg_controllen = CONTROL_BYTES,
		};
	}
	/* A pending error of the socket costs one call and says nothing of the queue.
	 */
	for (int tries = 0; tries < 3; tries++) {
		int n = recvmmsg(s->fd, p->msgs, BATCH, MSG_DONTWAIT, NULL);

		if (n >= 0 || errno == EAGAIN)
			return n;
	}
	return -1;
}

/*
 * Read all that had arrived when this was called.  A socket's queue is in order of
 * arrival, so an answer stamped later than the call ends it: a flood cannot hold us.
 */
static void
drain_socket(struct pinger *p, struct pinger_socket *s, pinger_cb *cb, void *ctx)
{
	int64_t until_ns = clock_wall().ns;
	bool caught_up = false;
	int n = BATCH;

	while (s->fd >= 0 && n == BATCH && !caught_up) {
		n = receive(p, s);
		if (n > 0)
			watch_clock(p);
		for (int i = 0; i < n; i++) {
			struct arrival a;
			struct echo echo;

			read_arrival(p, s, (unsigned)i, &a);
			caught_up = a.when.ns > until_ns;
			if (!s->rx_stamp)
				a.when = clock_wall();
			take(p, s, (unsigned)i, &a, &echo);
			if (echo.target.family)
				match(p, &echo, &a, cb, ctx);
		}
	}
}

size_t
pinger_drain(struct pinger *p, struct mono now, pinger_cb *cb, void *ctx)
{
	struct flight_probe probe;

	watch_clock(p); /* also ends an epoch in which nothing was received */
	for (int i = 0; i < 2; i++)
		drain_socket(p, &p->sockets[i], cb, ctx);
	while (flight_expire(p->flight, now, &probe)) {
		struct pinger_result r = { probe.slot, probe.seq, .rtt_ns = -1 };

		tell(cb, ctx, &r, PINGER_LOST);
	}
	return flight_count(p->flight);
}

struct pinger_counts
pinger_counts(const struct pinger *p)
{
	return p->counts;
}

size_t
pinger_fds(const struct pinger *p, int fds[2])
{
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		if (p->sockets[i].fd >= 0)
			fds[n++] = p->sockets[i].fd;
	return n;
}
