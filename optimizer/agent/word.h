/* SPDX-License-Identifier: MIT */
/*
 * Words between the two ends of a tunnel, switched in place: what core_word() says, in
 * the payload of an ICMPv6 echo request from link-local address to link-local address.
 *
 * An echo request, since those must pass anyway, or no tunnel is ever verified: there
 * is no port to open, not even in the tunnel.  The far kernel answers it, which nobody
 * reads.  The sender is who its address says: WireGuard takes it from this key alone.
 */
#ifndef OPTIMIZER_AGENT_WORD_H
#define OPTIMIZER_AGENT_WORD_H

#include "optimizer/agent/aim.h"

#define WORD_BYTES 24

/* Needs CAP_NET_RAW.  0 or -errno. */
int word_open(int *fd);

/* All that is due, and all that has come.  fd: -1 = nothing is done. */
void word_say(int fd, const struct aim *aim, struct core *core, struct mono now);
void word_hear(int fd, const struct aim *aim, struct core *core, struct mono now);

/* The message without its checksum, which is the kernel's; and back, -EBADMSG. */
void word_pack(const struct core_word *word, uint8_t out[WORD_BYTES]);
int word_parse(const void *buf, size_t len, struct core_word *out);

#endif
