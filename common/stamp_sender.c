/* SPDX-License-Identifier: MIT */
/*
 * The 32 bits of a STAMP sequence number are the low ones of the flight's 64, and a
 * packet has no room for a slot: notes, a ring beside the flight, hold what a reply has
 * to be compared with.
 */
#include "common/stamp_sender.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/flight.h"
#include "common/mem.h"
#include "common/stamp_socket.h"
#include "common/stepwatch.h"

#define NOTES_MIN 64u

/* What is remembered of a probe. */
struct note {
	uint64_t seq;
	uint64_t when; /* T1 as sent */
	struct addr to;
	uint32_t slot, epoch;
	struct mono sent;
	int64_t t1_ns; /* the better one of the two; 0 = the kernel's has not come */
};

struct stamp_sender {
	struct stamp_sender_opts opts;
	struct stamp_key key;
	int fds[2];   /* IPv4, IPv6; -1: the host lacks it */
	bool used[2]; /* has been sent on: else there is nothing to read */
	bool tx;      /* T1 is the kernel's */
	uint32_t dropped[2];
	struct pinger_counts counts;
	struct stepwatch clock;
	struct flight *flight;
	struct note *notes; /* by seq & (n_notes - 1) */
	size_t n_notes;
};

static struct note *
note_at(const struct stamp_sender *s, uint64_t seq)
{
	return &s->notes[seq & (s->n_notes - 1)];
}

int
stamp_sender_new(const struct stamp_sender_opts *opts, struct stamp_sender **out,
    struct err *err)
{
	static const sa_family_t families[2] = { AF_INET, AF_INET6 };
	struct stamp_sender *s = mem_alloc(sizeof(*s));

	assert(opts->timeout_ns > 0);
	s->opts = *opts;
	if (opts->key) {
		s->key = *opts->key;
		s->opts.key = &s->key;
	}
	s->tx = true;
	s->fds[0] = s->fds[1] = -1;
	for (int i = 0; i < 2; i++) {
		s->fds[i] = stamp_socket_open(families[i], 0, &s->tx);
		if (s->fds[i] < 0 && s->fds[i] != -EAFNOSUPPORT) {
			int rc = err_code(err, -s->fds[i], "stamp: UDP socket: %s",
			    strerror(-s->fds[i]));

			stamp_sender_free(s);
			return rc;
		}
	}
	s->flight = flight_new(opts->timeout_ns);
	s->n_notes = NOTES_MIN;
	s->notes = mem_array(s->n_notes, sizeof(*s->notes));
	stepwatch_look(&s->clock);
	*out = s;
	return 0;
}

void
stamp_sender_free(struct stamp_sender *s)
{
	if (!s)
		return;
	for (int i = 0; i < 2; i++)
		if (s->fds[i] >= 0)
			(void)close(s->fds[i]); /* nothing buffered that could fail */
	flight_free(s->flight);
	free(s->notes);
	free(s);
}

enum stamp
stamp_sender_stamp(const struct stamp_sender *s)
{
	return s->tx ? STAMP_KERNEL : STAMP_KERNEL_RX;
}

uint64_t
stamp_sender_next(const struct stamp_sender *s)
{
	return flight_next(s->flight);
}

/* A note for a new probe; the ring grows while the flight remembers what is there. */
static struct note *
take_note(struct stamp_sender *s, uint64_t seq, struct mono now)
{
	int64_t keep_ns = s->opts.timeout_ns + FLIGHT_LATE_NS;
	struct note *n = note_at(s, seq), *old = s->notes;
	size_t was = s->n_notes;

	if (!n->sent.ns || mono_diff(now, n->sent) > keep_ns)
		return n;
	s->n_notes *= 2;
	s->notes = mem_array(s->n_notes, sizeof(*s->notes));
	for (size_t i = 0; i < was; i++)
		if (old[i].sent.ns)
			*note_at(s, old[i].seq) = old[i];
	free(old);
	return note_at(s, seq);
}

int
stamp_sender_send(struct stamp_sender *s, const struct stamp_probe *probe,
    struct mono now, uint64_t *seq)
{
	struct flight_probe flying = { .slot = probe->slot, .sent = now };
	struct stamp_way way = { probe->source, probe->ifindex,
		(uint8_t)(probe->dscp << 2) };
	int fd = s->fds[probe->to.family == AF_INET6], rc;
	uint64_t next = flight_next(s->flight);
	uint8_t packet[STAMP_AUTH_BYTES];
	struct sockaddr_storage to;
	socklen_t to_len;
	struct stamp_request request = { .seq = (uint32_t)next,
		.error = STAMP_ERROR_GUESS };
	struct wall t1;

	if (fd < 0)
		return -EAFNOSUPPORT;
	to_len = addr_to_sockaddr(&probe->to, s->opts.port, probe->scope, &to);
	t1 = clock_wall();
	request.when = stamp_time(t1);
	stamp_put_request(&request, s->opts.key, packet, stamp_bytes(s->opts.key));
	s->used[probe->to.family == AF_INET6] = true;
	rc = stamp_socket_send(fd, &to, to_len, &way, packet, stamp_bytes(s->opts.key));
	if (rc < 0)
		return rc;
	*take_note(s, next, now) = (struct note){ next, request.when, probe->to,
		probe->slot, s->clock.epoch, now, s->tx ? 0 : t1.ns };
	*seq = flight_add(s->flight, &flying);
	return 0;
}

