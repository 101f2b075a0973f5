/* SPDX-License-Identifier: MIT */
/*
 * Bytes only: no socket, no clock.  Everything read here may come from an attacker, who
 * can see our requests go by but not our key.
 */
#include "common/echo.h"

#include <assert.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <sodium.h>

#define TAG_BYTES  8  /* crypto_shorthash_BYTES */
#define TEXT_BYTES 33 /* sequence, slot, length, family, address */

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t
get64(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* RFC 1071, over a message whose checksum field is zero. */
static uint16_t
checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (; len > 1; p += 2, len -= 2) {
		sum += get16(p);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len)
		sum += (uint32_t)*p << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
tag(const struct echo_key *key, const struct echo *e, uint32_t payload,
    uint8_t out[TAG_BYTES])
{
	uint8_t text[TEXT_BYTES];

	_Static_assert(TAG_BYTES == crypto_shorthash_BYTES, "SipHash-2-4");
	_Static_assert(ECHO_KEY_BYTES == crypto_shorthash_KEYBYTES, "SipHash-2-4");
	put64(text, e->seq);
	put32(text + 8, e->slot);
	put32(text + 12, payload);
	text[16] = e->target.family == AF_INET ? 4 : 6;
	memcpy(text + 17, e->target.b, sizeof(e->target.b));
	(void)crypto_shorthash(out, text, sizeof(text), key->b); /* always 0 */
}

void
echo_key_new(struct echo_key *key)
{
	crypto_shorthash_keygen(key->b);
}

void
echo_build_head(const struct echo_key *key, const struct echo *e,
    uint8_t out[ECHO_HEAD], size_t len)
{
	uint8_t *payload = out + ECHO_HEADER;

	assert(len >= ECHO_HEAD && len <= ECHO_HEADER + ECHO_PAYLOAD_MAX);
	memset(out, 0, ECHO_HEADER);
	out[0] = e->target.family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	put16(out + 4, e->id);
	put16(out + 6, (uint16_t)e->seq);
	tag(key, e, (uint32_t)(len - ECHO_HEADER), payload);
	put64(payload + 8, e->seq);
	put32(payload + 16, e->slot);
	put32(payload + 20, (uint32_t)(len - ECHO_HEADER));
	if (e->target.family == AF_INET)
		put16(out + 2, checksum(out, ECHO_HEAD));
}

void
echo_build(const struct echo_key *key, const struct echo *e, uint8_t *out, size_t len)
{
	echo_build_head(key, e, out, len);
	memset(out + ECHO_HEAD, 0, len - ECHO_HEAD);
}

/* The fields of a message to or from an address, if its tag says that they are ours. */
static int
read_fields(const struct echo_key *key, const uint8_t *msg, const struct addr *target,
    struct echo *out)
{
	const uint8_t *payload = msg + ECHO_HEADER;
	uint8_t want[TAG_BYTES];
	struct echo e = { .target = *target };

	e.id = get16(msg + 4);
	e.seq = get64(payload + 8);
	e.slot = get32(payload + 16);
	tag(key, &e, get32(payload + 20), want);
	if (get16(msg + 6) != (uint16_t)e.seq ||
	    sodium_memcmp(want, payload, TAG_BYTES))
		return -EBADMSG;
	*out = e;
	return 0;
}

int
echo_parse(const struct echo_key *key, const uint8_t *msg, size_t len,
    const struct addr *from, struct echo *out)
{
	if (len < ECHO_HEADER || msg[1] != 0 ||
	    msg[0] != (from->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY))
		return -ENOMSG;
	/* The length is under the tag too: a cut or padded answer is not the answer. */
	if (len < ECHO_HEAD || get32(msg + ECHO_HEADER + 20) != len - ECHO_HEADER)
		return -EBADMSG;
	return read_fields(key, msg, from, out);
}

int
echo_parse_request(const struct echo_key *key, const uint8_t *msg, size_t len,
    const struct addr *to, struct echo *out)
{
	if (len < ECHO_HEAD || msg[1] != 0 ||
	    msg[0] != (to->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST))
		return -ENOMSG;
	return read_fields(key, msg, to, out);
}

/* Where the ICMP message begins in an IP packet, and whom that is to; 0: it is none. */
static size_t
read_ip(const uint8_t *packet, size_t len, struct addr *to)
{
	size_t header = len >= 20 && packet[0] >> 4 == 4 ? (packet[0] & 15) * 4u : 40;

	*to = (struct addr){ 0 };
	if (header >= 20 && header < len && packet[0] >> 4 == 4 &&
	    packet[9] == IPPROTO_ICMP) {
		to->family = AF_INET;
		memcpy(to->b, packet + 16, 4);
		return header;
	}
	if (len > 40 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_ICMPV6) {
		to->family = AF_INET6;
		memcpy(to->b, packet + 24, 16);
		return 40;
	}
	return 0;
}

int
echo_find_request(const struct echo_key *key, const uint8_t *packet, size_t len,
    struct echo *out)
{
	/* None, Ethernet, Ethernet with a VLAN tag; the tag settles which it is. */
	static const size_t link_bytes[] = { 14, 0, 18 };
	struct addr to;

	for (size_t i = 0; i < sizeof(link_bytes) / sizeof(link_bytes[0]); i++) {
		size_t skip = link_bytes[i], icmp;

		if (len < skip)
			continue;
		icmp = read_ip(packet + skip, len - skip, &to);
		if (icmp && echo_parse_request(key, packet + skip + icmp,
				len - skip - icmp, &to, out) == 0)
			return 0;
	}
	return -ENOMSG;
}

const uint8_t *
echo_strip_ipv4(const uint8_t *packet, size_t *len)
{
	size_t header;

	if (*len < 20 || packet[0] >> 4 != 4)
		return NULL;
	header = (size_t)(packet[0] & 15) * 4;
	if (header < 20 || header > *len)
		return NULL;
	*len -= header;
	return packet + header;
}
