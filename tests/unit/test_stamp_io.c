/* SPDX-License-Identifier: MIT */
/*
 * The STAMP sender against a reflector that lies, and our reflector, all on loopback.
 */
#include "common/stamp_sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/stamp_reflector.h"

#define TIMEOUT_NS NS_PER_S	   /* of what is waited for until it is lost */
#define PATIENT_NS (10 * NS_PER_S) /* far above any hold-up of a busy machine */

struct rig {
	int fd; /* of the reflector that the test plays */
	uint16_t port;
	struct stamp_sender *sender;
	struct addr to;
	uint8_t packet[STAMP_BYTES_MAX]; /* the last request */
	size_t len;
	struct sockaddr_in from; /* of it */
	int fates[PINGER_UNSENT + 1];
	struct pinger_result last;
};

static int
bound(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void
rig_new(struct rig *r, int64_t timeout_ns, const struct stamp_key *key)
{
	struct stamp_sender_opts opts = { .timeout_ns = timeout_ns, .key = key };
	struct err err = { "" };

	*r = (struct rig){ 0 };
	r->fd = bound(&opts.port);
	r->port = opts.port;
	assert_int_equal(addr_parse("127.0.0.1", &r->to), 0);
	if (stamp_sender_new(&opts, &r->sender, &err) < 0)
		fail_msg("%s", err.text);
}

static void
rig_free(struct rig *r)
{
	stamp_sender_free(r->sender);
	close(r->fd);
}

/* Send a probe and receive it at the other end. */
static void
probe(struct rig *r, uint32_t slot)
{
	struct stamp_probe p = { .slot = slot, .to = r->to };
	struct pollfd pfd = { .fd = r->fd, .events = POLLIN };
	socklen_t from_len = sizeof(r->from);
	uint64_t seq;
	ssize_t n;

	assert_int_equal(stamp_sender_send(r->sender, &p, clock_mono(), &seq), 0);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	n = recvfrom(r->fd, r->packet, sizeof(r->packet), 0,
	    (struct sockaddr *)&r->from, &from_len);
	assert_true(n > 0);
	r->len = (size_t)n;
}

/* Answer the last request, having held it for so long by our own account. */
static void
answer(const struct rig *r, int fd, int64_t dwell_ns)
{
	struct wall now = clock_wall();
	struct stamp_request q;
	struct stamp_reply a = { .error = STAMP_ERROR_GUESS, .ttl = 255 };
	uint8_t packet[STAMP_BYTES_MAX];

	assert_int_equal(stamp_get_request(r->packet, r->len, NULL, &q), 0);
	memcpy(packet, r->packet, r->len);
	a.seq = a.sender_seq = q.seq;
	a.sender_when = q.when;
	a.sender_error = q.error;
	a.received = stamp_time(now);
	now.ns += dwell_ns;
	a.when = stamp_time(now);
	stamp_put_reply(&a, NULL, packet);
	assert_int_equal(sendto(fd, packet, r->len, 0,
			     (const struct sockaddr *)&r->from, sizeof(r->from)),
	    (ssize_t)r->len);
}

static void
on_result(const struct pinger_result *result, void *ctx)
{
	struct rig *r = ctx;

	r->fates[result->fate]++;
	r->last = *result;
}

/* Drain until so many results of a fate, or so many spoofed, have been seen. */
static void
drain(struct rig *r, enum pinger_fate fate, int want)
{
	struct mono end = mono_add(clock_mono(), 5 * NS_PER_S);

	while (r->fates[fate] < want && mono_diff(end, clock_mono()) > 0) {
		struct pollfd pfd = { .fd = -1 };

		(void)stamp_sender_drain(r->sender, clock_mono(), on_result, r);
		(void)poll(&pfd, 1, 5);
	}
	assert_int_equal(r->fates[fate], want);
}

static void
drain_spoofed(struct rig *r, uint64_t want)
{
	struct mono end = mono_add(clock_mono(), 5 * NS_PER_S);

	while (stamp_sender_counts(r->sender).spoofed < want &&
	       mono_diff(end, clock_mono()) > 0)
		(void)stamp_sender_drain(r->sender, clock_mono(), on_result, r);
	assert_int_equal(stamp_sender_counts(r->sender).spoofed, want);
}

static void
answered_twice_and_late(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, TIMEOUT_NS, NULL);
	probe(&r, 3);
	answer(&r, r.fd, 0);
	drain(&r, PINGER_ANSWERED, 1);
	assert_int_equal(r.last.slot, 3);
	assert_true(r.last.rtt_ns > 0 && r.last.rtt_ns < TIMEOUT_NS);
	assert_int_equal(r.last.ttl, 64); /* of the test's socket */
	answer(&r, r.fd, 0);
	drain(&r, PINGER_DUPLICATE, 1);
	probe(&r, 3);
	drain(&r, PINGER_LOST, 1);
	answer(&r, r.fd, 0);
	drain(&r, PINGER_LATE, 1);
	assert_int_equal(r.fates[PINGER_ANSWERED], 1);
	assert_int_equal(stamp_sender_counts(r.sender).spoofed, 0);
	rig_free(&r);
}

