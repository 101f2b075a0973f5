/* SPDX-License-Identifier: MIT */
/*
 * STAMP packets against the figures of RFC 8762, with HMACs made by another program,
 * and the reflector's gate.
 */
#include "common/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/stamp_gate.h"
#include "tests/unit/seed.h"

static const struct stamp_key key = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 } };
static const struct stamp_request request = { 0x01020304, 0x1122334455667788, 0x1001 };
static const struct stamp_reply reply = { 7, 0xa1a2a3a4a5a6a7a8, 0x1001,
	0xb1b2b3b4b5b6b7b8, 9, 0xc1c2c3c4c5c6c7c8, 0x9202, 61 };

/* Bytes by offset, as in the figures; "" ends a row. */
static void
assert_bytes(const uint8_t *p, size_t at, const char *hex)
{
	char text[64] = "";

	for (size_t i = 0; i < strlen(hex) / 2; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[at + i]);
	assert_string_equal(text, hex);
}

static void
plain_is_figures_3_and_5(void **state)
{
	uint8_t p[STAMP_BYTES];

	(void)state;
	stamp_put_request(&request, NULL, p, sizeof(p));
	assert_bytes(p, 0,
	    "01020304"
	    "1122334455667788"
	    "1001"
	    "0000");
	for (size_t i = 14; i < sizeof(p); i++)
		assert_int_equal(p[i], 0);
	stamp_put_reply(&reply, NULL, p);
	assert_bytes(p, 0,
	    "00000007"
	    "a1a2a3a4a5a6a7a8"
	    "1001"
	    "0000");
	assert_bytes(p, 16,
	    "b1b2b3b4b5b6b7b8"
	    "00000009"
	    "c1c2c3c4c5c6c7c8");
	assert_bytes(p, 36,
	    "9202"
	    "0000"
	    "3d"
	    "000000");
}

static void
secured_is_figures_4_and_6(void **state)
{
	uint8_t p[STAMP_AUTH_BYTES];

	(void)state;
	stamp_put_request(&request, &key, p, sizeof(p));
	assert_bytes(p, 0,
	    "01020304"
	    "000000000000000000000000"
	    "1122334455667788");
	assert_bytes(p, 24,
	    "1001"
	    "0000");
	assert_bytes(p, 96, "c1e7757ec57b80d1883ae9c54c1f1233"); /* Python's hmac */
	stamp_put_reply(&reply, &key, p);
	assert_bytes(p, 0,
	    "00000007"
	    "000000000000000000000000"
	    "a1a2a3a4a5a6a7a8");
	assert_bytes(p, 24,
	    "1001"
	    "000000000000"
	    "b1b2b3b4b5b6b7b8");
	assert_bytes(p, 40,
	    "0000000000000000"
	    "00000009"
	    "000000000000000000000000");
	assert_bytes(p, 64,
	    "c1c2c3c4c5c6c7c8"
	    "9202"
	    "000000000000"
	    "3d");
	assert_bytes(p, 96, "21182ca2b7776303d9cf54f1e4aba3e9"); /* likewise */
}

static bool
same_reply(const struct stamp_reply *a, const struct stamp_reply *b)
{
	return a->seq == b->seq && a->when == b->when && a->error == b->error &&
	       a->received == b->received && a->sender_seq == b->sender_seq &&
	       a->sender_when == b->sender_when && a->sender_error == b->sender_error &&
	       a->ttl == b->ttl;
}

static void
there_and_back(void **state)
{
	struct seed seed = seed_new("there_and_back");

	(void)state;
	for (int i = 0; i < 2000; i++) {
		const struct stamp_key *k = i % 2 ? &key : NULL;
		size_t len = stamp_bytes(k) + seed_below(&seed, 200);
		uint8_t p[STAMP_AUTH_BYTES + 200];
		struct stamp_request q = { (uint32_t)seed_next(&seed), seed_next(&seed),
			(uint16_t)seed_next(&seed) },
				     q2;
		struct stamp_reply r = { (uint32_t)seed_next(&seed), seed_next(&seed),
			(uint16_t)seed_next(&seed), seed_next(&seed),
			(uint32_t)seed_next(&seed), seed_next(&seed),
			(uint16_t)seed_next(&seed), (uint8_t)seed_next(&seed) },
				   r2;

		stamp_put_request(&q, k, p, len);
		assert_int_equal(stamp_get_request(p, len, k, &q2), 0);
		assert_true(
		    q.seq == q2.seq && q.when == q2.when && q.error == q2.error);
		p[len - 1] = 0x5a; /* padding, if there is any */
		stamp_put_reply(&r, k, p);
		if (len > stamp_bytes(k))
			assert_int_equal(p[len - 1], 0x5a);
		assert_int_equal(stamp_get_reply(p, len, k, &r2), 0);
		assert_true(same_reply(&r, &r2));
	}
}

