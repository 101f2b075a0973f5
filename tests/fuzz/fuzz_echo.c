/* SPDX-License-Identifier: MIT */
/*
 * What comes in by a raw or a ping socket: nothing is read beyond its end, and what is
 * accepted is byte for byte the answer that its own fields say it is.  The same of the
 * error queue: what an ICMP error quotes, and packets that the kernel loops back.
 *
 * Input: 0, 1 or 2 for IPv4 raw, IPv4 or IPv6, 3 or 4 for a quoted IPv4 or IPv6
 * request, 5 for a looped packet, then what the socket delivers.  The key is fixed and
 * the address is that of the corpus, so that mutations of an accepted answer are within
 * reach.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static const struct echo_key key = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16 } };

static const struct addr from4 = { AF_INET, { 10, 50, 5, 1 } };
static const struct addr from6 = { AF_INET6, { 0xfe, 0x80, [15] = 1 } };

/* The error queue's: what is accepted has the tag that we give such a request. */
static int
fuzz_request(uint8_t kind, const uint8_t *in, size_t len)
{
	uint8_t head[ECHO_HEAD];
	struct echo e;
	int rc;

	if (kind == 5)
		rc = echo_find_request(&key, in, len, &e);
	else
		rc = echo_parse_request(&key, in, len, kind == 3 ? &from4 : &from6, &e);
	if (rc < 0)
		return 0;
	assert(len >= ECHO_HEAD);
	if (kind == 5)
		return 0;
	echo_build_head(&key, &e, head, ECHO_HEADER + 56);
	/* The length is the sender's own; with the usual one all of it is the same. */
	if (memcmp(head + ECHO_HEAD - 4, in + ECHO_HEAD - 4, 4) == 0)
		assert(memcmp(head + 4, in + 4, ECHO_HEAD - 4) == 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static uint8_t again[ECHO_HEADER + ECHO_PAYLOAD_MAX];
	const struct addr *from;
	struct echo e;

	if (len < 1 || len > sizeof(again))
		return 0;
	if (in[0] % 6 >= 3)
		return fuzz_request(in[0] % 6, in + 1, len - 1);
	from = in[0] % 3 == 2 ? &from6 : &from4;
	len--;
	if (in[0] % 3 == 0) {
		in = echo_strip_ipv4(in + 1, &len);
		if (!in)
			return 0;
	} else {
		in++;
	}
	if (echo_parse(&key, in, len, from, &e) < 0)
		return 0;
	assert(addr_equal(&e.target, from));
	echo_build(&key, &e, again, len);
	/* The tag, the counters and the length; what follows may have been rewritten.
	 */
	assert(memcmp(again + 4, in + 4, 4 + ECHO_PAYLOAD_MIN) == 0);
	return 0;
}