static void
dwell_is_subtracted(void **state)
{
	struct pollfd none = { .fd = -1 };
	struct rig r;
	int64_t whole_ns;

	(void)state;
	rig_new(&r, PATIENT_NS, NULL);
	probe(&r, 0);
	(void)poll(&none, 1, 50); /* what the reflector's process would take */
	answer(&r, r.fd, 0);
	drain(&r, PINGER_ANSWERED, 1);
	whole_ns = r.last.rtt_ns;
	assert_true(whole_ns >= 50 * NS_PER_MS);
	probe(&r, 0);
	(void)poll(&none, 1, 50);
	answer(&r, r.fd, 49 * NS_PER_MS);
	drain(&r, PINGER_ANSWERED, 2);
	/* Over 1 ms, since at least 50 passed; the rest is this machine's load. */
	assert_true(r.last.rtt_ns >= NS_PER_MS && r.last.rtt_ns < TIMEOUT_NS);
	probe(&r, 0);
	answer(&r, r.fd, 10 * NS_PER_S); /* longer than the whole: its clock was set */
	drain(&r, PINGER_ANSWERED, 3);
	assert_int_equal(r.last.rtt_ns, -1);
	probe(&r, 0);
	answer(&r, r.fd, -NS_PER_S); /* set back */
	drain(&r, PINGER_ANSWERED, 4);
	assert_int_equal(r.last.rtt_ns, -1);
	rig_free(&r);
}

static void
forged_is_refused(void **state)
{
	uint16_t other_port;
	int other = bound(&other_port);
	struct rig r;

	(void)state;
	rig_new(&r, PATIENT_NS, NULL);
	probe(&r, 0);
	answer(&r, other, 0); /* right in all but its port */
	drain_spoofed(&r, 1);
	r.packet[7] ^= 1; /* another T1 */
	answer(&r, r.fd, 0);
	drain_spoofed(&r, 2);
	r.packet[7] ^= 1;
	r.packet[3] ^= 0x40; /* a number that was never sent */
	answer(&r, r.fd, 0);
	drain_spoofed(&r, 3);
	r.packet[3] ^= 0x40;
	for (size_t len = 0; len < STAMP_BYTES; len += 11) /* cut */
		assert_true(sendto(r.fd, r.packet, len, 0, (struct sockaddr *)&r.from,
				sizeof(r.from)) == (ssize_t)len);
	drain_spoofed(&r, 7);
	/* The request itself, sent back: it is no answer. */
	assert_true(sendto(r.fd, r.packet, r.len, 0, (struct sockaddr *)&r.from,
			sizeof(r.from)) == (ssize_t)r.len);
	drain_spoofed(&r, 8);
	answer(&r, r.fd, 0); /* and the true one is still taken */
	drain(&r, PINGER_ANSWERED, 1);
	close(other);
	rig_free(&r);
}

static void
without_hmac_is_refused(void **state)
{
	const struct stamp_key key = { { 1 } };
	struct rig r;

	(void)state;
	rig_new(&r, TIMEOUT_NS, &key);
	probe(&r, 0);
	assert_int_equal(r.len, STAMP_AUTH_BYTES);
	answer(&r, r.fd, 0); /* in the unauthenticated mode */
	drain_spoofed(&r, 1);
	drain(&r, PINGER_LOST, 1);
	rig_free(&r);
}

/* Our two ends, with more probes under way than notes at first. */
static void
ends_meet(void **state)
{
	const struct stamp_key key = { { 7, 7 } };
	struct stamp_reflector *reflector = NULL;
	struct err err = { "" };
	struct rig r;
	uint64_t seq;
	int rc = -1;

	(void)state;
	for (uint16_t port = 40862; rc < 0 && port < 40962; port++) {
		rc = stamp_reflector_new(port, &key, &reflector, &err);
		r = (struct rig){ .port = port, .fd = -1 };
	}
	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(addr_parse("127.0.0.1", &r.to), 0);
	stamp_reflector_roster(reflector, &r.to, 1);
	assert_int_equal(stamp_sender_new(&(struct stamp_sender_opts){ PATIENT_NS,
					      r.port, &key },
			     &r.sender, &err),
	    0);
	for (uint32_t i = 0; i < 200; i++) {
		struct stamp_probe p = { .slot = i, .to = r.to, .dscp = 46 };

		assert_int_equal(stamp_sender_send(r.sender, &p, clock_mono(), &seq),
		    0);
		assert_int_equal(seq, i);
	}
	stamp_reflector_serve(reflector, clock_mono());
	assert_int_equal(stamp_reflector_counts(reflector).answered, 200);
	drain(&r, PINGER_ANSWERED, 200);
	assert_true(r.last.rtt_ns > 0);
	assert_int_equal(r.last.ttl, 255);
	stamp_reflector_roster(reflector, NULL, 0);
	assert_int_equal(stamp_sender_send(r.sender,
			     &(struct stamp_probe){ .to = r.to }, clock_mono(), &seq),
	    0);
	stamp_reflector_serve(reflector, clock_mono());
	assert_int_equal(stamp_reflector_counts(reflector).strangers, 1);
	stamp_reflector_free(reflector);
	stamp_sender_free(r.sender);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answered_twice_and_late),
		cmocka_unit_test(dwell_is_subtracted),
		cmocka_unit_test(forged_is_refused),
		cmocka_unit_test(without_hmac_is_refused),
		cmocka_unit_test(ends_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
