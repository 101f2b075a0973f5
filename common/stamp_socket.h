/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets for STAMP: their options, and what comes with a packet besides its bytes.
 */
#ifndef COMMON_STAMP_SOCKET_H
#define COMMON_STAMP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/addr.h"
#include "common/clock.h"

#define STAMP_CONTROL_BYTES 256 /* stamps, packet info, TTL, TOS, drops, error: 200 */

struct stamp_meta {
	struct addr from, to; /* family 0 = not said */
	uint16_t from_port;
	unsigned ifindex;
	struct wall when; /* 0 = no stamp */
	uint8_t ttl, tos;
	uint32_t dropped; /* reading of SO_RXQ_OVFL */
};

/* What a packet is to be sent with, besides to where; all may be 0. */
struct stamp_way {
	struct addr source;
	unsigned ifindex;
	uint8_t tos;
};

/*
 * A socket bound to port (0 = any) of any address, or -errno; -EAFNOSUPPORT if the host
 * lacks the family.  tx: stamp what is sent, too; *tx is false if the kernel cannot.
 */
int stamp_socket_open(sa_family_t family, uint16_t port, bool *tx);

/* Whole packets only: 0 or -errno. */
int stamp_socket_send(int fd, const struct sockaddr_storage *to, socklen_t to_len,
    const struct stamp_way *way, const uint8_t *packet, size_t len);

/* The length, or -errno; -EMSGSIZE for one over cap, which is gone. */
ssize_t stamp_socket_receive(int fd, uint8_t *packet, size_t cap,
    struct stamp_meta *meta);

/*
 * The next packet of ours that the kernel has stamped as it left, its last cap bytes,
 * and when; the length, or -errno.
 */
ssize_t stamp_socket_sent(int fd, uint8_t *packet, size_t cap, struct wall *when);

#endif
