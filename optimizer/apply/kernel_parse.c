/* SPDX-License-Identifier: MIT */
/*
 * Replies of the kernel into structs.  The kernel is trusted to mean well but not to be
 * of our version: lengths are checked, unknown attributes skipped, counts bounded by
 * the bytes that came.
 */
#include "optimizer/apply/kernel_nl.h"

#include <assert.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* struct __kernel_timespec, which older headers lack. */
struct handshake_time {
	int64_t s;
	int64_t ns;
};

/* A fixed-size attribute; longer ones are cut, shorter ones refused. */
static int
get(const struct nlattr *attr, void *out, size_t len)
{
	if (mnl_attr_get_payload_len(attr) < len)
		return -EBADMSG;
	memcpy(out, mnl_attr_get_payload(attr), len);
	return 0;
}

static int
get_addr(const struct nlattr *attr, uint8_t family, struct addr *out)
{
	if (family != AF_INET && family != AF_INET6)
		return -EBADMSG;
	memset(out, 0, sizeof(*out));
	out->family = family;
	return get(attr, out->b, addr_bytes(out));
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
			rc |= get(attr, &family, sizeof(family));
			break;
		case WGALLOWEDIP_A_IPADDR:
			ip = attr;
			break;
		case WGALLOWEDIP_A_CIDR_MASK:
			rc |= get(attr, &out->len, sizeof(out->len));
			break;
		}
	}
	/* The family may come after the address, so that is read last. */
	if (rc < 0 || !ip || family > UINT8_MAX ||
	    get_addr(ip, (uint8_t)family, &out->addr) < 0 ||
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
		return get(attr, &peer->keepalive_s, sizeof(peer->keepalive_s));
	case WGPEER_A_LAST_HANDSHAKE_TIME:
		if (get(attr, &time, sizeof(time)) < 0 || time.s < 0 ||
		    time.s >= INT64_MAX / NS_PER_S || time.ns < 0 ||
		    time.ns >= NS_PER_S)
			return -EBADMSG;
		peer->handshake.ns = time.s * NS_PER_S + time.ns;
		return 0;
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
		if (get(attr, &key, sizeof(key)) < 0)
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
			rc = get(attr, &dev->key, sizeof(dev->key));
			dev->has_key = rc == 0 && !wgkey_is_zero(&dev->key);
			break;
		case WGDEVICE_A_LISTEN_PORT:
			rc = get(attr, &dev->port, sizeof(dev->port));
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

static bool
is_wireguard(const struct nlattr *info)
{
	static const char kind[] = "wireguard";
	struct kernel_nl_attrs attrs = kernel_nl_nested(info);
	const struct nlattr *attr;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
		    mnl_attr_get_payload_len(attr) >= strlen(kind) &&
		    strncmp(mnl_attr_get_payload(attr), kind,
			mnl_attr_get_payload_len(attr)) == 0)
			return true;
	}
	return false;
}

int
kernel_parse_link(const struct nlmsghdr *nlh, struct kernel_link *out)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(*link));
	const struct nlattr *attr;
	size_t len;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return -ENOENT;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*link) || link->ifi_index <= 0)
		return -EBADMSG;
	*out = (struct kernel_link){ .ifindex = (unsigned)link->ifi_index,
		.up = link->ifi_flags & IFF_UP };
	while ((attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			len = mnl_attr_get_payload_len(attr);
			if (len == 0 || len > sizeof(out->name))
				return -EBADMSG;
			memcpy(out->name, mnl_attr_get_payload(attr), len);
			out->name[sizeof(out->name) - 1] = '\0';
			break;
		case IFLA_MTU:
			if (get(attr, &out->mtu, sizeof(out->mtu)) < 0)
				return -EBADMSG;
			break;
		case IFLA_LINKINFO:
			out->wireguard = is_wireguard(attr);
			break;
		}
	}
	return out->name[0] ? 0 : -EBADMSG;
}

int
kernel_parse_addr(const struct nlmsghdr *nlh, struct kernel_addr *out)
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(nlh);
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(*addr));
	const struct nlattr *attr;
	bool local = false;

	if (nlh->nlmsg_type != RTM_NEWADDR)
		return -ENOENT;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*addr))
		return -EBADMSG;
	if (addr->ifa_family != AF_INET && addr->ifa_family != AF_INET6)
		return -ENOENT;
	*out = (struct kernel_addr){ .ifindex = addr->ifa_index,
		.prefix.len = addr->ifa_prefixlen };
	while ((attr = kernel_nl_next(&attrs))) {
		uint16_t type = mnl_attr_get_type(attr);

		/* With a peer address, IFA_ADDRESS is the other end's. */
		if (type != IFA_LOCAL && (type != IFA_ADDRESS || local))
			continue;
		if (get_addr(attr, addr->ifa_family, &out->prefix.addr) < 0)
			return -EBADMSG;
		local = type == IFA_LOCAL;
	}
	if (out->prefix.addr.family == 0 ||
	    out->prefix.len > addr_bits(&out->prefix.addr))
		return -EBADMSG;
	return 0;
}

static int
parse_route_attr(const struct nlattr *attr, const struct rtmsg *rtm, uint32_t *table,
    struct kernel_route *out)
{
	uint32_t oif;
	int rc;

	switch (mnl_attr_get_type(attr)) {
	case RTA_TABLE:
		return get(attr, table, sizeof(*table));
	case RTA_DST:
		return get_addr(attr, rtm->rtm_family, &out->dst.addr);
	case RTA_OIF:
		rc = get(attr, &oif, sizeof(oif));
		if (rc == 0)
			out->ifindex = oif;
		return rc;
	case RTA_PREFSRC:
		return get_addr(attr, rtm->rtm_family, &out->src);
	case RTA_PRIORITY:
		return get(attr, &out->metric, sizeof(out->metric));
	case RTA_GATEWAY:
	case RTA_VIA:
		out->gateway = true;
		return 0;
	default:
		return 0;
	}
}

int
kernel_parse_route(const struct nlmsghdr *nlh, struct kernel_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, sizeof(*rtm));
	const struct nlattr *attr;
	uint32_t table;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return -ENOENT;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return -EBADMSG;
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return -ENOENT;
	table = rtm->rtm_table; /* 8 bits; RTA_TABLE has all of them */
	*out = (struct kernel_route){ .dst.len = rtm->rtm_dst_len,
		.dst.addr.family = rtm->rtm_family, /* a default route has no RTA_DST */
		.protocol = rtm->rtm_protocol,
		.type = rtm->rtm_type,
		.scope = rtm->rtm_scope,
		.tos = rtm->rtm_tos };
	while ((attr = kernel_nl_next(&attrs))) {
		if (parse_route_attr(attr, rtm, &table, out) < 0)
			return -EBADMSG;
	}
	if (out->dst.len > addr_bits(&out->dst.addr))
		return -EBADMSG;
	/* Clones are the kernel's notes (path MTU and the like), not routes. */
	if (table != RT_TABLE_MAIN || rtm->rtm_flags & RTM_F_CLONED)
		return -ENOENT;
	return 0;
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
			return get(attr, out, sizeof(*out));
	}
	return -EBADMSG;
}
