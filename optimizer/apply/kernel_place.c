/* SPDX-License-Identifier: MIT */
/*
 * In place, where the direct interface is the hub's own: who may be changed there, and
 * the last look at a request before it goes to the kernel.  As kernel_guard.c, it reads
 * the bytes that would be sent and stands apart from what builds them.
 *
 * A prefix belongs to one peer, and the kernel moves it from one to another without a
 * word: so it is not enough that a message names no peer of others, it must not name a
 * prefix of theirs either.
 */
#include "optimizer/apply/kernel_nl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <string.h>

void
kernel_in_place(struct kernel *k, const struct wgkey *hub, const struct prefix *cover,
    size_t n_cover)
{
	k->in_place = true;
	k->place =
	    (struct kernel_nl_place){ .hub = *hub, .cover = cover, .n_cover = n_cover };
}

static bool
mine(const struct kernel_nl_place *place, const struct wgkey *key)
{
	for (size_t i = 0; i < place->n_mine; i++) {
		if (wgkey_compare(&place->mine[i], key) == 0)
			return true;
	}
	return false;
}

int
kernel_claim(struct kernel *k, const struct wgkey *key)
{
	struct kernel_nl_place *place = &k->place;

	if (wgkey_compare(&place->hub, key) == 0)
		return -EPERM;
	if (mine(place, key))
		return 0;
	if (place->n_mine == KERNEL_CLAIMS_MAX)
		return -ENOSPC;
	place->mine[place->n_mine++] = *key;
	return 0;
}

void
kernel_disclaim(struct kernel *k, const struct wgkey *key)
{
	struct kernel_nl_place *place = &k->place;

	for (size_t i = 0; i < place->n_mine; i++) {
		if (wgkey_compare(&place->mine[i], key) != 0)
			continue;
		place->mine[i] = place->mine[--place->n_mine];
		return;
	}
}

static bool
link_local(const struct addr *addr)
{
	return addr->family == AF_INET6 && addr->b[0] == 0xfe &&
	       (addr->b[1] & 0xc0) == 0x80;
}

/* One AllowedIP: a probe address, or strictly inside of what the hub has. */
static bool
prefix_harmless(const struct nlattr *nest, bool probe_only,
    const struct kernel_nl_place *place)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(nest);
	const struct nlattr *attr, *ip = NULL;
	struct prefix prefix = { 0 };
	uint16_t family = 0;

	while ((attr = kernel_nl_next(&attrs))) {
		int rc = 0;

		switch (mnl_attr_get_type(attr)) {
		case WGALLOWEDIP_A_FAMILY:
			rc = kernel_parse_bytes(attr, &family, sizeof(family));
			break;
		case WGALLOWEDIP_A_IPADDR:
			ip = attr;
			break;
		case WGALLOWEDIP_A_CIDR_MASK:
			rc = kernel_parse_bytes(attr, &prefix.len, sizeof(prefix.len));
			break;
		default:
			return false;
		}
		if (rc < 0)
			return false;
	}
	if (!ip || (family != AF_INET && family != AF_INET6) ||
	    kernel_parse_ip(ip, (uint8_t)family, &prefix.addr) < 0)
		return false;
	if (link_local(&prefix.addr))
		return prefix.len == 128;
	for (size_t i = 0; i < place->n_cover && !probe_only; i++) {
		if (place->cover[i].len < prefix.len &&
		    prefix_covers(&place->cover[i], &prefix))
			return true;
	}
	return false;
}

static bool
prefixes_harmless(const struct nlattr *list, bool probe_only,
    const struct kernel_nl_place *place)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(list);
	const struct nlattr *nest;

	while ((nest = kernel_nl_next(&attrs))) {
		if (!prefix_harmless(nest, probe_only, place))
			return false;
	}
	return true;
}

/*
 * A claimed one, which grows by harmless prefixes, or goes, or shrinks to its probe
 * address if it is there at all.
 */
