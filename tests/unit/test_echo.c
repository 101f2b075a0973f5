/* SPDX-License-Identifier: MIT */
/*
 * An answer must be ours to the last bit: every single-bit change, every wrong length
 * and every other address is refused.
 */
#include "common/echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#define LEN (ECHO_HEADER + 56)

static const struct echo_key key = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16 } };

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* What the target's kernel makes of a request. */
static void
reply(const struct echo *e, uint8_t *msg, size_t len)
{
	echo_build(&key, e, msg, len);
	msg[0] = e->target.family == AF_INET ? 0 : 129;
	msg[2] = msg[3] = 0;
}

static void
test_round_trip(void **state)
{
	static const struct {
		const char *name, *addr;
		uint32_t slot;
		uint64_t seq;
		size_t payload;
	} rows[] = {
		{ "least", "192.0.2.1", 0, 0, ECHO_PAYLOAD_MIN },
		{ "usual", "10.50.5.1", 7, 65537, 56 },
		{ "odd length", "10.50.5.1", 7, 3, 57 },
		{ "most", "10.50.5.1", UINT32_MAX, UINT64_MAX, ECHO_PAYLOAD_MAX },
		{ "IPv6", "2001:db8::1", 12, 99, 1400 },
		{ "link-local", "fe80::1", 12, 99, 56 },
	};
	static uint8_t msg[ECHO_HEADER + ECHO_PAYLOAD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct echo e = { addr(rows[i].addr), 0xbeef, rows[i].slot,
			rows[i].seq };
		size_t len = ECHO_HEADER + rows[i].payload;
		struct echo got = { 0 };

		print_message("%s\n", rows[i].name);
		reply(&e, msg, len);
		assert_int_equal(echo_parse(&key, msg, len, &e.target, &got), 0);
		assert_int_equal(got.id, 0xbeef);
		assert_int_equal(got.slot, rows[i].slot);
		assert_true(got.seq == rows[i].seq);
		assert_true(addr_equal(&got.target, &e.target));
	}
}

/* RFC 1071: the sum over a message with its checksum is all ones. */
static void
test_checksum(void **state)
{
	struct echo e = { addr("10.0.0.1"), 1, 2, 3 };
	uint8_t msg[ECHO_HEADER + 57];

	(void)state;
	for (size_t len = ECHO_HEADER + ECHO_PAYLOAD_MIN; len <= sizeof(msg); len++) {
		uint32_t sum = 0;

		echo_build(&key, &e, msg, len);
		assert_int_equal(msg[0], 8);
		for (size_t i = 0; i < len; i++)
			sum += i % 2 ? msg[i] : (uint32_t)msg[i] << 8;
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal(sum, 0xffff);
	}
	e.target = addr("fe80::1");
	echo_build(&key, &e, msg, sizeof(msg));
	assert_int_equal(msg[0], 128);
	assert_int_equal(msg[2] | msg[3], 0); /* the kernel's */
}

/* Up to and with the length field, no bit but the id's and the checksum's is free. */
static void
test_forged(void **state)
{
	struct echo e = { addr("10.50.5.1"), 1, 2, 3 }, got;
	uint8_t msg[LEN];

	(void)state;
	for (size_t bit = 0; bit < (ECHO_HEADER + ECHO_PAYLOAD_MIN) * 8; bit++) {
		size_t byte = bit / 8;

		if (byte >= 2 && byte < 6)
			continue;
		reply(&e, msg, LEN);
		msg[byte] ^= (uint8_t)(1 << bit % 8);
		if (echo_parse(&key, msg, LEN, &e.target, &got) >= 0)
			fail_msg("bit %zu of byte %zu may be changed", bit % 8, byte);
	}
}

static void
test_wrong_length(void **state)
{
	struct echo e = { addr("10.50.5.1"), 1, 2, 3 }, got;
	uint8_t msg[LEN + 8] = { 0 };

	(void)state;
	reply(&e, msg, LEN);
	for (size_t len = 0; len <= sizeof(msg); len++)
		assert_int_equal(echo_parse(&key, msg, len, &e.target, &got),
		    len == LEN		? 0
		    : len < ECHO_HEADER ? -ENOMSG
					: -EBADMSG);
}

static void
test_wrong_sender(void **state)
{
	static const char *const others[] = { "10.50.5.2", "10.50.5.0", "0.0.0.0",
		"255.255.255.255" };
	struct echo e = { addr("10.50.5.1"), 1, 2, 3 }, got;
	struct addr from;
	uint8_t msg[LEN];

	(void)state;
	reply(&e, msg, LEN);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		from = addr(others[i]);
		assert_int_equal(echo_parse(&key, msg, LEN, &from, &got), -EBADMSG);
	}
	/* The same first four bytes, as IPv6, in an ICMPv6 reply. */
	from = e.target;
	from.family = AF_INET6;
	msg[0] = 129;
	assert_int_equal(echo_parse(&key, msg, LEN, &from, &got), -EBADMSG);
}

