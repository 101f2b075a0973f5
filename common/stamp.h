/* SPDX-License-Identifier: MIT */
/*
 * STAMP (RFC 8762) test packets as bytes: what a Session-Sender sends and what a
 * Session-Reflector answers, unauthenticated and authenticated.  Pure.
 *
 * Authenticated packets carry the first 16 bytes of HMAC-SHA-256 over their first 96
 * (section 4.4).  A packet may be longer than its format; what follows is padding or
 * TLVs (RFC 8972) that this does not read.
 */
#ifndef COMMON_STAMP_H
#define COMMON_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

#define STAMP_PORT	  862 /* IANA: twamp-test, shared with STAMP */
#define STAMP_BYTES	  44
#define STAMP_AUTH_BYTES  112
#define STAMP_BYTES_MAX	  1472 /* a packet of 1500 bytes on IPv4 */
#define STAMP_KEY_BYTES	  32
#define STAMP_ERROR_PTP	  0x4000 /* error estimate: times are PTP's, not NTP's */
#define STAMP_ERROR_GUESS 0x1001 /* NTP, not known to be synchronised, 2^-16 s */

struct stamp_key {
	uint8_t b[STAMP_KEY_BYTES];
};

/* A time is kept as it is on the wire: 64 bits whose format the error estimate tells.
 */
struct stamp_request {
	uint32_t seq;
	uint64_t when; /* T1 */
	uint16_t error;
};

struct stamp_reply {
	uint32_t seq;
	uint64_t when; /* T3 */
	uint16_t error;
	uint64_t received; /* T2, in the format of when */
	uint32_t sender_seq;
	uint64_t sender_when; /* T1 as it came */
	uint16_t sender_error;
	uint8_t ttl; /* of the request as it came */
};

/* The least length of a packet; in all of this key NULL is unauthenticated. */
static inline size_t
stamp_bytes(const struct stamp_key *key)
{
	return key ? STAMP_AUTH_BYTES : STAMP_BYTES;
}

/* A packet of len bytes, stamp_bytes() or more, zero where nothing is said. */
void stamp_put_request(const struct stamp_request *r, const struct stamp_key *key,
    uint8_t *out, size_t len);
/* 0; -EBADMSG if it is too short, -EACCES if the HMAC is another. */
int stamp_get_request(const uint8_t *in, size_t len, const struct stamp_key *key,
    struct stamp_request *out);

/*
 * Writes the first stamp_bytes() of a reply over the request that it is to; the rest of
 * a longer one goes back as it came, so that the reply is as long as the request.
 */
void stamp_put_reply(const struct stamp_reply *r, const struct stamp_key *key,
    uint8_t *packet);
int stamp_get_reply(const uint8_t *in, size_t len, const struct stamp_key *key,
    struct stamp_reply *out);

/* NTP's format: seconds since 1900 and 2^-32 of them. */
uint64_t stamp_time(struct wall t);

/*
 * How long the reflector held the packet, T3 - T2 in ns; -1 if that is negative or over
 * a minute, so that its clock was set or its times are none.
 */
int64_t stamp_dwell_ns(const struct stamp_reply *r);

#endif
