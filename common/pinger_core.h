/* SPDX-License-Identifier: MIT */
/*
 * The inside of pinger.h, shared by the files that make it up: pinger.c sends,
 * pinger_receive.c reads, pinger_stamps.c looks after the clocks.
 */
#ifndef COMMON_PINGER_CORE_H
#define COMMON_PINGER_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/echo.h"
#include "common/flight.h"
#include "common/pinger.h"
#include "common/pinger_inbox.h"
#include "common/pinger_outbox.h"
#include "common/pinger_socket.h"
#include "common/stepwatch.h"

#define PINGER_SOCKETS PINGER_FDS /* bit 0: IPv6; bit 1: overlay */
/* What a probe of the flight table is marked with: its epoch and its socket. */
#define PINGER_EPOCHS ((FLIGHT_MARK_MAX + 1) / PINGER_SOCKETS)

struct pinger {
	struct pinger_socket sockets[PINGER_SOCKETS];
	struct pinger_outbox *out[PINGER_SOCKETS]; /* NULL until needed */
	bool split; /* there are overlay sockets of their own */
	struct echo_key key;
	struct flight *flight;
	struct pinger_counts counts;
	struct stepwatch clock;
	uint8_t epoch;	    /* counts what spoils an RTT, modulo PINGER_EPOCHS */
	size_t payload_max; /* the longest sent so far: answers need as much room */
	struct pinger_inbox *in, *errors;
};

/* Whom to tell. */
struct pinger_listener {
	pinger_cb *cb;
	void *ctx;
};

static inline uint8_t
pinger_core_mark(const struct pinger *p, const struct pinger_socket *s)
{
	return (uint8_t)(p->epoch * PINGER_SOCKETS + (s - p->sockets));
}

/*
 * Send a probe from one socket, under a sequence of the caller's.  1, or -errno.
 */
int pinger_core_send(struct pinger *p, struct pinger_socket *s,
    const struct pinger_probe *probe, uint64_t seq);

/* Read the error queue: stamps and, if anybody listens, ICMP errors. */
void pinger_receive_errors(struct pinger *p, struct pinger_socket *s,
    const struct pinger_listener *to);
/* Read both queues.  True if all that had arrived when this was called has been read.
 */
bool pinger_receive_all(struct pinger *p, struct pinger_socket *s,
    const struct pinger_listener *to);

/* Has the clock been set?  Then an epoch ends. */
void pinger_stamps_watch(struct pinger *p);
/* Begin to watch, and ask the loopback which stamps of ours the kernel makes. */
void pinger_stamps_start(struct pinger *p, bool test);
bool pinger_stamps_settle(struct pinger *p);
enum stamp pinger_stamps_weakest(const struct pinger *p);

#endif
