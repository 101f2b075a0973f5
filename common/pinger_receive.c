/* SPDX-License-Identifier: MIT */
/*
 * Everything that comes in by the sockets of a pinger.  The error queue is read after
 * each batch of answers and before they are looked at: a packet is stamped before it
 * leaves, so the stamp of what has been answered is there, if there is one.
 */
#include <errno.h>
#include <sys/socket.h>

#include "common/pinger_core.h"

/*
 * A drain ends after so many messages, lest a flood hold us: more than the buffer has
 * room for.  What is left may hold answers, so nothing expires then.
 */
#define DRAIN_MAX 65536

static void
tell(const struct pinger_listener *to, struct pinger_result *r, enum pinger_fate fate)
{
	r->fate = fate;
	to->cb(r, to->ctx);
}

static void
unreachable(struct pinger *p, const struct pinger_arrival *a, const struct echo *echo,
    const struct pinger_listener *to)
{
	struct pinger_result r = { .slot = echo->slot,
		.seq = echo->seq,
		.rtt_ns = -1,
		.icmp_type = a->icmp_type,
		.icmp_code = a->icmp_code,
		.by = a->by };
	struct flight_probe probe;

	if (!flight_find(p->flight, echo->slot, echo->seq, &probe))
		return;
	p->counts.unreachable++;
	tell(to, &r, PINGER_UNREACHABLE);
}

/*
 * The error queue: our own packets with their stamps, and ICMP errors.  A raw socket
 * hears of everybody's errors, so what has no tag of ours is no news.
 */
void
pinger_receive_errors(struct pinger *p, struct pinger_socket *s,
    const struct pinger_listener *to)
{
	unsigned n = PINGER_INBOX_BATCH;

	for (unsigned total = 0; n == PINGER_INBOX_BATCH && total < DRAIN_MAX;
	     total += n) {
		n = pinger_inbox_read(p->errors, s->fd, MSG_ERRQUEUE);
		for (unsigned i = 0; i < n; i++) {
			struct pinger_arrival a;
			struct echo echo;

			pinger_inbox_get(p->errors, i, false, &a);
			if (a.kind == PINGER_MAIL_STAMP &&
			    echo_find_request(&p->key, a.msg, a.len, &echo) == 0)
				flight_stamp(p->flight, echo.slot, echo.seq, a.when.ns);
			if (a.kind == PINGER_MAIL_ERROR && a.addr.family && to &&
			    echo_parse_request(&p->key, a.msg, a.len, &a.addr, &echo) ==
				0)
				unreachable(p, &a, &echo, to);
		}
	}
}

/* Between the two stamps, or -1. */
static int64_t
elapsed(struct pinger *p, struct pinger_socket *s, const struct flight_probe *probe,
    const struct pinger_arrival *a)
{
	if (probe->mark != pinger_core_mark(p, s) || !a->when.ns)
		return -1;
	if (!probe->stamp_ns) {
		s->unstamped++;
		p->counts.unstamped++;
		return -1;
	}
	s->stamped++;
	return a->when.ns > probe->stamp_ns ? a->when.ns - probe->stamp_ns : -1;
}

static void
match(struct pinger *p, struct pinger_socket *s, const struct echo *echo,
    const struct pinger_arrival *a, const struct pinger_listener *to)
{
	struct pinger_result r = { .slot = echo->slot, .seq = echo->seq, .rtt_ns = -1 };
	struct pinger_result lost = r;
	struct flight_probe probe;
	struct flight_answer answer;

	if (!flight_find(p->flight, echo->slot, echo->seq, &probe))
		return; /* ours, but over ten seconds late */
	r.rtt_ns = elapsed(p, s, &probe, a);
	/* Unknown counts as in time: flight_expire() has not told it lost. */
	answer = flight_answer(p->flight, echo->seq, r.rtt_ns > 0 ? r.rtt_ns : 0);
	r.ttl = a->ttl;
	r.ifindex = a->ifindex;
	r.reordered = answer.reordered;
	if (answer.fate == FLIGHT_DUPLICATE) {
		r.rtt_ns = -1;
		tell(to, &r, PINGER_DUPLICATE);
		return;
	}
	if (answer.expired)
		tell(to, &lost, PINGER_LOST);
	tell(to, &r, answer.fate == FLIGHT_LATE ? PINGER_LATE : PINGER_ANSWERED);
}

static void
answered(struct pinger *p, struct pinger_socket *s, struct pinger_arrival *a,
    const struct pinger_listener *to)
{
	struct echo echo;
	int rc;

	if (a->has_dropped) { /* wraps as the kernel's does */
		p->counts.local_drop += a->dropped - s->dropped;
		s->dropped = a->dropped;
	}
	if (!a->msg)
		return;
	if (!s->rx_stamp)
		a->when = clock_wall();
	rc = echo_parse(&p->key, a->msg, a->len, &a->addr, &echo);
	if (rc == -EBADMSG || (rc == 0 && s->raw && echo.id != s->id))
		p->counts.spoofed++;
	else if (rc == 0)
		match(p, s, &echo, a, to);
}

bool
pinger_receive_all(struct pinger *p, struct pinger_socket *s,
    const struct pinger_listener *to)
{
	bool strip = s->raw && s->family == AF_INET;
	unsigned n = PINGER_INBOX_BATCH, total = 0;

	for (; n == PINGER_INBOX_BATCH && total < DRAIN_MAX; total += n) {
		n = pinger_inbox_read(p->in, s->fd, 0);
		if (n > 0)
			pinger_stamps_watch(p);
		pinger_receive_errors(p, s, to);
		for (unsigned i = 0; i < n; i++) {
			struct pinger_arrival a;

			pinger_inbox_get(p->in, i, strip, &a);
			answered(p, s, &a, to);
		}
	}
	return n < PINGER_INBOX_BATCH;
}
