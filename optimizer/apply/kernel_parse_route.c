/* SPDX-License-Identifier: MIT */
/*
 * Replies of rtnetlink into structs: links, addresses, routes.  As in kernel_parse.c,
 * lengths are checked and what is not known is skipped.
 */
#include "optimizer/apply/kernel_nl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* Of the times in RTA_CACHEINFO; a constant of the interface, whatever HZ is. */
#define USER_HZ 100

static bool
is_kind(const struct nlattr *info, const char *kind)
{
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
			if (kernel_parse_bytes(attr, &out->mtu, sizeof(out->mtu)) < 0)
				return -EBADMSG;
			break;
		case IFLA_LINKINFO:
			out->wireguard = is_kind(attr, "wireguard");
			out->userspace = is_kind(attr, "tun");
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
	struct ifa_cacheinfo life;
	struct addr local = { 0 }, far = { 0 };
	int rc = 0;

	if (nlh->nlmsg_type != RTM_NEWADDR)
		return -ENOENT;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*addr))
		return -EBADMSG;
	if (addr->ifa_family != AF_INET && addr->ifa_family != AF_INET6)
		return -ENOENT;
	*out = (struct kernel_addr){ .ifindex = addr->ifa_index,
		.prefix.len = addr->ifa_prefixlen };
	while (rc == 0 && (attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL:
			rc = kernel_parse_ip(attr, addr->ifa_family, &local);
			break;
		case IFA_ADDRESS:
			rc = kernel_parse_ip(attr, addr->ifa_family, &far);
			break;
		case IFA_CACHEINFO:
			rc = kernel_parse_bytes(attr, &life, sizeof(life));
			if (rc == 0 && life.ifa_valid != UINT32_MAX)
				out->lease_s = life.ifa_valid ? life.ifa_valid : 1;
			break;
		}
	}
	/* With a peer address, IFA_ADDRESS is the other end's. */
	out->prefix.addr = local.family ? local : far;
	if (local.family && far.family && !addr_equal(&local, &far))
		out->peer = (struct prefix){ far, addr->ifa_prefixlen };
	if (rc < 0 || out->prefix.addr.family == 0 ||
	    out->prefix.len > addr_bits(&out->prefix.addr))
		return -EBADMSG;
	return 0;
}

static int
parse_route_attr(const struct nlattr *attr, const struct rtmsg *rtm, uint32_t *table,
    struct kernel_route *out)
{
	struct rta_cacheinfo cache;
	uint32_t oif;
	int rc;

	switch (mnl_attr_get_type(attr)) {
	case RTA_TABLE:
		return kernel_parse_bytes(attr, table, sizeof(*table));
	case RTA_DST:
		return kernel_parse_ip(attr, rtm->rtm_family, &out->dst.addr);
	case RTA_OIF:
		rc = kernel_parse_bytes(attr, &oif, sizeof(oif));
		if (rc == 0)
			out->ifindex = oif;
		return rc;
	case RTA_PREFSRC:
		return kernel_parse_ip(attr, rtm->rtm_family, &out->src);
	case RTA_PRIORITY:
		return kernel_parse_bytes(attr, &out->metric, sizeof(out->metric));
	case RTA_CACHEINFO:
		rc = kernel_parse_bytes(attr, &cache, sizeof(cache));
		/* Below 0 it has expired, and waits for the collector of garbage. */
		if (rc == 0 && cache.rta_expires != 0)
			out->expires_s =
			    cache.rta_expires < 0
				? UINT32_MAX
				: (uint32_t)cache.rta_expires / USER_HZ + 1;
		return rc;
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
	if (out->expires_s == UINT32_MAX) /* no packet takes it any more */
		return -ENOENT;
	/* Clones are the kernel's notes (path MTU and the like), not routes. */
	if (table != RT_TABLE_MAIN || rtm->rtm_flags & RTM_F_CLONED)
		return -ENOENT;
	return 0;
}
