/* SPDX-License-Identifier: MIT */
/*
 * Sealing and opening signed texts.
 */
#include "common/signed.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/mem.h"

#define MAGIC	  "meshopt-signed-v1\n"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define SIG_TEXT  88 /* base64 of 64 bytes */
#define HEAD_LEN  (MAGIC_LEN + SIG_TEXT + 1)

_Static_assert(sizeof(((struct signed_key *)0)->secret) == crypto_sign_SECRETKEYBYTES,
    "the secret has room for libsodium's form");
_Static_assert(sizeof(struct wgkey) == crypto_sign_PUBLICKEYBYTES,
    "a public key is 32 bytes");
_Static_assert(sizeof(struct wgkey) == crypto_sign_SEEDBYTES, "and so is a seed");

static void
key_from_seed(const struct wgkey *seed, struct signed_key *out)
{
	/* Fails for nothing: the lengths are constants. */
	(void)crypto_sign_seed_keypair(out->public_key.b, out->secret, seed->b);
}

void
signed_key_make(struct signed_key *out)
{
	struct wgkey seed;

	randombytes_buf(seed.b, sizeof(seed.b));
	key_from_seed(&seed, out);
	sodium_memzero(&seed, sizeof(seed));
}

int
signed_key_parse(const char *text, struct signed_key *out)
{
	struct wgkey seed;
	int rc = wgkey_parse(text, &seed);

	if (rc == 0)
		key_from_seed(&seed, out);
	sodium_memzero(&seed, sizeof(seed));
	return rc;
}

void
signed_key_format(const struct signed_key *key, char text[WGKEY_TEXT_MAX])
{
	struct wgkey seed;

	memcpy(seed.b, key->secret, sizeof(seed.b));
	wgkey_format(&seed, text);
	sodium_memzero(&seed, sizeof(seed));
}

void
signed_key_wipe(struct signed_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

int
signed_seal(const struct signed_key *key, const void *payload, size_t len,
    uint8_t **out, size_t *out_len)
{
	uint8_t sig[crypto_sign_BYTES];
	char text[SIG_TEXT + 1];
	crypto_sign_state st;
	uint8_t *all;

	if (len > SIGNED_BYTES_MAX - HEAD_LEN)
		return -E2BIG;
	(void)crypto_sign_init(&st); /* these fail for nothing */
	(void)crypto_sign_update(&st, (const uint8_t *)MAGIC, MAGIC_LEN);
	(void)crypto_sign_update(&st, payload, len);
	(void)crypto_sign_final_create(&st, sig, NULL, key->secret);
	(void)sodium_bin2base64(text, sizeof(text), sig, sizeof(sig),
	    sodium_base64_VARIANT_ORIGINAL);
	all = mem_alloc(HEAD_LEN + len);
	memcpy(all, MAGIC, MAGIC_LEN);
	memcpy(all + MAGIC_LEN, text, SIG_TEXT);
	all[HEAD_LEN - 1] = '\n';
	memcpy(all + HEAD_LEN, payload, len);
	*out = all;
	*out_len = HEAD_LEN + len;
	return 0;
}

/*
 * Written again and compared: libsodium 1.0.18 takes some bytes above 127 for letters,
 * which would be a second spelling.
 */
static int
signature_parse(const uint8_t *in, uint8_t sig[crypto_sign_BYTES])
{
	char again[SIG_TEXT + 1];
	size_t n;

	if (sodium_base642bin(sig, crypto_sign_BYTES, (const char *)in, SIG_TEXT, NULL,
		&n, NULL, sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    n != crypto_sign_BYTES)
		return -EBADMSG;
	(void)sodium_bin2base64(again, sizeof(again), sig, n,
	    sodium_base64_VARIANT_ORIGINAL);
	return memcmp(again, in, SIG_TEXT) == 0 ? 0 : -EBADMSG;
}

int
signed_open(const struct wgkey *public_key, const uint8_t *in, size_t len,
    const uint8_t **payload, size_t *payload_len, struct err *err)
{
	uint8_t sig[crypto_sign_BYTES];
	crypto_sign_state st;

	if (len > SIGNED_BYTES_MAX)
		return err_code(err, EBADMSG, "the plan: %zu bytes, %d at most", len,
		    SIGNED_BYTES_MAX);
	if (len < HEAD_LEN || memcmp(in, MAGIC, MAGIC_LEN) != 0 ||
	    in[HEAD_LEN - 1] != '\n' || signature_parse(in + MAGIC_LEN, sig) < 0)
		return err_code(err, EBADMSG,
		    "the plan: not a signed one; `meshopt plan --publish` makes it");
	(void)crypto_sign_init(&st); /* these fail for nothing */
	(void)crypto_sign_update(&st, in, MAGIC_LEN);
	(void)crypto_sign_update(&st, in + HEAD_LEN, len - HEAD_LEN);
	if (crypto_sign_final_verify(&st, sig, public_key->b) != 0)
		return err_code(err, EKEYREJECTED,
		    "the plan: its signature is not by the PlanKey of the mesh file");
	*payload = in + HEAD_LEN;
	*payload_len = len - HEAD_LEN;
	return 0;
}
