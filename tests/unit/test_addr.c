/* SPDX-License-Identifier: MIT */
/*
 * Addresses, prefixes and endpoints: text in and out, and who contains whom.
 */
#include "common/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct prefix
prefix_of(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) < 0)
		fail_msg("\"%s\" is not a prefix", text);
	return p;
}

static void
addresses_read_and_write(void **state)
{
	static const struct {
		const char *text, *want; /* NULL = refused */
		unsigned bits;
	} rows[] = {
		{ "10.50.5.1", "10.50.5.1", 32 },
		{ "0.0.0.0", "0.0.0.0", 32 },
		{ "255.255.255.255", "255.255.255.255", 32 },
		{ "2001:DB8:0::1", "2001:db8::1", 128 },
		{ "::", "::", 128 },
		{ "fe80::1", "fe80::1", 128 },
		{ "::1.2.3.4", "::1.2.3.4",
		    128 }, /* not mapped: an address of its own */
		{ "::ffff:1.2.3.4", NULL, 0 },
		{ "::FFFF:102:304", NULL, 0 },
		{ "fe80::1%eth0", NULL, 0 },
		{ "10.50.5", NULL, 0 },
		{ "10.50.5.256", NULL, 0 },
		{ "010.50.5.1", NULL, 0 }, /* octal to some readers */
		{ "0x0a.50.5.1", NULL, 0 },
		{ "10.50.5.1 ", NULL, 0 },
		{ " 10.50.5.1", NULL, 0 },
		{ "10.50.5.1/24", NULL, 0 },
		{ "[::1]", NULL, 0 },
		{ ":::", NULL, 0 },
		{ "1::2::3", NULL, 0 },
		{ "hkg", NULL, 0 },
		{ "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a, before;
		char text[ADDR_TEXT_MAX];
		int rc;

		memset(&a, 0x5a, sizeof(a));
		before = a;
		rc = addr_parse(rows[i].text, &a);
		if (rc != (rows[i].want ? 0 : -EINVAL))
			fail_msg("\"%s\": %d", rows[i].text, rc);
		if (!rows[i].want) {
			assert_memory_equal(&a, &before, sizeof(a));
			continue;
		}
		addr_format(&a, text);
		assert_string_equal(text, rows[i].want);
		assert_int_equal(addr_bits(&a), rows[i].bits);
		assert_int_equal(addr_bytes(&a) * 8, rows[i].bits);
	}
}

static void
no_address_is_written_as_none(void **state)
{
	struct addr none = { 0 };
	char text[ADDR_TEXT_MAX];

	(void)state;
	addr_format(&none, text);
	assert_string_equal(text, "none");
}

static void
equality_knows_families(void **state)
{
	struct addr v4 = prefix_of("0.0.0.0").addr, v6 = prefix_of("::").addr;
	struct addr other = prefix_of("0.0.0.1").addr;

	(void)state;
	assert_true(addr_equal(&v4, &v4));
	assert_true(addr_equal(&v6, &v6));
	assert_false(addr_equal(&v4, &v6));
	assert_false(addr_equal(&v4, &other));
}

static void
sockaddrs_go_both_ways(void **state)
{
	static const struct {
		const char *text;
		unsigned scope, want_scope;
		socklen_t len;
	} rows[] = {
		{ "10.50.5.1", 3, 0, sizeof(struct sockaddr_in) },
		{ "2001:db8::1", 3, 0, sizeof(struct sockaddr_in6) },
		{ "fe80::1", 3, 3, sizeof(struct sockaddr_in6) },
	};
	const struct sockaddr local = { .sa_family = AF_UNIX };
	struct addr back = { 0 }, none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = prefix_of(rows[i].text).addr;
		struct sockaddr_storage ss;
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ss;
		socklen_t n = addr_to_sockaddr(&a, 51820, rows[i].scope, &ss);

		assert_int_equal(n, rows[i].len);
		assert_int_equal(ntohs(((const struct sockaddr_in *)&ss)->sin_port),
		    51820);
		if (a.family == AF_INET6)
			assert_int_equal(in6->sin6_scope_id, rows[i].want_scope);
		assert_true(addr_from_sockaddr((const struct sockaddr *)&ss, &back));
		assert_true(addr_equal(&a, &back));
	}
	assert_false(addr_from_sockaddr(&local, &none));
	assert_int_equal(none.family, 0);
}

