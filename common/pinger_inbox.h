/* SPDX-License-Identifier: MIT */
/*
 * What a socket of pinger.h delivers, a batch a system call: answers from its receive
 * queue; from its error queue the packets that left, looped back with their time stamp,
 * and the ICMP errors that came about them.
 */
#ifndef COMMON_PINGER_INBOX_H
#define COMMON_PINGER_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"

#define PINGER_INBOX_BATCH                                         \
	64 /* messages a recvmmsg(); more gains nothing measurable \
	    */

struct pinger_inbox;

enum pinger_mail { PINGER_MAIL_ANSWER, PINGER_MAIL_STAMP, PINGER_MAIL_ERROR };

struct pinger_arrival {
	enum pinger_mail kind;
	const uint8_t *msg; /* until the next read; without the IPv4 header of an ANSWER
			       by a raw socket, with all headers of a STAMP */
	size_t len;
	struct addr addr; /* ANSWER: from; ERROR: whom the quoted request was for */
	struct wall when; /* the kernel's stamp; 0: none */
	unsigned ifindex;
	uint8_t ttl;
	bool has_dropped;
	uint32_t dropped; /* SO_RXQ_OVFL, which counts up for ever */
	struct addr by;	  /* ERROR: who says so; family 0: this machine */
	uint8_t icmp_type, icmp_code;
};

/* room: the longest message that is to arrive whole; what is longer is cut. */
struct pinger_inbox *pinger_inbox_new(size_t room);
void pinger_inbox_free(struct pinger_inbox *in);

/* Make the room larger if it is smaller; what was read is gone. */
void pinger_inbox_room(struct pinger_inbox *in, size_t room);

/*
 * Read without waiting; MSG_ERRQUEUE in flags for the error queue.  The number of
 * messages, 0 if there are none.
 */
unsigned pinger_inbox_read(struct pinger_inbox *in, int fd, int flags);

/* The i-th of them.  strip: the socket is raw and IPv4. */
void pinger_inbox_get(struct pinger_inbox *in, unsigned i, bool strip,
    struct pinger_arrival *out);

#endif
