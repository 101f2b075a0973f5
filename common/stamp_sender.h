/* SPDX-License-Identifier: MIT */
/*
 * The Session-Sender of STAMP (RFC 8762) to many reflectors: the counterpart of
 * pinger.h, with the same results and for the same callers, who drain it on their own
 * tick.
 *
 * RTT = (T4 - T1) - (T3 - T2): what the packet was under way for, without the time that
 * the reflector held it.  T4 is the kernel's, and so is T1 where it can be.  A reply is
 * taken for an answer if it comes from the address and port that were asked, names a
 * number under way, and brings T1 back bit for bit; in authenticated mode its HMAC must
 * be right, too.
 */
#ifndef COMMON_STAMP_SENDER_H
#define COMMON_STAMP_SENDER_H

#include "common/err.h"
#include "common/pinger.h"
#include "common/stamp.h"

struct stamp_sender;

struct stamp_sender_opts {
	int64_t timeout_ns;
	uint16_t port;		     /* of the reflectors */
	const struct stamp_key *key; /* NULL = unauthenticated; copied */
};

struct stamp_probe {
	uint32_t slot;
	struct addr to;
	unsigned scope;	    /* interface index for link-local targets */
	struct addr source; /* family 0 = the kernel's choice */
	unsigned ifindex;   /* to leave by; 0 = the kernel's choice */
	uint8_t dscp;
};

int stamp_sender_new(const struct stamp_sender_opts *opts, struct stamp_sender **out,
    struct err *err);
void stamp_sender_free(struct stamp_sender *s);

/* 0 and *seq, or -errno as pinger_send() has it. */
int stamp_sender_send(struct stamp_sender *s, const struct stamp_probe *probe,
    struct mono now, uint64_t *seq);

/* The next *seq. */
uint64_t stamp_sender_next(const struct stamp_sender *s);

/* As pinger_drain(). */
size_t stamp_sender_drain(struct stamp_sender *s, struct mono now, pinger_cb *cb,
    void *ctx);

enum stamp stamp_sender_stamp(const struct stamp_sender *s);
struct pinger_counts stamp_sender_counts(const struct stamp_sender *s);
size_t stamp_sender_fds(const struct stamp_sender *s, int fds[2]);

#endif
