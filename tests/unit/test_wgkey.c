/* SPDX-License-Identifier: MIT */
/*
 * Keys: their text, their order, X25519 against RFC 7748, and the link-local addresses
 * that both ends of a tunnel must agree on.
 */
#include "common/wgkey.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TEXT "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go="

static void
text_is_canonical_base64(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ TEXT, true },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", true },
		{ "//////////////////////////////////////////8=", true },
		/* Bits that 32 bytes have no room for: a second spelling. */
		{ "//////////////////////////////////////////9=", false },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", false },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		    false }, /* 33 bytes */
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		    false }, /* 31 bytes */
		{ "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go", false },
		{ TEXT "=", false },
		{ TEXT "\n", false },
		{ " GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=", false },
		{ "GxuSsvO9_raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=",
		    false }, /* URL-safe */
		{ "GxuSsvO9/raKe5Wct QfX5tkHOrTf0PLJWmHEzrw1Go=", false },
		{ "GxuSsvO9\xaf" /* as if it were a slash */
		  "raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=",
		    false },
		{ "1b1b92b2f3bdfeb68a7b959cb5941f5f9b641cead37f", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wgkey key, before;
		char text[WGKEY_TEXT_MAX];
		int rc;

		memset(&key, 0x5a, sizeof(key));
		before = key;
		rc = wgkey_parse(rows[i].text, &key);
		if (rc != (rows[i].ok ? 0 : -EINVAL))
			fail_msg("\"%s\": %d", rows[i].text, rc);
		if (!rows[i].ok) {
			assert_memory_equal(&key, &before, sizeof(key));
			continue;
		}
		wgkey_format(&key, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
short_form_is_eight_characters(void **state)
{
	struct wgkey key;
	char text[WGKEY_SHORT_MAX];

	(void)state;
	assert_int_equal(wgkey_parse(TEXT, &key), 0);
	wgkey_short(&key, text);
	assert_string_equal(text, "GxuSsvO9");
}

static void
order_is_by_bytes(void **state)
{
	struct wgkey a = { { 1 } }, b = { { 1, 1 } }, high = { { 0x80 } },
		     zero = { { 0 } };

	(void)state;
	assert_int_equal(wgkey_compare(&a, &a), 0);
	assert_true(wgkey_compare(&a, &b) < 0);
	assert_true(wgkey_compare(&b, &a) > 0);
	assert_true(wgkey_compare(&b, &high) < 0); /* unsigned */
	assert_true(wgkey_is_zero(&zero));
	assert_false(wgkey_is_zero(&a));
	zero.b[31] = 1;
	assert_false(wgkey_is_zero(&zero));
}

/* RFC 7748, 6.1: the key pairs of Alice and Bob. */
static void
public_keys_are_x25519(void **state)
{
	static const struct {
		struct wgkey private_key, public_key;
	} rows[] = {
		{ { { 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
		      0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
		      0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a } },
		    { { 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b,
			0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d,
			0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b,
			0x4e, 0x6a } } },
		{ { { 0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1, 0x7f,
		      0x8b, 0x83, 0x80, 0x0e, 0xe6, 0x6f, 0x3b, 0xb1, 0x29, 0x26, 0x18,
		      0xb6, 0xfd, 0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb } },
		    { { 0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b,
			0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8,
			0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88,
			0x2b, 0x4f } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wgkey got;

		assert_int_equal(wgkey_public(&rows[i].private_key, &got), 0);
		assert_memory_equal(got.b, rows[i].public_key.b, sizeof(got.b));
	}
}

/* Computed with Python's hashlib: two releases that disagree could not reach each
 * other. */
static void
link_local_is_the_same_everywhere(void **state)
{
	struct wgkey key;
	struct addr a;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(wgkey_parse(TEXT, &key), 0);
	a = wgkey_link_local(&key);
	addr_format(&a, text);
	assert_string_equal(text, "fe80::5a69:b84f:7cf8:8629");
}

static void
link_local_differs_by_key(void **state)
{
	static const uint8_t network[8] = { 0xfe, 0x80 };
	struct addr seen[256 + 32];
	size_t n = 0;

	(void)state;
	/* Each of 256 first bytes, and each byte changed: all of the key counts. */
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		struct wgkey key = { { 0 } };
		struct addr again;

		if (i < 256)
			key.b[0] = (uint8_t)i;
		else
			key.b[i - 256] = 0xff;
		if (i == 256)
			continue; /* 0xff in the first byte was there already */
		seen[n] = wgkey_link_local(&key);
		again = wgkey_link_local(&key);
		assert_true(addr_equal(&seen[n], &again));
		assert_int_equal(seen[n].family, AF_INET6);
		assert_memory_equal(seen[n].b, network, 8);
		for (size_t k = 0; k < n; k++)
			assert_false(addr_equal(&seen[n], &seen[k]));
		n++;
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_canonical_base64),
		cmocka_unit_test(short_form_is_eight_characters),
		cmocka_unit_test(order_is_by_bytes),
		cmocka_unit_test(public_keys_are_x25519),
		cmocka_unit_test(link_local_is_the_same_everywhere),
		cmocka_unit_test(link_local_differs_by_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
