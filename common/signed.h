/* SPDX-License-Identifier: MIT */
/*
 * A signed text: what a plan is when it travels.  Three parts, byte for byte:
 *
 *	meshopt-signed-v1 LF
 *	signature: 88 characters of base64, LF
 *	the payload, as it was signed, to the end
 *
 * The signature is Ed25519ph (RFC 8032, 5.1: the hash is signed, so nothing is copied)
 * over the first line, its LF, and the payload: a signature for another purpose is none
 * here.  It is checked before a byte of the payload is read.
 */
#ifndef COMMON_SIGNED_H
#define COMMON_SIGNED_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/wgkey.h"

#define SIGNED_MEDIA_TYPE "application/vnd.meshopt.plan"
#define SIGNED_BYTES_MAX  (16 * 1024 * 1024) /* of the whole */

/* An Ed25519 key pair; seed and all.  Wipe with signed_key_wipe(). */
struct signed_key {
	uint8_t secret[64]; /* libsodium's: seed, then public key */
	struct wgkey public_key;
};

/* A new one, from the system's random numbers. */
void signed_key_make(struct signed_key *out);
/* From its seed, 44 characters of base64: what `meshopt keygen --plan` writes. */
int signed_key_parse(const char *text, struct signed_key *out);
void signed_key_format(const struct signed_key *key, char text[WGKEY_TEXT_MAX]);
void signed_key_wipe(struct signed_key *key);

/* *out is for free().  0, or -E2BIG if the whole passes SIGNED_BYTES_MAX. */
int signed_seal(const struct signed_key *key, const void *payload, size_t len,
    uint8_t **out, size_t *out_len);

/*
 * *payload points into in.  -EBADMSG if it is no envelope, -EKEYREJECTED if the
 * signature is not of this key over these bytes; err says so, about "the plan".
 */
int signed_open(const struct wgkey *public_key, const uint8_t *in, size_t len,
    const uint8_t **payload, size_t *payload_len, struct err *err);

#endif
