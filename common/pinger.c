/* SPDX-License-Identifier: MIT */
/*
 * One socket for each family and, with stamps of what is sent, for each kind of way
 * out, since which stamp the kernel makes is the socket's choice.
 */
#include "common/pinger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/pinger_core.h"

#define IP_HEADER_MAX 60
#define LOOPED_BYTES  (18 + IP_HEADER_MAX + ECHO_HEAD) /* with its link header */
#define PAYLOAD_USUAL 56 /* the least room for an answer's payload; as ping(8) */

static struct pinger_socket *
socket_for(struct pinger *p, const struct pinger_probe *probe)
{
	return &p->sockets[(probe->to.family == AF_INET6) | (p->split && probe->overlay)
								<< 1];
}

static unsigned
index_of(const struct pinger *p, const struct pinger_socket *s)
{
	return (unsigned)(s - p->sockets);
}

static void
make_room(struct pinger *p, size_t payload)
{
	if (payload > p->payload_max)
		p->payload_max = payload;
	/* One more than any true answer has, so that a longer one shows. */
	pinger_inbox_room(p->in, IP_HEADER_MAX + ECHO_HEADER + p->payload_max + 1);
}

static void
put(struct pinger *p, struct pinger_socket *s, const struct pinger_probe *probe,
    uint64_t seq)
{
	unsigned i = index_of(p, s);
	struct echo echo = { probe->to, s->id, probe->slot, seq };

	assert(probe->payload >= PINGER_PAYLOAD_MIN);
	assert(probe->payload <= PINGER_PAYLOAD_MAX);
	if (!p->out[i])
		p->out[i] = pinger_outbox_new();
	make_room(p, probe->payload);
	s->used = true;
	pinger_outbox_put(p->out[i], &p->key, &echo, probe);
}

static uint64_t
take_off(struct pinger *p, const struct pinger_socket *s,
    const struct pinger_probe *probe, struct mono now)
{
	struct flight_probe f = { .slot = probe->slot, .sent = now };

	f.mark = pinger_core_mark(p, s);
	return flight_add(p->flight, &f);
}

/* Hand over the i-th and what follows; as pinger_outbox_send(). */
static int
hand_over(struct pinger *p, struct pinger_socket *s, unsigned i)
{
	struct pinger_outbox *out = p->out[index_of(p, s)];
	const struct echo *first = pinger_outbox_get(out, i);
	unsigned n = pinger_outbox_count(out) - i;

	if (s->fd < 0)
		return -EAFNOSUPPORT;
	if (s->tx == PINGER_TX_NONE) { /* our own clock stamps one at a time */
		flight_stamp(p->flight, first->slot, first->seq, clock_wall().ns);
		n = 1;
	}
	return pinger_outbox_send(out, s->fd, i, n);
}

static void
flush_socket(struct pinger *p, struct pinger_socket *s,
    const struct pinger_listener *to)
{
	struct pinger_outbox *out = p->out[index_of(p, s)];
	unsigned i = 0;

	if (!out || pinger_outbox_count(out) == 0)
		return;
	while (i < pinger_outbox_count(out)) {
		const struct echo *e = pinger_outbox_get(out, i);
		struct pinger_result r = { .slot = e->slot,
			.seq = e->seq,
			.fate = PINGER_UNSENT,
			.rtt_ns = -1 };
		int rc = hand_over(p, s, i);

		if (rc > 0) {
			i += (unsigned)rc;
			continue;
		}
		i++;
		r.error = -rc;
		p->counts.unsent++;
		flight_cancel(p->flight, r.seq);
		to->cb(&r, to->ctx);
	}
	pinger_outbox_clear(out);
	if (s->fd < 0)
		return;
	/* Stamps and answers share the receive buffer.  Where there is more to send,
	 * reading both keeps the queue short and its memory in the cache; a few wait
	 * for the next drain. */
	if (i == PINGER_OUTBOX_BATCH)
		(void)pinger_receive_all(p, s, to); /* the next drain goes on */
}

void
pinger_flush(struct pinger *p, pinger_cb *cb, void *ctx)
{
	const struct pinger_listener to = { cb, ctx };

	for (unsigned i = 0; i < PINGER_SOCKETS; i++)
		flush_socket(p, &p->sockets[i], &to);
}

uint64_t
pinger_queue(struct pinger *p, const struct pinger_probe *probe, struct mono now,
    pinger_cb *cb, void *ctx)
{
	struct pinger_socket *s = socket_for(p, probe);
	struct pinger_outbox *out = p->out[index_of(p, s)];
	uint64_t seq;

	if (out && pinger_outbox_count(out) == PINGER_OUTBOX_BATCH)
		flush_socket(p, s, &(struct pinger_listener){ cb, ctx });
	seq = take_off(p, s, probe, now);
	put(p, s, probe, seq);
	return seq;
}