/* The probe of a number on the wire; NULL if none is remembered. */
static struct note *
find_note(const struct stamp_sender *s, uint32_t low)
{
	uint64_t next = flight_next(s->flight), seq;
	struct note *n;

	seq = (next & ~(uint64_t)UINT32_MAX) | low;
	if (seq >= next) {
		if (seq <= UINT32_MAX)
			return NULL;
		seq -= (uint64_t)UINT32_MAX + 1;
	}
	n = note_at(s, seq);
	return n->sent.ns && n->seq == seq ? n : NULL;
}

static void
tell(pinger_cb *cb, void *ctx, struct pinger_result *r, enum pinger_fate fate)
{
	r->fate = fate;
	cb(r, ctx);
}

static void
match(struct stamp_sender *s, const struct note *n, const struct stamp_meta *meta,
    int64_t dwell_ns, struct pinger_result *r)
{
	int64_t elapsed_ns = meta->when.ns - n->t1_ns;

	r->slot = n->slot;
	r->seq = n->seq;
	r->ttl = meta->ttl;
	r->ifindex = meta->ifindex;
	r->rtt_ns = -1;
	if (n->epoch == s->clock.epoch && n->t1_ns && meta->when.ns && dwell_ns >= 0 &&
	    elapsed_ns > dwell_ns)
		r->rtt_ns = elapsed_ns - dwell_ns;
}

/* Is this reply to a probe of ours?  Its note, or NULL. */
static struct note *
accept_reply(struct stamp_sender *s, const uint8_t *packet, size_t len,
    const struct stamp_meta *meta, int64_t *dwell_ns)
{
	struct stamp_reply reply;
	struct note *n;

	if (stamp_get_reply(packet, len, s->opts.key, &reply) < 0)
		return NULL;
	n = find_note(s, reply.sender_seq);
	if (!n || n->when != reply.sender_when || !addr_equal(&n->to, &meta->from) ||
	    meta->from_port != s->opts.port)
		return NULL;
	*dwell_ns = stamp_dwell_ns(&reply);
	return n;
}

static void
take(struct stamp_sender *s, const struct note *n, struct pinger_result *r,
    pinger_cb *cb, void *ctx)
{
	struct pinger_result lost = { .slot = r->slot, .seq = r->seq, .rtt_ns = -1 };
	struct flight_answer answer;
	struct flight_probe probe;

	if (!flight_find(s->flight, n->slot, n->seq, &probe))
		return; /* over ten seconds late */
	answer = flight_answer(s->flight, n->seq, r->rtt_ns > 0 ? r->rtt_ns : 0);
	r->reordered = answer.reordered;
	if (answer.fate == FLIGHT_DUPLICATE) {
		tell(cb, ctx, r, PINGER_DUPLICATE);
		return;
	}
	if (answer.expired)
		tell(cb, ctx, &lost, PINGER_LOST);
	tell(cb, ctx, r, answer.fate == FLIGHT_LATE ? PINGER_LATE : PINGER_ANSWERED);
}

/* T1 of what has left since. */
static void
read_sent(struct stamp_sender *s, int fd)
{
	uint8_t packet[STAMP_AUTH_BYTES];
	size_t bytes = stamp_bytes(s->opts.key);
	struct stamp_request request;
	struct wall when;
	ssize_t len;

	while ((len = stamp_socket_sent(fd, packet, bytes, &when)) >= 0) {
		struct note *n;

		if (!len || stamp_get_request(packet, bytes, s->opts.key, &request) < 0)
			continue;
		n = find_note(s, request.seq);
		/* Over a tunnel there may be a second one, of the outer packet. */
		if (n && n->when == request.when && !n->t1_ns)
			n->t1_ns = when.ns;
	}
}

/* What had arrived by now; a flood cannot hold us, as in the pinger. */
static void
drain_socket(struct stamp_sender *s, int i, pinger_cb *cb, void *ctx)
{
	int64_t until_ns = clock_wall().ns;
	uint8_t packet[STAMP_BYTES_MAX];
	struct stamp_meta meta = { 0 };

	while (meta.when.ns <= until_ns) {
		ssize_t len =
		    stamp_socket_receive(s->fds[i], packet, sizeof(packet), &meta);
		struct pinger_result r = { 0 };
		int64_t dwell_ns = -1;
		struct note *n;

		if (len < 0 && len != -EMSGSIZE)
			return;
		s->counts.local_drop += meta.dropped - s->dropped[i];
		s->dropped[i] = meta.dropped;
		n = len < 0 ? NULL
			    : accept_reply(s, packet, (size_t)len, &meta, &dwell_ns);
		if (!n) {
			s->counts.spoofed++;
			continue;
		}
		match(s, n, &meta, dwell_ns, &r);
		take(s, n, &r, cb, ctx);
	}
}

size_t
stamp_sender_drain(struct stamp_sender *s, struct mono now, pinger_cb *cb, void *ctx)
{
	uint32_t slot;
	uint64_t seq;

	stepwatch_look(&s->clock);
	for (int i = 0; i < 2; i++) {
		if (!s->used[i])
			continue;
		read_sent(s, s->fds[i]);
		drain_socket(s, i, cb, ctx);
	}
	while (flight_expire(s->flight, now, &slot, &seq)) {
		struct pinger_result r = { .slot = slot, .seq = seq, .rtt_ns = -1 };

		tell(cb, ctx, &r, PINGER_LOST);
	}
	return flight_count(s->flight);
}

struct pinger_counts
stamp_sender_counts(const struct stamp_sender *s)
{
	return s->counts;
}

size_t
stamp_sender_fds(const struct stamp_sender *s, int fds[2])
{
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		if (s->fds[i] >= 0)
			fds[n++] = s->fds[i];
	return n;
}
