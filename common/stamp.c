/* SPDX-License-Identifier: MIT */
/*
 * Both formats are tables of offsets: the authenticated one has the same fields, each
 * at the start of a block of 16 bytes.
 */
#include "common/stamp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "common/bigend.h"

#define HMAC_COVERS  96
#define HMAC_BYTES   16
#define NTP_UNIX_S   UINT64_C(2208988800) /* from 1900 to 1970: RFC 5905, figure 4 */
#define DWELL_MAX_NS (60 * NS_PER_S)

/* RFC 8762, figures 3, 4 (request), 5 and 6 (reply). */
static const struct layout {
	size_t when, error, received, sender_seq, sender_when, sender_error, ttl;
} plain = { 4, 12, 16, 24, 28, 36, 40 }, secured = { 16, 24, 32, 48, 64, 72, 80 };

static const struct layout *
layout_of(const struct stamp_key *key)
{
	return key ? &secured : &plain;
}

static void
seal(const struct stamp_key *key, const uint8_t *packet, uint8_t hmac[HMAC_BYTES])
{
	uint8_t whole[crypto_auth_hmacsha256_BYTES];

	_Static_assert(STAMP_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "");
	(void)crypto_auth_hmacsha256(whole, packet, HMAC_COVERS,
	    key->b); /* cannot fail */
	memcpy(hmac, whole, HMAC_BYTES);
}

static int
check(const uint8_t *in, size_t len, const struct stamp_key *key)
{
	uint8_t hmac[HMAC_BYTES];

	if (len < stamp_bytes(key))
		return -EBADMSG;
	if (!key)
		return 0;
	seal(key, in, hmac);
	return sodium_memcmp(hmac, in + HMAC_COVERS, HMAC_BYTES) == 0 ? 0 : -EACCES;
}

void
stamp_put_request(const struct stamp_request *r, const struct stamp_key *key,
    uint8_t *out, size_t len)
{
	const struct layout *at = layout_of(key);

	assert(len >= stamp_bytes(key));
	memset(out, 0, len);
	bigend_put(out, r->seq, 4);
	bigend_put(out + at->when, r->when, 8);
	bigend_put(out + at->error, r->error, 2);
	if (key)
		seal(key, out, out + HMAC_COVERS);
}

int
stamp_get_request(const uint8_t *in, size_t len, const struct stamp_key *key,
    struct stamp_request *out)
{
	const struct layout *at = layout_of(key);
	int rc = check(in, len, key);

	if (rc < 0)
		return rc;
	out->seq = (uint32_t)bigend_get(in, 4);
	out->when = bigend_get(in + at->when, 8);
	out->error = (uint16_t)bigend_get(in + at->error, 2);
	return 0;
}

void
stamp_put_reply(const struct stamp_reply *r, const struct stamp_key *key,
    uint8_t *packet)
{
	const struct layout *at = layout_of(key);

	memset(packet, 0, stamp_bytes(key));
	bigend_put(packet, r->seq, 4);
	bigend_put(packet + at->when, r->when, 8);
	bigend_put(packet + at->error, r->error, 2);
	bigend_put(packet + at->received, r->received, 8);
	bigend_put(packet + at->sender_seq, r->sender_seq, 4);
	bigend_put(packet + at->sender_when, r->sender_when, 8);
	bigend_put(packet + at->sender_error, r->sender_error, 2);
	packet[at->ttl] = r->ttl;
	if (key)
		seal(key, packet, packet + HMAC_COVERS);
}

int
stamp_get_reply(const uint8_t *in, size_t len, const struct stamp_key *key,
    struct stamp_reply *out)
{
	const struct layout *at = layout_of(key);
	int rc = check(in, len, key);

	if (rc < 0)
		return rc;
	out->seq = (uint32_t)bigend_get(in, 4);
	out->when = bigend_get(in + at->when, 8);
	out->error = (uint16_t)bigend_get(in + at->error, 2);
	out->received = bigend_get(in + at->received, 8);
	out->sender_seq = (uint32_t)bigend_get(in + at->sender_seq, 4);
	out->sender_when = bigend_get(in + at->sender_when, 8);
	out->sender_error = (uint16_t)bigend_get(in + at->sender_error, 2);
	out->ttl = in[at->ttl];
	return 0;
}

uint64_t
stamp_time(struct wall t)
{
	uint64_t s = (uint64_t)(t.ns / NS_PER_S), ns = (uint64_t)(t.ns % NS_PER_S);

	/* The seconds wrap in 2036, as those of NTP do; differences do not mind. */
	return (s + NTP_UNIX_S) << 32 |
	       ((ns << 32) + (uint64_t)NS_PER_S / 2) / (uint64_t)NS_PER_S;
}

/* In ns; differences of 64 bits are right across the wrap of the seconds. */
static int64_t
difference_ns(uint64_t later, uint64_t earlier, bool ptp)
{
	int64_t s, parts;

	if (ptp) { /* seconds and ns */
		s = (int32_t)(uint32_t)((later >> 32) - (earlier >> 32));
		parts = (int64_t)(later & UINT32_MAX) - (int64_t)(earlier & UINT32_MAX);
		return s * NS_PER_S + parts;
	}
	parts = (int64_t)(later - earlier);
	s = parts / ((int64_t)1 << 32);
	parts %= (int64_t)1 << 32;
	return s * NS_PER_S + parts * NS_PER_S / ((int64_t)1 << 32);
}

int64_t
stamp_dwell_ns(const struct stamp_reply *r)
{
	int64_t ns = difference_ns(r->when, r->received, r->error & STAMP_ERROR_PTP);

	return ns < 0 || ns > DWELL_MAX_NS ? -1 : ns;
}