int
pinger_core_send(struct pinger *p, struct pinger_socket *s,
    const struct pinger_probe *probe, uint64_t seq)
{
	int rc;

	assert(!p->out[index_of(p, s)] ||
	       pinger_outbox_count(p->out[index_of(p, s)]) == 0); /* flush first */
	put(p, s, probe, seq);
	rc = hand_over(p, s, 0);
	pinger_outbox_clear(p->out[index_of(p, s)]);
	return rc;
}

int
pinger_send(struct pinger *p, const struct pinger_probe *probe, struct mono now,
    uint64_t *seq)
{
	struct pinger_socket *s = socket_for(p, probe);
	int rc;

	if (s->fd < 0)
		return -EAFNOSUPPORT;
	*seq = take_off(p, s, probe, now);
	rc = pinger_core_send(p, s, probe, *seq);
	if (rc > 0)
		return 0;
	p->counts.unsent++;
	flight_cancel(p->flight, *seq);
	return rc;
}

size_t
pinger_drain(struct pinger *p, struct mono now, pinger_cb *cb, void *ctx)
{
	const struct pinger_listener to = { cb, ctx };
	struct pinger_result r = { .fate = PINGER_LOST, .rtt_ns = -1 };
	bool all = true;

	pinger_stamps_watch(p); /* also ends an epoch in which nothing was received */
	for (unsigned i = 0; i < PINGER_SOCKETS; i++)
		if (p->sockets[i].fd >= 0 && p->sockets[i].used)
			all = pinger_receive_all(p, &p->sockets[i], &to) && all;
	while (all && flight_expire(p->flight, now, &r.slot, &r.seq))
		cb(&r, ctx);
	return flight_count(p->flight);
}

static int
open_sockets(struct pinger *p, const struct pinger_opts *opts, struct err *err)
{
	uint16_t id;
	int rc = 0;

	memcpy(&id, p->key.b, sizeof(id)); /* random, and shows nothing: */
	echo_key_new(&p->key);		   /* the key is drawn anew */
	for (unsigned i = 0; rc == 0 && i < (p->split ? 4 : 2); i++) {
		struct pinger_socket *s = &p->sockets[i];

		s->family = i & 1 ? AF_INET6 : AF_INET;
		s->id = (uint16_t)(id + i);
		if (opts->tx_stamps)
			s->tx = i & 2 ? PINGER_TX_SCHED : PINGER_TX_SOFTWARE;
		rc = pinger_socket_open(s, opts, err);
	}
	if (rc == 0 && p->sockets[0].fd < 0 && p->sockets[1].fd < 0)
		rc = err_code(err, EAFNOSUPPORT,
		    "icmp socket: this host has neither IPv4 nor IPv6");
	return rc;
}

int
pinger_new(const struct pinger_opts *opts, struct pinger **out, struct err *err)
{
	struct pinger *p = mem_alloc(sizeof(*p));
	int rc;

	assert(opts->timeout_ns > 0);
	for (unsigned i = 0; i < PINGER_SOCKETS; i++)
		p->sockets[i].fd = -1;
	p->split = opts->tx_stamps;
	echo_key_new(&p->key);
	rc = open_sockets(p, opts, err);
	if (rc < 0) {
		pinger_free(p);
		return rc;
	}
	p->flight = flight_new(opts->timeout_ns);
	p->in = pinger_inbox_new(IP_HEADER_MAX);
	p->errors = pinger_inbox_new(LOOPED_BYTES);
	make_room(p, PAYLOAD_USUAL);
	pinger_stamps_start(p, opts->tx_stamps && !opts->device);
	*out = p;
	return 0;
}

void
pinger_free(struct pinger *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < PINGER_SOCKETS; i++) {
		pinger_socket_close(&p->sockets[i]);
		pinger_outbox_free(p->out[i]);
	}
	flight_free(p->flight);
	pinger_inbox_free(p->in);
	pinger_inbox_free(p->errors);
	free(p);
}

/* The sockets differ in nothing that this tells, save that one may be missing. */
const char *
pinger_mode(const struct pinger *p)
{
	const struct pinger_socket *v4 = &p->sockets[0], *v6 = &p->sockets[1];

	if (v4->fd >= 0 && v6->fd >= 0 && v4->raw != v6->raw)
		return v4->raw ? "raw socket (IPv6: ping socket)"
			       : "ping socket (IPv6: raw socket)";
	return (v4->fd >= 0 ? v4 : v6)->raw ? "raw socket" : "ping socket";
}

bool
pinger_hears(const struct pinger *p, const struct addr *to)
{
	return to->family == AF_INET || p->sockets[1].raw;
}

bool
pinger_settle(struct pinger *p)
{
	return pinger_stamps_settle(p);
}

enum stamp
pinger_stamp(const struct pinger *p)
{
	return pinger_stamps_weakest(p);
}

struct pinger_counts
pinger_counts(const struct pinger *p)
{
	return p->counts;
}

size_t
pinger_fds(const struct pinger *p, int fds[PINGER_FDS])
{
	size_t n = 0;

	for (unsigned i = 0; i < PINGER_SOCKETS; i++)
		if (p->sockets[i].fd >= 0)
			fds[n++] = p->sockets[i].fd;
	return n;
}
