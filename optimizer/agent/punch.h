/* SPDX-License-Identifier: MIT */
/*
 * Opening a NAT for a tunnel: one datagram from the direct port that the kernel's
 * WireGuard holds, towards where the far end was seen, with a TTL so small that it
 * passes this end's NAT and dies before the other's.  A NAT that was left open this way
 * lets the handshake in; one that is reached first by a stranger's packet may take the
 * port for that, and then no handshake ever passes.  IPv4 only.
 */
#ifndef OPTIMIZER_AGENT_PUNCH_H
#define OPTIMIZER_AGENT_PUNCH_H

#include "common/addr.h"

/*
 * Past a NAT on the host's own network, and hardly further: what is behind the other
 * NAT is never reached, nor the NAT itself, which could take it for a new flow.
 */
#define PUNCH_TTL   2
#define PUNCH_BYTES 32 /* IPv4 and UDP headers, and four of nothing */

/* Needs CAP_NET_RAW; the socket can only send.  0 or -errno. */
int punch_open(int *fd);

/* The datagram; the kernel fills in its source.  -EAFNOSUPPORT for IPv6. */
int punch_datagram(const struct addr *to, uint16_t port, uint16_t from,
    uint8_t out[PUNCH_BYTES]);

/* 0 or -errno. */
int punch_send(int fd, const struct addr *to, uint16_t port, uint16_t from);

#endif