static void
test_wrong_key_and_type(void **state)
{
	struct echo e = { addr("10.50.5.1"), 1, 2, 3 }, got;
	struct echo_key a, b;
	uint8_t msg[LEN];

	(void)state;
	echo_key_new(&a);
	echo_key_new(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	reply(&e, msg, LEN);
	assert_int_equal(echo_parse(&a, msg, LEN, &e.target, &got), -EBADMSG);
	msg[0] = 8; /* our own request, seen on a raw socket */
	assert_int_equal(echo_parse(&key, msg, LEN, &e.target, &got), -ENOMSG);
	msg[0] = 0;
	msg[1] = 1;
	assert_int_equal(echo_parse(&key, msg, LEN, &e.target, &got), -ENOMSG);
}

static void
test_strip_ipv4(void **state)
{
	static const struct {
		const char *name;
		uint8_t first;
		size_t len;
		int want; /* bytes left; -1 = refused */
	} rows[] = {
		{ "plain", 0x45, 84, 64 },
		{ "all options", 0x4f, 84, 24 },
		{ "header only", 0x45, 20, 0 },
		{ "short", 0x45, 19, -1 },
		{ "empty", 0x45, 0, -1 },
		{ "header longer than packet", 0x46, 23, -1 },
		{ "header under 20", 0x44, 84, -1 },
		{ "IPv6", 0x65, 84, -1 },
	};
	uint8_t packet[84] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].len;
		const uint8_t *msg;

		print_message("%s\n", rows[i].name);
		packet[0] = rows[i].first;
		msg = echo_strip_ipv4(packet, &len);
		assert_int_equal(msg ? (int)len : -1, rows[i].want);
		if (msg)
			assert_ptr_equal(msg + len, packet + rows[i].len);
	}
}

/* A request inside a packet, after skip bytes of a link layer's header. */
static size_t
packet_of(const struct echo *e, size_t skip, uint8_t *out)
{
	bool v4 = e->target.family == AF_INET;
	size_t ip = v4 ? 20 : 40;

	memset(out, 0xee, skip);
	memset(out + skip, 0, ip);
	out[skip] = v4 ? 0x45 : 0x60;
	out[skip + (v4 ? 9 : 6)] = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	memcpy(out + skip + (v4 ? 16 : 24), e->target.b, v4 ? 4 : 16);
	echo_build(&key, e, out + skip + ip, LEN);
	return skip + ip + LEN;
}

/* What the kernel loops back with its stamp: of any device, and nobody else's. */
static void
test_looped(void **state)
{
	static const char *const addrs[] = { "10.50.5.1", "2001:db8::1" };
	static const size_t skips[] = { 0, 14, 18 };
	uint8_t packet[18 + 40 + LEN];
	struct echo got;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct echo e = { addr(addrs[i / 3]), 0xbeef, 7, 65537 };
		size_t len = packet_of(&e, skips[i % 3], packet);
		size_t icmp = len - LEN;

		assert_int_equal(echo_find_request(&key, packet, len, &got), 0);
		assert_true(got.seq == e.seq && got.slot == e.slot);
		assert_true(addr_equal(&got.target, &e.target));
		/* What follows the head does not matter, and cut before it is none. */
		assert_int_equal(echo_find_request(&key, packet, icmp + ECHO_HEAD,
				     &got),
		    0);
		for (size_t cut = 0; cut < icmp + ECHO_HEAD; cut++)
			assert_int_equal(echo_find_request(&key, packet, cut, &got),
			    -ENOMSG);
		packet[icmp + 15] ^= 1;
		assert_int_equal(echo_find_request(&key, packet, len, &got), -ENOMSG);
		packet[icmp + 15] ^= 1;
		packet[icmp - 1] ^= 1; /* the target, or the last of it */
		assert_int_equal(echo_find_request(&key, packet, len, &got), -ENOMSG);
	}
}

/* What an ICMP error quotes: perhaps cut, never changed, never an answer. */
static void
test_quoted(void **state)
{
	struct echo e = { addr("10.50.5.1"), 0xbeef, 7, 65537 }, got;
	struct addr other = addr("10.50.5.2");
	uint8_t msg[LEN];

	(void)state;
	echo_build(&key, &e, msg, LEN);
	for (size_t len = 0; len <= LEN; len++)
		assert_int_equal(echo_parse_request(&key, msg, len, &e.target, &got),
		    len < ECHO_HEAD ? -ENOMSG : 0);
	assert_true(got.seq == e.seq && got.slot == e.slot);
	assert_int_equal(echo_parse_request(&key, msg, LEN, &other, &got), -EBADMSG);
	for (size_t bit = 8 * ECHO_HEADER; bit < 8 * ECHO_HEAD; bit++) {
		msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(echo_parse_request(&key, msg, LEN, &e.target, &got),
		    -EBADMSG);
		msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	reply(&e, msg, LEN);
	assert_int_equal(echo_parse_request(&key, msg, LEN, &e.target, &got), -ENOMSG);
}

static void
test_head_is_the_message(void **state)
{
	static const char *const addrs[] = { "10.50.5.1", "2001:db8::1" };
	uint8_t msg[LEN], head[ECHO_HEAD];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct echo e = { addr(addrs[i]), 0xbeef, 7, 65537 };

		echo_build(&key, &e, msg, LEN);
		echo_build_head(&key, &e, head, LEN);
		assert_memory_equal(msg, head, ECHO_HEAD);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_wrong_length),
		cmocka_unit_test(test_wrong_sender),
		cmocka_unit_test(test_wrong_key_and_type),
		cmocka_unit_test(test_strip_ipv4),
		cmocka_unit_test(test_looped),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_head_is_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
