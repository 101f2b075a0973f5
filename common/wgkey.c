/* SPDX-License-Identifier: MIT */
#include "common/wgkey.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int
wgkey_parse(const char *text, struct wgkey *out)
{
	struct wgkey key;
	char again[WGKEY_TEXT_MAX];
	size_t n;

	if (strlen(text) != WGKEY_TEXT_MAX - 1 ||
	    sodium_base642bin(key.b, sizeof(key.b), text, WGKEY_TEXT_MAX - 1, NULL, &n,
		NULL, sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    n != sizeof(key.b))
		return -EINVAL;
	/* libsodium 1.0.18 takes some bytes above 127 for letters: one spelling only.
	 */
	wgkey_format(&key, again);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*out = key;
	return 0;
}

void
wgkey_format(const struct wgkey *key, char text[WGKEY_TEXT_MAX])
{
	(void)sodium_bin2base64(text, WGKEY_TEXT_MAX, key->b, sizeof(key->b),
	    sodium_base64_VARIANT_ORIGINAL);
}

void
wgkey_short(const struct wgkey *key, char text[WGKEY_SHORT_MAX])
{
	char whole[WGKEY_TEXT_MAX];

	wgkey_format(key, whole);
	memcpy(text, whole, 8);
	text[8] = '\0';
}

int
wgkey_compare(const struct wgkey *a, const struct wgkey *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool
wgkey_is_zero(const struct wgkey *key)
{
	return sodium_is_zero(key->b, sizeof(key->b)) == 1;
}

int
wgkey_public(const struct wgkey *private_key, struct wgkey *out)
{
	return crypto_scalarmult_base(out->b, private_key->b) == 0 ? 0 : -EINVAL;
}

void
wgkey_generate(struct wgkey *key)
{
	randombytes_buf(key->b, sizeof(key->b));
	/* RFC 7748, section 5: X25519 does this anyway, and wg genkey writes it so. */
	key->b[0] &= 248;
	key->b[31] = (uint8_t)((key->b[31] & 127) | 64);
}

void
wgkey_wipe(struct wgkey *key)
{
	sodium_memzero(key, sizeof(*key));
}

struct addr
wgkey_link_local(const struct wgkey *public_key)
{
	static const char domain[] = "meshopt link-local";
	struct addr a = { .family = AF_INET6, .b = { 0xfe, 0x80 } };
	uint8_t hash[crypto_generichash_BYTES];
	crypto_generichash_state st;

	/* These fail only for lengths out of range, and the lengths are constants. */
	(void)crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&st, (const uint8_t *)domain,
	    sizeof(domain) - 1);
	(void)crypto_generichash_update(&st, public_key->b, sizeof(public_key->b));
	(void)crypto_generichash_final(&st, hash, sizeof(hash));
	memcpy(a.b + 8, hash, 8);
	return a;
}