static void
prefixes_read_and_write(void **state)
{
	static const struct {
		const char *text, *want, *masked; /* want NULL = refused */
	} rows[] = {
		{ "10.50.5.0/24", "10.50.5.0/24", "10.50.5.0/24" },
		{ "10.50.5.1", "10.50.5.1/32", "10.50.5.1/32" },
		{ "10.50.5.129/25", "10.50.5.129/25", "10.50.5.128/25" },
		{ "10.50.5.255/31", "10.50.5.255/31", "10.50.5.254/31" },
		{ "255.255.255.255/1", "255.255.255.255/1", "128.0.0.0/1" },
		{ "10.50.5.1/0", "10.50.5.1/0", "0.0.0.0/0" },
		{ "2001:db8::1", "2001:db8::1/128", "2001:db8::1/128" },
		{ "2001:db8:ffff::1/33", "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
		{ "::1/0", "::1/0", "::/0" },
		{ "10.50.5.0/33", NULL, NULL },
		{ "::/129", NULL, NULL },
		{ "10.50.5.0/", NULL, NULL },
		{ "10.50.5.0/-1", NULL, NULL },
		{ "10.50.5.0/ 8", NULL, NULL },
		{ "10.50.5.0/24/8", NULL, NULL },
		{ "10.50.5.0/255.255.255.0", NULL, NULL },
		{ "/24", NULL, NULL },
		{ "", NULL, NULL },
		{ "::ffff:10.50.5.0/120", NULL, NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix p = { .len = 77 }, masked;
		char text[PREFIX_TEXT_MAX];
		int rc = prefix_parse(rows[i].text, &p);

		if (rc != (rows[i].want ? 0 : -EINVAL))
			fail_msg("\"%s\": %d", rows[i].text, rc);
		if (!rows[i].want) {
			assert_int_equal(p.len, 77);
			continue;
		}
		prefix_format(&p, text);
		assert_string_equal(text, rows[i].want);
		masked = prefix_masked(&p);
		prefix_format(&masked, text);
		assert_string_equal(text, rows[i].masked);
	}
}

static void
prefixes_cover_and_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool a_covers_b, b_covers_a;
	} rows[] = {
		{ "10.50.0.0/16", "10.50.5.0/24", true, false },
		{ "10.50.5.7/24", "10.50.5.9/24", true,
		    true }, /* host bits do not count */
		{ "10.50.5.1", "10.50.5.1", true, true },
		{ "10.50.4.0/24", "10.50.5.0/24", false, false },
		{ "10.50.4.0/23", "10.50.5.255", true, false },
		{ "10.50.5.128/25", "10.50.5.127", false, false },
		{ "0.0.0.0/0", "255.255.255.255", true, false },
		{ "0.0.0.0/0", "::/0", false, false },
		{ "::/0", "fe80::/10", true, false },
		{ "2001:db8::/33", "2001:db8:8000::/33", false, false },
		{ "2001:db8::/32", "2001:db8:8000::/33", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix a = prefix_of(rows[i].a), b = prefix_of(rows[i].b);
		bool both = rows[i].a_covers_b || rows[i].b_covers_a;

		if (prefix_covers(&a, &b) != rows[i].a_covers_b ||
		    prefix_covers(&b, &a) != rows[i].b_covers_a ||
		    prefix_overlaps(&a, &b) != both || prefix_overlaps(&b, &a) != both)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
		assert_true(prefix_contains(&a, &a.addr));
	}
}

static void
endpoints_read_and_write(void **state)
{
	static const struct {
		const char *text, *host; /* host NULL = refused */
		uint16_t port;
		uint8_t family;
	} rows[] = {
		{ "192.0.2.1:51820", "192.0.2.1", 51820, AF_INET },
		{ "[2001:db8::1]:51820", "2001:db8::1", 51820, AF_INET6 },
		{ "[::1]:5", "::1", 5, AF_INET6 },
		{ "vpn.example.net:51820", "vpn.example.net", 51820, 0 },
		{ "1a.example:1", "1a.example", 1, 0 },
		{ "hkg:65535", "hkg", 65535, 0 },
		{ "::1:5", NULL, 0, 0 },
		{ "2001:db8::1:51820", NULL, 0, 0 },
		{ "[192.0.2.1]:5", NULL, 0, 0 },
		{ "[hkg]:5", NULL, 0, 0 },
		{ "[::1]", NULL, 0, 0 },
		{ "[::1]5", NULL, 0, 0 },
		{ "[]:5", NULL, 0, 0 },
		{ "[:5", NULL, 0, 0 },
		{ "[::ffff:1.2.3.4]:5", NULL, 0, 0 },
		{ ":5", NULL, 0, 0 },
		{ "192.0.2.1", NULL, 0, 0 },
		{ "192.0.2.1:", NULL, 0, 0 },
		{ "192.0.2.1:0", NULL, 0, 0 },
		{ "192.0.2.1:65536", NULL, 0, 0 },
		{ "192.0.2.1:+5", NULL, 0, 0 },
		{ "192.0.2.1 :5", NULL, 0, 0 },
		{ "192.0.2.256:5", NULL, 0, 0 }, /* a typing error, not a name */
		{ "192.0.2:5", NULL, 0, 0 },
		{ "-hkg:5", NULL, 0, 0 },
		{ ".example:5", NULL, 0, 0 },
		{ "a_b.example:5", NULL, 0, 0 },
		{ "a/b:5", NULL, 0, 0 },
		{ "", NULL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct endpoint ep = { .port = 77 };
		char text[ENDPOINT_TEXT_MAX];
		int rc = endpoint_parse(rows[i].text, &ep);

		if (rc != (rows[i].host ? 0 : -EINVAL))
			fail_msg("\"%s\": %d", rows[i].text, rc);
		if (!rows[i].host) {
			assert_int_equal(ep.port, 77);
			continue;
		}
		assert_string_equal(ep.host, rows[i].host);
		assert_int_equal(ep.port, rows[i].port);
		assert_int_equal(ep.addr.family, rows[i].family);
		endpoint_format(&ep, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
long_hosts_are_refused(void **state)
{
	char text[300];
	struct endpoint ep;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + 253, ":5", 3);
	assert_int_equal(endpoint_parse(text, &ep), 0);
	assert_int_equal(strlen(ep.host), 253);
	memset(text, 'a', sizeof(text));
	memcpy(text + 254, ":5", 3);
	assert_int_equal(endpoint_parse(text, &ep), -EINVAL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_read_and_write),
		cmocka_unit_test(no_address_is_written_as_none),
		cmocka_unit_test(equality_knows_families),
		cmocka_unit_test(sockaddrs_go_both_ways),
		cmocka_unit_test(prefixes_read_and_write),
		cmocka_unit_test(prefixes_cover_and_overlap),
		cmocka_unit_test(endpoints_read_and_write),
		cmocka_unit_test(long_hosts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
