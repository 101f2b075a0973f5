/* SPDX-License-Identifier: MIT */
/*
 * The kernel refuses at once (EMSGSIZE) what the interface or a router's word forbids,
 * so most steps cost no time; a step costs up to TRIES waits only where packets vanish.
 */
#include "optimizer/ping_mtu.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/pinger.h"

#define TRIES	    2u /* a lost packet must not look like a narrow path */
#define WAIT_MAX_NS NS_PER_S

struct search {
	uint32_t good, bad; /* bytes of packets: the largest that came, the least that
			       did not */
	uint32_t tries;	    /* of the size in between */
	bool pending;
};

struct mtu {
	struct pinger *pinger;
	struct ping_target *targets;
	struct search *searches;
	size_t n;
};

/* What is before the payload: IP and ICMP headers. */
static uint32_t
headers(const struct ping_target *t)
{
	return t->addr.family == AF_INET ? 28 : 48;
}

static uint32_t
size_of(const struct search *s)
{
	return s->good + (s->bad - s->good) / 2;
}

static void
failed(struct search *s)
{
	s->bad = size_of(s);
	s->tries = 0;
}

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct mtu *m = ctx;
	struct search *s = &m->searches[r->slot];

	if (!s->pending || r->fate > PINGER_LOST)
		return;
	s->pending = false;
	if (r->fate == PINGER_ANSWERED) {
		s->good = size_of(s);
		s->tries = 0;
	} else if (++s->tries == TRIES) {
		failed(s);
	}
}

/* Send what each search asks next; false if all are at their end. */
static bool
send_all(struct mtu *m)
{
	bool more = false;

	for (size_t i = 0; i < m->n; i++) {
		struct search *s = &m->searches[i];
		struct pinger_probe p = { .slot = (uint32_t)i,
			.to = m->targets[i].addr,
			.tos = (uint8_t)(m->targets[i].dscp << 2) };
		uint64_t seq;

		while (!s->pending && s->bad - s->good > 1) {
			p.payload = size_of(s) - headers(&m->targets[i]);
			if (pinger_send(m->pinger, &p, clock_mono(), &seq) == 0)
				s->pending = true;
			else
				failed(s);
		}
		more |= s->pending;
	}
	return more;
}

static void
wait_for_answer(struct mtu *m)
{
	int fds[PINGER_FDS];
	struct pollfd polls[PINGER_FDS];
	size_t n = pinger_fds(m->pinger, fds);

	for (size_t i = 0; i < n; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	(void)poll(polls, (nfds_t)n, 20); /* we drain in any case */
	(void)pinger_drain(m->pinger, clock_mono(), on_result, m); /* likewise */
}

int
ping_mtu(const struct ping_opts *opts, struct ping_target *targets, size_t n,
    struct err *err)
{
	struct pinger_opts icmp = { .timeout_ns = opts->timeout_ns,
		.dont_fragment = true };
	struct mtu m = { .targets = targets, .n = n };
	int rc;

	if (icmp.timeout_ns > WAIT_MAX_NS)
		icmp.timeout_ns = WAIT_MAX_NS;
	rc = pinger_new(&icmp, &m.pinger, err);
	if (rc < 0)
		return rc;
	m.searches = mem_array(n, sizeof(*m.searches));
	for (size_t i = 0; i < n; i++) {
		struct search *s = &m.searches[i];

		if (!targets[i].answered || targets[i].method != PING_ICMP)
			continue;
		s->good = headers(&targets[i]) + PINGER_PAYLOAD_MIN;
		s->bad = headers(&targets[i]) + PINGER_PAYLOAD_MAX + 1;
	}
	while (!*opts->stop && send_all(&m))
		wait_for_answer(&m);
	for (size_t i = 0; i < n; i++)
		targets[i].mtu = m.searches[i].good;
	free(m.searches);
	pinger_free(m.pinger);
	return 0;
}