static bool
peer_harmless(const struct nlattr *peer, const struct kernel_nl_place *place)
{
	struct kernel_nl_attrs attrs = kernel_nl_nested(peer);
	const struct nlattr *attr, *allowed = NULL;
	uint32_t flags = 0;
	struct wgkey key;
	bool claimed = false;

	while ((attr = kernel_nl_next(&attrs))) {
		switch (mnl_attr_get_type(attr)) {
		case WGPEER_A_PUBLIC_KEY:
			if (kernel_parse_bytes(attr, key.b, sizeof(key.b)) < 0 ||
			    wgkey_compare(&key, &place->hub) == 0 || !mine(place, &key))
				return false;
			claimed = true;
			break;
		case WGPEER_A_FLAGS:
			if (flags ||
			    kernel_parse_bytes(attr, &flags, sizeof(flags)) < 0)
				return false;
			break;
		case WGPEER_A_ALLOWEDIPS:
			if (allowed)
				return false;
			allowed = attr;
			break;
		case WGPEER_A_ENDPOINT:
		case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
			break;
		default:
			return false;
		}
	}
	if (flags && flags != WGPEER_F_REMOVE_ME &&
	    flags != (WGPEER_F_UPDATE_ONLY | WGPEER_F_REPLACE_ALLOWEDIPS))
		return false;
	return claimed && (!allowed || prefixes_harmless(allowed, flags != 0, place));
}

/* One peer and no word of the device itself: no key, no port, no mark, no flag. */
static bool
device_harmless(const struct nlmsghdr *request, const char *ifname,
    const struct kernel_nl_place *place)
{
	struct kernel_nl_attrs attrs =
	    kernel_nl_attrs(request, sizeof(struct genlmsghdr));
	const struct nlattr *attr, *peer;
	bool named = false;
	size_t n = 0;

	while ((attr = kernel_nl_next(&attrs))) {
		struct kernel_nl_attrs peers = kernel_nl_nested(attr);

		if (mnl_attr_get_type(attr) == WGDEVICE_A_IFNAME) {
			if (mnl_attr_get_payload_len(attr) != strlen(ifname) + 1 ||
			    memcmp(mnl_attr_get_payload(attr), ifname,
				strlen(ifname) + 1) != 0)
				return false;
			named = true;
			continue;
		}
		if (mnl_attr_get_type(attr) != WGDEVICE_A_PEERS)
			return false;
		while ((peer = kernel_nl_next(&peers))) {
			n++;
			if (!peer_harmless(peer, place))
				return false;
		}
	}
	return named && n == 1;
}

/* fe80::/10, beside what is there. */
static bool
addr_harmless(const struct nlmsghdr *request, unsigned ifindex)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(request);
	struct kernel_nl_attrs attrs =
	    kernel_nl_attrs(request, sizeof(struct ifaddrmsg));
	const struct nlattr *attr;
	bool found = false;

	if (ifindex == 0 || head->ifa_index != ifindex ||
	    head->ifa_family != AF_INET6 || request->nlmsg_flags & NLM_F_REPLACE)
		return false;
	while ((attr = kernel_nl_next(&attrs))) {
		struct addr addr;

		if (mnl_attr_get_type(attr) != IFA_LOCAL &&
		    mnl_attr_get_type(attr) != IFA_ADDRESS)
			continue;
		if (kernel_parse_ip(attr, AF_INET6, &addr) < 0 || !link_local(&addr))
			return false;
		found = true;
	}
	return found;
}

bool
kernel_nl_in_place(const struct nlmsghdr *request, uint16_t wg_family,
    const char *ifname, unsigned ifindex, const struct kernel_nl_place *place)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(request);

	if (wg_family != 0 && request->nlmsg_type == wg_family)
		return genl->cmd == WG_CMD_SET_DEVICE &&
		       device_harmless(request, ifname, place);
	return request->nlmsg_type == RTM_NEWADDR && addr_harmless(request, ifindex);
}
