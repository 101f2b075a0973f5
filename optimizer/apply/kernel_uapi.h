/* SPDX-License-Identifier: MIT */
/*
 * WireGuard in user space: the configuration protocol of wireguard-go and its kin, text
 * over a Unix socket (wireguard.com/xplatform).  Only the other kernel_*.c call this,
 * for interfaces whose kind is TUN and which have such a socket.
 *
 * The sockets lie in the file system and not in the network namespace: an interface of
 * the same name in another namespace has the same socket, unless that has a mount
 * namespace of its own.
 */
#ifndef OPTIMIZER_APPLY_KERNEL_UAPI_H
#define OPTIMIZER_APPLY_KERNEL_UAPI_H

#include "optimizer/apply/kernel.h"

/* Bytes of a reply: 10,000 peers with ten prefixes each take 6 MB. */
#define KERNEL_UAPI_REPLY_MAX ((size_t)64 * 1024 * 1024)

/* Somebody listens on the socket of this interface. */
bool kernel_uapi_serves(const char *ifname);
/* wireguard-go is in the PATH; WG_QUICK_USERSPACE_IMPLEMENTATION names another. */
bool kernel_uapi_installed(void);
/* Make the interface; it exists and answers when this returns 0. */
int kernel_uapi_start(const char *ifname);

int kernel_uapi_device(const char *ifname, struct kernel_device **out);
/* -ENOKEY if it has none. */
int kernel_uapi_secret(const char *ifname, struct wgkey *secret);
int kernel_uapi_set_key(const char *ifname, const struct wgkey *secret, uint16_t port);
int kernel_uapi_peer_set(const char *ifname, const struct kernel_peer_change *change);
int kernel_uapi_peer_remove(const char *ifname, const struct wgkey *key);

/*
 * A reply of len bytes into *dev, which starts zeroed and is to be cleared with
 * kernel_uapi_parse_fini() in any case.  What the reply says went wrong (errno=), or
 * -EBADMSG for anything that is not exactly one reply.  secret may be NULL.
 */
int kernel_uapi_parse(const char *text, size_t len, struct kernel_device *dev,
    struct wgkey *secret);
void kernel_uapi_parse_fini(struct kernel_device *dev);

/* 64 hexadecimal digits and the end. */
#define KERNEL_UAPI_HEX 65
void kernel_uapi_hex(const struct wgkey *key, char text[KERNEL_UAPI_HEX]);

#endif
