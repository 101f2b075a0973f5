/* SPDX-License-Identifier: MIT */
/*
 * Stamps are CLOCK_REALTIME, since the kernel has no other: of the request when it
 * enters the device's queue or leaves the driver, of the answer on arrival.  Where the
 * kernel does not stamp what is sent, the program reads the clock right before each
 * sendmsg().  Which of them it is belongs to the socket and changes only between two
 * windows, so none has both.
 *
 * The clock is watched (stepwatch.h) after each batch of answers; when it was set, an
 * epoch ends, and a probe that left in another epoch than the one in which its answer
 * was read keeps its answer but not its RTT.  A change of source ends an epoch too.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/pinger_core.h"

#define TEST_NS	       (50 * NS_PER_MS) /* for a stamp to arrive at the start */
#define TEST_SEQ       UINT64_MAX	/* of a probe that is in no table */
#define UNSTAMPED_MIN  8  /* answers without a stamp until its source is given up */
#define UNSTAMPED_PART 16 /* if they are at least one in so many */

static void
end_epoch(struct pinger *p)
{
	p->epoch = (uint8_t)((p->epoch + 1) % PINGER_EPOCHS);
}

void
pinger_stamps_watch(struct pinger *p)
{
	uint32_t epoch = p->clock.epoch;

	stepwatch_look(&p->clock);
	if (p->clock.epoch == epoch)
		return;
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
	stepwatch_look(&p->clock);
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
