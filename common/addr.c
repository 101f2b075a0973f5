/* SPDX-License-Identifier: MIT */
#include "common/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/num.h"

int
addr_parse(const char *text, struct addr *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct addr a = { 0 };

	if (inet_pton(AF_INET, text, a.b) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.b) == 1)
		a.family = AF_INET6;
	else
		return -EINVAL;
	/* ::ffff:1.2.3.4 would be a second spelling of an IPv4 address. */
	if (a.family == AF_INET6 && memcmp(a.b, mapped, sizeof(mapped)) == 0)
		return -EINVAL;
	*out = a;
	return 0;
}

void
addr_format(const struct addr *addr, char text[ADDR_TEXT_MAX])
{
	if (!addr->family || !inet_ntop(addr->family, addr->b, text, ADDR_TEXT_MAX))
		(void)snprintf(text, ADDR_TEXT_MAX, "none");
}

unsigned
addr_bytes(const struct addr *addr)
{
	return addr->family == AF_INET ? 4 : 16;
}

unsigned
addr_bits(const struct addr *addr)
{
	return addr_bytes(addr) * 8;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, addr_bytes(a)) == 0;
}

socklen_t
addr_to_sockaddr(const struct addr *addr, uint16_t port, unsigned scope,
    struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (addr->family == AF_INET) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, addr->b, 4);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->b, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = scope;
	return sizeof(*in6);
}

bool
addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
	struct addr a = { 0 };

	if (sa->sa_family == AF_INET)
		memcpy(a.b, &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
		    4);
	else if (sa->sa_family == AF_INET6)
		memcpy(a.b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
		    16);
	else
		return false;
	a.family = (uint8_t)sa->sa_family;
	*out = a;
	return true;
}

int
prefix_parse(const char *text, struct prefix *out)
{
	char host[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p;
	uint32_t len;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (addr_parse(host, &p.addr) < 0)
		return -EINVAL;
	len = addr_bits(&p.addr);
	if (slash && num_u32(slash + 1, 0, len, &len) < 0)
		return -EINVAL;
	p.len = (uint8_t)len;
	*out = p;
	return 0;
}

void
prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_MAX])
{
	char host[ADDR_TEXT_MAX];

	addr_format(&prefix->addr, host);
	(void)snprintf(text, PREFIX_TEXT_MAX, "%s/%u", host, prefix->len);
}

struct prefix
prefix_masked(const struct prefix *prefix)
{
	struct prefix p = *prefix;

	for (unsigned i = 0; i < addr_bytes(&p.addr); i++) {
		unsigned bits = p.len > i * 8 ? p.len - i * 8 : 0;

		if (bits < 8)
			p.addr.b[i] &= (uint8_t)(0xff00u >> bits);
	}
	return p;
}

bool
prefix_contains(const struct prefix *outer, const struct addr *addr)
{
	struct prefix a = { *addr, outer->len }, m, o;

	if (outer->addr.family != addr->family)
		return false;
	m = prefix_masked(&a);
	o = prefix_masked(outer);
	return addr_equal(&m.addr, &o.addr);
}

bool
prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

static bool
is_dns_name(const char *host)
{
	size_t n = strlen(host);

	if (n == 0 || host[0] == '-' || host[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)host[i]) && host[i] != '-' &&
		    host[i] != '.')
			return false;
	/* All digits and dots, and not an address: a typing error, not a name. */
	return strspn(host, "0123456789.") != n;
}

int
endpoint_parse(const char *text, struct endpoint *out)
{
	struct endpoint ep = { 0 };
	const char *colon = strrchr(text, ':');
	const char *from = text;
	uint32_t port;
	size_t n;

	if (!colon || num_u32(colon + 1, 1, 65535, &port) < 0)
		return -EINVAL;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(ep.host))
		return -EINVAL;
	memcpy(ep.host, from, n);
	ep.port = (uint16_t)port;
	if (addr_parse(ep.host, &ep.addr) < 0 && !is_dns_name(ep.host))
		return -EINVAL;
	/* An IPv6 address needs its brackets: "::1:51820" is ambiguous. */
	if ((ep.addr.family == AF_INET6) != (from != text))
		return -EINVAL;
	*out = ep;
	return 0;
}

void
endpoint_format(const struct endpoint *ep, char text[ENDPOINT_TEXT_MAX])
{
	bool v6 = ep->addr.family == AF_INET6;

	(void)snprintf(text, ENDPOINT_TEXT_MAX, "%s%s%s:%u", v6 ? "[" : "", ep->host,
	    v6 ? "]" : "", ep->port);
}
