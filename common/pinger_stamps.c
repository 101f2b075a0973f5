/* SPDX-License-Identifier: MIT */
/*
 * Stamps are CLOCK_REALTIME, since the kernel has no other: of the request when it
 * enters the device's queue or leaves the driver, of the answer on arrival.  Where the
 * kernel does not stamp what is sent, the program reads the clock right before each
 * sendmsg().  Which of them it is belongs to the socket and changes only between two
 * windows, so none has both.
 *
 * Step guard: REALTIME and MONOTONIC run at one rate, slewing included, so their
 * difference is constant until somebody sets the clock.  It is read after each batch of
 * answers; when it has moved, an epoch ends, and a probe that left in another epoch
 * than the one in which its answer was read keeps its answer but not its RTT.  A change
 * of source ends an epoch too.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/pinger_core.h"

#define STEP_NS	       (50 * NS_PER_US) /* a smaller step bends no decision */
#define CLOCK_TRIES    5 /* readings until one was not torn by preemption */
#define CLOCK_TIGHT_NS (5 * NS_PER_US)	/* a reading this tight is good */
#define TEST_NS	       (50 * NS_PER_MS) /* for a stamp to arrive at the start */
#define TEST_SEQ       UINT64_MAX	/* of a probe that is in no table */
#define UNSTAMPED_MIN  8  /* answers without a stamp until its source is given up */
#define UNSTAMPED_PART 16 /* if they are at least one in so many */

static void
end_epoch(struct pinger *p)
{
	p->epoch = (uint8_t)((p->epoch + 1) % PINGER_EPOCHS);
}

static int64_t
read_offset(int64_t *width_ns)
{
	int64_t offset_ns = 0;

	*width_ns = INT64_MAX;
	for (int i = 0; i<CLOCK_TRIES && * width_ns> CLOCK_TIGHT_NS; i++) {
		struct mono before = clock_mono();
		struct wall wall = clock_wall();
		int64_t took_ns = mono_diff(clock_mono(), before);

		if (took_ns < *width_ns) {
			*width_ns = took_ns;
			offset_ns = wall.ns - (before.ns + took_ns / 2);
		}
	}
	return offset_ns;
}

void
pinger_stamps_watch(struct pinger *p)
{
	int64_t width_ns, offset_ns = read_offset(&width_ns);

	if (llabs(offset_ns - p->offset_ns) <= STEP_NS + width_ns)
		return;
	p->offset_ns = offset_ns;
	p->counts.clock_step++;
	end_epoch(p);
}

static bool
stamp_came(struct pinger *p, struct pinger_socket *s)
{
	struct mono end = mono_add(clock_mono(), TEST_NS);
	struct pollfd poll_fd = { .fd = s->fd }; /* POLLERR is always told */
	int64_t left_ns = TEST_NS;

	for (; left_ns > 0; left_ns = mono_diff(end, clock_mono())) {
		unsigned n = pinger_inbox_read(p->errors, s->fd, MSG_ERRQUEUE);

		for (unsigned i = 0; i < n; i++) {
			struct pinger_arrival a;
			struct echo echo;

			pinger_inbox_get(p->errors, i, false, &a);
			if (a.kind == PINGER_MAIL_STAMP && a.when.ns &&
			    echo_find_request(&p->key, a.msg, a.len, &echo) == 0)
				return true;
		}
		(void)poll(&poll_fd, 1, (int)(left_ns / NS_PER_MS) + 1);
	}
	return false;
}

/* Does the kernel stamp what this socket sends?  Asked of the loopback. */
static void
test_stamps(struct pinger *p, struct pinger_socket *s)
{
	struct pinger_probe probe = { .payload = PINGER_PAYLOAD_MIN };
	int rc;

	(void)addr_parse(s->family == AF_INET ? "127.0.0.1" : "::1", &probe.to);
	for (; s->tx != PINGER_TX_NONE; pinger_socket_tx(s, s->tx - 1)) {
		rc = pinger_core_send(p, s, &probe, TEST_SEQ);
		/* No loopback to ask: pinger_settle() will see. */
		if (rc < 0 || stamp_came(p, s))
			return;
	}
}

void
pinger_stamps_start(struct pinger *p, bool test)
{
	int64_t width_ns;

	p->offset_ns = read_offset(&width_ns);
	for (unsigned i = 0; test && i < PINGER_SOCKETS; i++)
		if (p->sockets[i].fd >= 0)
			test_stamps(p, &p->sockets[i]);
}

bool
pinger_stamps_settle(struct pinger *p)
{
	bool changed = false;

	for (unsigned i = 0; i < PINGER_SOCKETS; i++) {
		struct pinger_socket *s = &p->sockets[i];
		bool software = s->tx == PINGER_TX_SOFTWARE;

		/* One of several drivers may be the one that makes none, hence the
		 * share; the core makes TX_SCHED for every device alike. */
		if (s->fd >= 0 && s->tx != PINGER_TX_NONE &&
		    s->unstamped >= UNSTAMPED_MIN &&
		    s->stamped <= (software ? s->unstamped * UNSTAMPED_PART : 0)) {
			pinger_socket_tx(s, s->tx - 1);
			changed = true;
		}
		s->stamped = s->unstamped = 0;
	}
	if (changed)
		end_epoch(p);
	return changed;
}

enum stamp
pinger_stamps_weakest(const struct pinger *p)
{
	enum stamp weakest = STAMP_KERNEL;

	for (unsigned i = 0; i < PINGER_SOCKETS; i++) {
		const struct pinger_socket *s = &p->sockets[i];

		if (s->fd >= 0 && !s->rx_stamp)
			weakest = STAMP_USER;
		else if (s->fd >= 0 && s->tx == PINGER_TX_NONE &&
			 weakest == STAMP_KERNEL)
			weakest = STAMP_KERNEL_RX;
	}
	return weakest;
}