static void
short_or_changed_is_refused(void **state)
{
	uint8_t p[STAMP_AUTH_BYTES];
	struct stamp_request q;
	struct stamp_reply r;
	struct stamp_key other = key;

	(void)state;
	stamp_put_request(&request, &key, p, sizeof(p));
	for (size_t len = 0; len < sizeof(p); len++) {
		assert_int_equal(stamp_get_request(p, len, &key, &q), -EBADMSG);
		assert_int_equal(stamp_get_reply(p, len, &key, &r), -EBADMSG);
		assert_int_equal(stamp_get_request(p, len, NULL, &q),
		    len < STAMP_BYTES ? -EBADMSG : 0);
	}
	for (size_t bit = 0; bit < 8 * sizeof(p); bit++) {
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(stamp_get_request(p, sizeof(p), &key, &q), -EACCES);
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	other.b[31] ^= 1;
	assert_int_equal(stamp_get_request(p, sizeof(p), &other, &q), -EACCES);
	assert_int_equal(stamp_get_request(p, sizeof(p), &key, &q), 0);
}

static void
dwell_is_t3_less_t2(void **state)
{
	static const struct {
		const char *name;
		uint64_t received, when;
		uint16_t error;
		int64_t want_ns;
	} rows[] = {
		{ "none", 5, 5, 0, 0 },
		{ "half a second", 0x100000000, 0x180000000, 0, 500000000 },
		{ "across the wrap of NTP's seconds", 0xffffffff80000000, 0x80000000, 0,
		    1000000000 },
		{ "negative", 0x180000000, 0x100000000, 0, -1 },
		{ "a minute", 0, (uint64_t)60 << 32, 0, 60000000000 },
		{ "longer", 0, ((uint64_t)60 << 32) + 100, 0, -1 },
		{ "PTP", 0x100000000 + 999999999, 0x200000001, 0x4001, 2 },
		{ "PTP, negative", 0x200000001, 0x100000000, 0x4001, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stamp_reply r = { .received = rows[i].received,
			.when = rows[i].when,
			.error = rows[i].error };

		if (stamp_dwell_ns(&r) != rows[i].want_ns)
			fail_msg("%s: %lld ns", rows[i].name,
			    (long long)stamp_dwell_ns(&r));
	}
}

static void
time_is_ntp(void **state)
{
	struct seed seed = seed_new("time_is_ntp");
	struct wall t = { 0 };

	(void)state;
	assert_true(stamp_time(t) == (uint64_t)2208988800 << 32);
	t.ns = 500000000; /* RFC 5905: the middle of the first second of 1970 */
	assert_true(stamp_time(t) == ((uint64_t)2208988800 << 32 | 0x80000000));
	for (int i = 0; i < 2000; i++) {
		int64_t apart = (int64_t)seed_below(&seed, 2000000000);
		struct stamp_reply r = { 0 };

		t.ns = (int64_t)(seed_next(&seed) >> 2);
		r.received = stamp_time(t);
		t.ns += apart;
		r.when = stamp_time(t);
		assert_in_range(stamp_dwell_ns(&r) + 1, apart, apart + 2);
	}
}

static void
gate_knows_the_roster(void **state)
{
	struct stamp_gate *g = stamp_gate_new();
	struct mono now = { NS_PER_S };
	struct addr a[3];

	(void)state;
	assert_int_equal(addr_parse("10.50.5.1", &a[0]), 0);
	assert_int_equal(addr_parse("fe80::1", &a[1]), 0);
	assert_int_equal(addr_parse("10.50.5.2", &a[2]), 0);
	assert_int_equal(stamp_gate_try(g, &a[0], now), STAMP_GATE_STRANGER);
	stamp_gate_set(g, a, 2);
	assert_int_equal(stamp_gate_try(g, &a[0], now), STAMP_GATE_OPEN);
	assert_int_equal(stamp_gate_try(g, &a[1], now), STAMP_GATE_OPEN);
	assert_int_equal(stamp_gate_try(g, &a[2], now), STAMP_GATE_STRANGER);
	stamp_gate_set(g, a + 1, 2);
	assert_int_equal(stamp_gate_try(g, &a[0], now), STAMP_GATE_STRANGER);
	assert_int_equal(stamp_gate_try(g, &a[2], now), STAMP_GATE_OPEN);
	stamp_gate_free(g);
	stamp_gate_free(NULL);
}

static void
gate_bounds_the_rate(void **state)
{
	struct stamp_gate *g = stamp_gate_new();
	struct mono now = { 5 };
	struct addr a[2];
	int open = 0;

	(void)state;
	assert_int_equal(addr_parse("10.50.5.1", &a[0]), 0);
	assert_int_equal(addr_parse("10.50.5.2", &a[1]), 0);
	stamp_gate_set(g, a, 2);
	for (int i = 0; i < 10000; i++) { /* ten seconds at 1,000 a second */
		now = mono_add(now, NS_PER_MS);
		open += stamp_gate_try(g, &a[0], now) == STAMP_GATE_OPEN;
	}
	assert_in_range(open, 10 * STAMP_GATE_RATE + STAMP_GATE_BURST - 2,
	    10 * STAMP_GATE_RATE + STAMP_GATE_BURST + 2);
	assert_int_equal(stamp_gate_try(g, &a[1], now), STAMP_GATE_OPEN);
	stamp_gate_set(g, a, 1); /* a new roster does not fill the bucket */
	open = 0;
	for (int i = 0; i < 1000; i++)
		open += stamp_gate_try(g, &a[0], now) == STAMP_GATE_OPEN;
	assert_in_range(open, 0, 2);
	stamp_gate_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_figures_3_and_5),
		cmocka_unit_test(secured_is_figures_4_and_6),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(short_or_changed_is_refused),
		cmocka_unit_test(dwell_is_t3_less_t2),
		cmocka_unit_test(time_is_ntp),
		cmocka_unit_test(gate_knows_the_roster),
		cmocka_unit_test(gate_bounds_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
