/* SPDX-License-Identifier: MIT */
/*
 * The Session-Reflector of STAMP (RFC 8762), stateless: it sends each request of the
 * roster back with the times at which it came and went, as long as it was, to where and
 * from where it was sent.  It answers nobody else, and no packet that could be the
 * answer of another reflector.
 */
#ifndef COMMON_STAMP_REFLECTOR_H
#define COMMON_STAMP_REFLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/stamp.h"

struct stamp_reflector;

struct stamp_reflector_counts {
	uint64_t answered;
	uint64_t strangers; /* not of the roster */
	uint64_t limited;   /* too many at once: stamp_gate.h */
	uint64_t malformed; /* no request, or with a wrong HMAC */
	uint64_t unsent;    /* the kernel did not take the answer */
};

/* key: as in stamp.h, copied.  0, or -errno and err says what to do. */
int stamp_reflector_new(uint16_t port, const struct stamp_key *key,
    struct stamp_reflector **out, struct err *err);
void stamp_reflector_free(struct stamp_reflector *r);

/* Whom to answer from now on; nobody at first. */
void stamp_reflector_roster(struct stamp_reflector *r, const struct addr *addrs,
    size_t n);

/* Descriptors to wait on; how many. */
size_t stamp_reflector_fds(const struct stamp_reflector *r, int fds[2]);
/* Answer what has come, but not without end. */
void stamp_reflector_serve(struct stamp_reflector *r, struct mono now);

struct stamp_reflector_counts stamp_reflector_counts(const struct stamp_reflector *r);

#endif
