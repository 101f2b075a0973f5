/* SPDX-License-Identifier: MIT */
/*
 * Replies of WireGuard into structs.  The kernel is trusted to mean well but not to be
 * of our version: lengths are checked, unknown attributes skipped, counts bounded by
 * the bytes that came.
 */
#include "optimizer/apply/kernel_nl.h"

#include <assert.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* struct __kernel_timespec, which older headers lack. */
struct handshake_time {
	int64_t s;
	int64_t ns;
};

int
kernel_parse_bytes(const struct nlattr *attr, void *out, size_t len)
{
	if (mnl_attr_get_payload_len(attr) < len)
		return -EBADMSG;
	memcpy(out, mnl_attr_get_payload(attr), len);
	return 0;
}

int
kernel_parse_ip(const struct nlattr *attr, uint8_t family, struct addr *out)
{
	if (family != AF_INET && family != AF_INET6)
		return -EBADMSG;
	memset(out, 0, sizeof(*out));
	out->family = family;
	return kernel_parse_bytes(attr, out->b, addr_bytes(out));
}

static int
parse_allowed(const struct nlattr *nest, struct prefix *out)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(nest);
	const struct nlattr *attr, *ip = NULL;
	uint16_t family = 0;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	out->len = UINT8_MAX;
	while ((attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case WGALLOWEDIP_A_FAMILY:
			rc |= kernel_parse_bytes(attr, &family, sizeof(family));
			break;
		case WGALLOWEDIP_A_IPADDR:
			ip = attr;
			break;
		case WGALLOWEDIP_A_CIDR_MASK:
			rc |= kernel_parse_bytes(attr, &out->len, sizeof(out->len));
			break;
		}
	}
	/* The family may come after the address, so that is read last. */
	if (rc < 0 || !ip || family > UINT8_MAX ||
	    kernel_parse_ip(ip, (uint8_t)family, &out->addr) < 0 ||
	    out->len > addr_bits(&out->addr))
		return -EBADMSG;
	return 0;
}

static int
parse_allowed_all(const struct nlattr *nest, struct kernel_peer *peer)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(nest);
	const struct nlattr *attr;
	size_t n = 0;

	while (kernel_nl_next(&attrs))
		n++;
	attrs = kernel_nl_nested(nest);
	peer->allowed =
	    mem_grow(peer->allowed, peer->n_allowed + n, sizeof(struct prefix));
	while ((attr = kernel_nl_next(&attrs))) {
		if (parse_allowed(attr, &peer->allowed[peer->n_allowed]) < 0)
			return -EBADMSG;
		peer->n_allowed++;
	}
	return 0;
}

static int
parse_endpoint(const struct nlattr *attr, struct kernel_peer *peer)
{
	struct sockaddr_storage ss = { 0 };
	size_t len = mnl_attr_get_payload_len(attr);
	struct addr addr = { 0 };

	if (len > sizeof(ss) || len < sizeof(struct sockaddr_in))
		return -EBADMSG;
	memcpy(&ss, mnl_attr_get_payload(attr), len);
	if (ss.ss_family == AF_INET6 && len < sizeof(struct sockaddr_in6))
		return -EBADMSG;
	if (!addr_from_sockaddr((struct sockaddr *)&ss, &addr))
		return -EBADMSG;
	peer->endpoint = addr;
	/* The port stands at the same place in both. */
	peer->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
	return 0;
}

static int
parse_peer_attr(const struct nlattr *attr, struct kernel_peer *peer)
{
	struct handshake_time time;

	switch (mnl_attr_get_type(attr)) {
	case WGPEER_A_ENDPOINT:
		return parse_endpoint(attr, peer);
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		return kernel_parse_bytes(attr, &peer->keepalive_s,
		    sizeof(peer->keepalive_s));
	case WGPEER_A_LAST_HANDSHAKE_TIME:
		if (kernel_parse_bytes(attr, &time, sizeof(time)) < 0 || time.s < 0 ||
		    time.s >= INT64_MAX / NS_PER_S || time.ns < 0 ||
		    time.ns >= NS_PER_S)
			return -EBADMSG;
		peer->handshake.ns = time.s * NS_PER_S + time.ns;
		return 0;
	case WGPEER_A_RX_BYTES:
		return kernel_parse_bytes(attr, &peer->rx_bytes,
		    sizeof(peer->rx_bytes));
	case WGPEER_A_TX_BYTES:
		return kernel_parse_bytes(attr, &peer->tx_bytes,
		    sizeof(peer->tx_bytes));
	case WGPEER_A_ALLOWEDIPS:
		return parse_allowed_all(attr, peer);
	default:
		return 0;
	}
}

static int
parse_peer(const struct nlattr *nest, struct kernel_device *dev)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(nest);
	const struct nlattr *attr;
	struct kernel_peer *peer = dev->n_peers ? &dev->peers[dev->n_peers - 1] : NULL;
	struct wgkey key;
	bool has_key = false;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) != WGPEER_A_PUBLIC_KEY)
			continue;
		if (kernel_parse_bytes(attr, &key, sizeof(key)) < 0)
			return -EBADMSG;
		has_key = true;
	}
	if (!has_key)
		return -EBADMSG;
	/* The rest of a peer's prefixes comes as the same peer again. */
	if (!peer || wgkey_compare(&peer->key, &key) != 0) {
		dev->peers =
		    mem_grow(dev->peers, dev->n_peers + 1, sizeof(*dev->peers));
		peer = &dev->peers[dev->n_peers++];
		*peer = (struct kernel_peer){ .key = key };
	}
	attrs = kernel_nl_nested(nest);
	while ((attr = kernel_nl_next(&attrs))) {
		if (parse_peer_attr(attr, peer) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int
parse_peers(const struct nlattr *nest, struct kernel_device *dev)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(nest);
	const struct nlattr *peer;
	int rc = 0;

	while (rc == 0 && (peer = kernel_nl_next(&attrs)))
		rc = parse_peer(peer, dev);
	return rc;
}

int
kernel_parse_device(const struct nlmsghdr *nlh, struct kernel_device *dev)
{
	struct kernel_nl_attrs attrs;
	const struct nlattr *attr;
	int rc = 0;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	attrs = kernel_nl_attrs(nlh, sizeof(struct genlmsghdr));
	while ((attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case WGDEVICE_A_PUBLIC_KEY:
			rc = kernel_parse_bytes(attr, &dev->key, sizeof(dev->key));
			dev->has_key = rc == 0 && !wgkey_is_zero(&dev->key);
			break;
		case WGDEVICE_A_LISTEN_PORT:
			rc = kernel_parse_bytes(attr, &dev->port, sizeof(dev->port));
			break;
		case WGDEVICE_A_PEERS:
			rc = parse_peers(attr, dev);
			break;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

void
kernel_parse_device_fini(struct kernel_device *dev)
{
	for (size_t i = 0; i < dev->n_peers; i++)
		free(dev->peers[i].allowed);
	free(dev->peers);
	*dev = (struct kernel_device){ 0 };
}

int
kernel_parse_family(const struct nlmsghdr *nlh, uint16_t *out)
{
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(struct genlmsghdr));
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			return kernel_parse_bytes(attr, out, sizeof(*out));
	}
	return -EBADMSG;
}
