/* SPDX-License-Identifier: MIT */
/*
 * Addresses, prefixes and endpoints, IPv4 and IPv6, as plain values in network byte
 * order.  Parsers return 0 or -EINVAL and leave *out untouched on failure.
 */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_TEXT_MAX	  INET6_ADDRSTRLEN
#define PREFIX_TEXT_MAX	  (ADDR_TEXT_MAX + 4)
#define ENDPOINT_HOST_MAX 254 /* RFC 1035: 253 characters and the end */
#define ENDPOINT_TEXT_MAX (ENDPOINT_HOST_MAX + 8)

struct addr {
	uint8_t family; /* AF_INET or AF_INET6; 0 = none */
	uint8_t b[16];	/* 4 or 16 bytes used, the rest zero */
};

struct prefix {
	struct addr addr; /* as written: host bits may be set, see prefix_masked() */
	uint8_t len;	  /* 0..32 or 0..128 */
};

struct endpoint {
	char host[ENDPOINT_HOST_MAX]; /* literal address or DNS name; "" = none */
	struct addr addr;	      /* set when host is a literal, else family 0 */
	uint16_t port;		      /* host byte order */
};

int addr_parse(const char *text, struct addr *out);
void addr_format(const struct addr *addr, char text[ADDR_TEXT_MAX]);
bool addr_equal(const struct addr *a, const struct addr *b);

/* 4 or 16, and 32 or 128. */
unsigned addr_bytes(const struct addr *addr);
unsigned addr_bits(const struct addr *addr);

/* scope: interface index for link-local addresses, else 0.  Returns the length. */
socklen_t addr_to_sockaddr(const struct addr *addr, uint16_t port, unsigned scope,
    struct sockaddr_storage *out);
/* False, and *out untouched, if the family is neither AF_INET nor AF_INET6. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

/* "10.50.5.0/24"; without a length the prefix is the single address. */
int prefix_parse(const char *text, struct prefix *out);
void prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_MAX]);
struct prefix prefix_masked(const struct prefix *prefix); /* host bits cleared */
bool prefix_contains(const struct prefix *outer, const struct addr *addr);
/* True if every address of inner is in outer; equal prefixes cover each other. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/* "192.0.2.1:51820", "[2001:db8::1]:51820" or "vpn.example.net:51820". */
int endpoint_parse(const char *text, struct endpoint *out);
void endpoint_format(const struct endpoint *ep, char text[ENDPOINT_TEXT_MAX]);

#endif
