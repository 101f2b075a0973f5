/* SPDX-License-Identifier: MIT */
/*
 * Signed texts: what was sealed opens, and nothing else does, whichever byte is
 * touched, cut or added.
 */
#include "common/signed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go="
/* By openssl pkey. */
#define PUBLIC "miWlX83YqeYjsGGDeWy05qzPfwjEY6wXlYnYD+SigAU="

static const char text[] = "{\"mesh\":\"edgeproxy\",\"epoch\":7}\n";

static void
seal(const struct signed_key *key, uint8_t **out, size_t *len)
{
	assert_int_equal(signed_seal(key, text, sizeof(text) - 1, out, len), 0);
}

static void
what_was_sealed_opens(void **state)
{
	struct signed_key key;
	const uint8_t *payload;
	uint8_t *whole;
	size_t len, payload_len;
	struct err err;

	(void)state;
	assert_int_equal(signed_key_parse(SEED, &key), 0);
	seal(&key, &whole, &len);
	assert_memory_equal(whole, "meshopt-signed-v1\n", 18);
	assert_int_equal(signed_open(&key.public_key, whole, len, &payload,
			     &payload_len, &err),
	    0);
	assert_int_equal(payload_len, sizeof(text) - 1);
	assert_memory_equal(payload, text, payload_len);
	assert_ptr_equal(payload + payload_len, whole + len);
	free(whole);
}

static void
an_empty_payload_is_one(void **state)
{
	struct signed_key key;
	const uint8_t *payload;
	uint8_t *whole;
	size_t len, payload_len = 1;

	(void)state;
	signed_key_make(&key);
	assert_int_equal(signed_seal(&key, "", 0, &whole, &len), 0);
	assert_int_equal(signed_open(&key.public_key, whole, len, &payload,
			     &payload_len, NULL),
	    0);
	assert_int_equal(payload_len, 0);
	free(whole);
}

/* OpenSSL gives the same public key for the seed. */
static void
a_key_is_its_seed(void **state)
{
	struct signed_key key, again;
	char seed[WGKEY_TEXT_MAX], public_key[WGKEY_TEXT_MAX];

	(void)state;
	assert_int_equal(signed_key_parse(SEED, &key), 0);
	signed_key_format(&key, seed);
	assert_string_equal(seed, SEED);
	wgkey_format(&key.public_key, public_key);
	assert_string_equal(public_key, PUBLIC);
	signed_key_make(&again);
	assert_int_not_equal(wgkey_compare(&key.public_key, &again.public_key), 0);
	assert_int_equal(signed_key_parse("short", &again), -EINVAL);
	signed_key_wipe(&key);
	assert_true(wgkey_is_zero(&key.public_key));
}

static void
every_bit_counts(void **state)
{
	struct signed_key key;
	const uint8_t *payload;
	uint8_t *whole;
	size_t len, n;

	(void)state;
	assert_int_equal(signed_key_parse(SEED, &key), 0);
	seal(&key, &whole, &len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct err err = { .text = "" };
		int rc;

		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rc = signed_open(&key.public_key, whole, len, &payload, &n, &err);
		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (rc != -EBADMSG && rc != -EKEYREJECTED)
			fail_msg("bit %zu: %d", bit, rc);
		assert_string_not_equal(err.text, "");
	}
	free(whole);
}

static void
every_length_counts(void **state)
{
	struct signed_key key, other;
	const uint8_t *payload;
	uint8_t *whole, *longer;
	size_t len, n;

	(void)state;
	assert_int_equal(signed_key_parse(SEED, &key), 0);
	seal(&key, &whole, &len);
	for (size_t cut = 0; cut < len; cut++) {
		/* In memory of its own, so that a sanitizer sees what is read beyond.
		 */
		uint8_t *part = malloc(cut + 1);

		assert_non_null(part);
		memcpy(part, whole, cut);
		assert_true(
		    signed_open(&key.public_key, part, cut, &payload, &n, NULL) < 0);
		free(part);
	}
	longer = calloc(1, len + 1);
	assert_non_null(longer);
	memcpy(longer, whole, len);
	assert_int_equal(signed_open(&key.public_key, longer, len + 1, &payload, &n,
			     NULL),
	    -EKEYREJECTED);
	free(longer);
	signed_key_make(&other);
	assert_int_equal(signed_open(&other.public_key, whole, len, &payload, &n, NULL),
	    -EKEYREJECTED);
	free(whole);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_opens),
		cmocka_unit_test(an_empty_payload_is_one),
		cmocka_unit_test(a_key_is_its_seed),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(every_length_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
