/* SPDX-License-Identifier: MIT */
/*
 * WireGuard keys: 32 bytes, written as 44 characters of base64 (wg(8)).
 */
#ifndef COMMON_WGKEY_H
#define COMMON_WGKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define WGKEY_TEXT_MAX	45 /* 44 characters and the end */
#define WGKEY_SHORT_MAX 10 /* "GxuSsvO9…" is cut to 8 characters and the end */

struct wgkey {
	uint8_t b[32];
};

/* Exactly 44 characters of canonical base64.  0 or -EINVAL. */
int wgkey_parse(const char *text, struct wgkey *out);
void wgkey_format(const struct wgkey *key, char text[WGKEY_TEXT_MAX]);
/* The first eight characters, for messages. */
void wgkey_short(const struct wgkey *key, char text[WGKEY_SHORT_MAX]);
/* <0, 0, >0, by bytes; the smaller public key of a pair starts its handshake. */
int wgkey_compare(const struct wgkey *a, const struct wgkey *b);
bool wgkey_is_zero(const struct wgkey *key);

/* The public key that belongs to a private one: X25519 base point multiplication. */
int wgkey_public(const struct wgkey *private_key, struct wgkey *out);

/* A new private key, clamped as `wg genkey` does, from the kernel's generator. */
void wgkey_generate(struct wgkey *private_key);

void wgkey_wipe(struct wgkey *key);

/*
 * The link-local address that a node has on its direct interface: fe80::/64 and the
 * first 64 bits of BLAKE2b-256 over "meshopt link-local" and the public key.  WireGuard
 * gives itself none.  Both ends compute it from the roster, so an echo request to it
 * measures the direct tunnel whatever the routes say: a link-local reply cannot leave
 * by another interface, while a reply to the overlay address takes the hub.
 */
struct addr wgkey_link_local(const struct wgkey *public_key);

#endif
