/* SPDX-License-Identifier: MIT */
/*
 * ICMP and ICMPv6 echo messages as bytes, and the proof that an answer is ours.
 *
 * Payload: an 8-byte tag, then sequence (64 bits), slot (32) and payload length (32) in
 * network order, then zeros.  The tag is SipHash-2-4, under a key that never leaves the
 * process, of those three and of the target's address.  The parser computes it with the
 * address that the answer came from, so an answer from anywhere else, a changed one and
 * a made-up one fail the same test.
 */
#ifndef COMMON_ECHO_H
#define COMMON_ECHO_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define ECHO_HEADER	 8  /* type, code, checksum, id, sequence */
#define ECHO_PAYLOAD_MIN 24 /* tag, sequence, slot, length */
#define ECHO_HEAD	 (ECHO_HEADER + ECHO_PAYLOAD_MIN) /* all of it that is not zero */
#define ECHO_PAYLOAD_MAX 65000 /* with its headers still an IPv4 packet */
#define ECHO_KEY_BYTES	 16    /* of SipHash */

struct echo_key {
	uint8_t b[ECHO_KEY_BYTES];
};

struct echo {
	struct addr target;
	uint16_t id; /* of the ICMP header; a ping socket overwrites it */
	uint32_t slot;
	uint64_t seq; /* the header's own 16 bits of it are for people with tcpdump */
};

/* A fresh random key. */
void echo_key_new(struct echo_key *key);

/*
 * Write the echo request of len bytes, ECHO_HEADER + payload.  The IPv4 checksum is
 * filled in; that of ICMPv6 belongs to the kernel, which knows the source address.
 */
void echo_build(const struct echo_key *key, const struct echo *echo, uint8_t *out,
    size_t len);

/*
 * Its first ECHO_HEAD bytes alone, for who has the zeros at hand; they add nothing to
 * the checksum.
 */
void echo_build_head(const struct echo_key *key, const struct echo *echo,
    uint8_t out[ECHO_HEAD], size_t len);

/*
 * Read an echo reply that came from `from`: *out has that as its target.  0; -ENOMSG if
 * it is no echo reply, -EBADMSG if it is one but not to a request of this key.
 */
int echo_parse(const struct echo_key *key, const uint8_t *msg, size_t len,
    const struct addr *from, struct echo *out);

/*
 * Read one of our own requests to `to`, as an ICMP error quotes it: perhaps cut, so
 * only the first ECHO_HEAD bytes are looked at.  0, -ENOMSG or -EBADMSG as above.
 */
int echo_parse_request(const struct echo_key *key, const uint8_t *msg, size_t len,
    const struct addr *to, struct echo *out);

/*
 * The same in a packet that left, as the kernel loops it back with its time stamp: with
 * the link layer's header, if the device has one.
 */
int echo_find_request(const struct echo_key *key, const uint8_t *packet, size_t len,
    struct echo *out);

/*
 * The ICMP message inside an IPv4 packet, as raw sockets deliver it, or NULL; *len goes
 * from the packet's length to the message's.
 */
const uint8_t *echo_strip_ipv4(const uint8_t *packet, size_t *len);

#endif
