/* SPDX-License-Identifier: MIT */
/*
 * Replies of the UAPI socket: lines of key=value, the last of them errno=, then an
 * empty one.  A peer begins with its public_key.  Keys that we do not know are skipped,
 * as the protocol asks; values that we do know have to be right.
 */
#include "optimizer/apply/kernel_uapi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The longest that means anything to us is an endpoint or a key. */
#define VALUE_MAX 128

struct reader {
	struct kernel_device *dev;
	struct wgkey *secret; /* or NULL */
	bool done;
	int code; /* of errno= */
};

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
parse_hex(const char *text, struct wgkey *out)
{
	if (strlen(text) != KERNEL_UAPI_HEX - 1)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(out->b); i++) {
		int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EBADMSG;
		out->b[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

void
kernel_uapi_hex(const struct wgkey *key, char text[KERNEL_UAPI_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(key->b); i++) {
		text[2 * i] = digits[key->b[i] >> 4];
		text[2 * i + 1] = digits[key->b[i] & 15];
	}
	text[KERNEL_UAPI_HEX - 1] = '\0';
}

static int
parse_u64(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return -EBADMSG;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || v > (max - digit) / 10)
			return -EBADMSG;
		v = v * 10 + digit;
	}
	*out = v;
	return 0;
}

static int
add_peer(struct reader *r, const char *value)
{
	struct kernel_device *dev = r->dev;
	struct kernel_peer peer = { 0 };

	if (parse_hex(value, &peer.key) < 0)
		return -EBADMSG;
	dev->peers = mem_grow(dev->peers, dev->n_peers + 1, sizeof(peer));
	dev->peers[dev->n_peers++] = peer;
	return 0;
}

static int
add_allowed(struct kernel_peer *peer, const char *value)
{
	struct prefix prefix;

	if (prefix_parse(value, &prefix) < 0)
		return -EBADMSG;
	peer->allowed = mem_grow(peer->allowed, peer->n_allowed + 1, sizeof(prefix));
	peer->allowed[peer->n_allowed++] = prefix;
	return 0;
}

static int
set_endpoint(struct kernel_peer *peer, const char *value)
{
	struct endpoint ep;

	if (endpoint_parse(value, &ep) < 0 || !ep.addr.family)
		return -EBADMSG;
	peer->endpoint = ep.addr;
	peer->port = ep.port;
	return 0;
}

static int
read_peer(struct kernel_peer *peer, const char *key, const char *value)
{
	uint64_t v = 0;
	int rc = 0;

	if (strcmp(key, "endpoint") == 0) {
		rc = set_endpoint(peer, value);
	} else if (strcmp(key, "allowed_ip") == 0) {
		rc = add_allowed(peer, value);
	} else if (strcmp(key, "persistent_keepalive_interval") == 0) {
		rc = parse_u64(value, UINT16_MAX, &v);
		peer->keepalive_s = (uint16_t)v;
	} else if (strcmp(key, "last_handshake_time_sec") == 0) {
		rc = parse_u64(value, INT64_MAX / NS_PER_S - 1, &v);
		peer->handshake.ns =
		    peer->handshake.ns % NS_PER_S + (int64_t)v * NS_PER_S;
	} else if (strcmp(key, "last_handshake_time_nsec") == 0) {
		rc = parse_u64(value, NS_PER_S - 1, &v);
		peer->handshake.ns -= peer->handshake.ns % NS_PER_S;
		peer->handshake.ns += (int64_t)v;
	} else if (strcmp(key, "rx_bytes") == 0) {
		rc = parse_u64(value, INT64_MAX, &peer->rx_bytes);
	} else if (strcmp(key, "tx_bytes") == 0) {
		rc = parse_u64(value, INT64_MAX, &peer->tx_bytes);
	}
	return rc;
}

static int
read_device(struct reader *r, const char *key, const char *value)
{
	struct kernel_device *dev = r->dev;
	struct wgkey secret;
	uint64_t v = 0;
	int rc = 0;

	if (strcmp(key, "private_key") == 0) {
		rc = parse_hex(value, &secret);
		if (rc == 0 && !wgkey_is_zero(&secret)) {
			dev->has_key = wgkey_public(&secret, &dev->key) == 0;
			if (r->secret)
				*r->secret = secret;
		}
		explicit_bzero(&secret, sizeof(secret));
	} else if (strcmp(key, "listen_port") == 0) {
		rc = parse_u64(value, UINT16_MAX, &v);
		dev->port = (uint16_t)v;
	}
	return rc;
}

static int
read_errno(struct reader *r, const char *value)
{
	bool minus = *value == '-';
	uint64_t v = 0;

	if (parse_u64(value + minus, 4095, &v) < 0)
		return -EBADMSG;
	/* wireguard-go says -22; a positive one would be somebody's mistake. */
	r->code = -(int)v;
	r->done = true;
	return 0;
}

static int
read_line(struct reader *r, char *line)
{
	struct kernel_device *dev = r->dev;
	char *value = strchr(line, '=');

	if (!value || r->done)
		return -EBADMSG;
	*value++ = '\0';
	if (strcmp(line, "errno") == 0)
		return read_errno(r, value);
	if (strcmp(line, "public_key") == 0)
		return add_peer(r, value);
	if (dev->n_peers)
		return read_peer(&dev->peers[dev->n_peers - 1], line, value);
	return read_device(r, line, value);
}

int
kernel_uapi_parse(const char *text, size_t len, struct kernel_device *dev,
    struct wgkey *secret)
{
	struct reader r = { .dev = dev, .secret = secret };
	const char *at = text, *end = text + len;
	char line[VALUE_MAX];
	int rc = 0;

	while (rc == 0) {
		const char *nl = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		size_t n = nl ? (size_t)(nl - at) : 0;

		if (!nl || n >= sizeof(line) || memchr(at, '\0', n)) {
			rc = -EBADMSG;
			break;
		}
		memcpy(line, at, n);
		line[n] = '\0';
		at = nl + 1;
		if (n == 0) /* the end, of the reply and of the bytes */
			break;
		rc = read_line(&r, line);
	}
	explicit_bzero(line, sizeof(line));
	if (rc == 0 && (!r.done || at != end))
		rc = -EBADMSG;
	return rc < 0 ? rc : r.code;
}

void
kernel_uapi_parse_fini(struct kernel_device *dev)
{
	for (size_t i = 0; i < dev->n_peers; i++)
		free(dev->peers[i].allowed);
	free(dev->peers);
	*dev = (struct kernel_device){ 0 };
}
