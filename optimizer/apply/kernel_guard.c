/* SPDX-License-Identifier: MIT */
/*
 * The last look at a request before it goes to the kernel: what does it change?  It
 * stands apart from what builds requests, and reads the bytes that would be sent.
 */
#include "optimizer/apply/kernel_nl.h"

#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <string.h>

/* Every attribute of this kind after offset bytes equals value. */
static bool
only(const struct nlmsghdr *nlh, size_t offset, uint16_t type, const void *value,
    size_t len)
{
	struct kernel_nl_attrs attrs = kernel_nl_attrs(nlh, offset);
	const struct nlattr *attr;
	bool found = false;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) != type)
			continue;
		if (mnl_attr_get_payload_len(attr) < len ||
		    memcmp(mnl_attr_get_payload(attr), value, len) != 0)
			return false;
		found = true;
	}
	return found;
}

/* One peer at the most, and no flag but the one that removes it. */
static bool
peers_harmless(const struct nlattr *peers)
{
	struct kernel_nl_attrs list = kernel_nl_nested(peers);
	const struct nlattr *peer, *attr;
	size_t n = 0;

	while ((peer = kernel_nl_next(&list))) {
		struct kernel_nl_attrs attrs = kernel_nl_nested(peer);

		n++;
		while ((attr = kernel_nl_next(&attrs))) {
			uint32_t flags;

			if (mnl_attr_get_type(attr) != WGPEER_A_FLAGS)
				continue;
			if (kernel_parse_bytes(attr, &flags, sizeof(flags)) < 0 ||
			    flags & ~(uint32_t)WGPEER_F_REMOVE_ME)
				return false;
		}
	}
	return n <= 1;
}

/* Of a SET_DEVICE: nothing of it replaces all that there is. */
static bool
harmless(const struct nlmsghdr *request)
{
	struct kernel_nl_attrs attrs =
	    kernel_nl_attrs(request, sizeof(struct genlmsghdr));
	const struct nlattr *attr;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == WGDEVICE_A_FLAGS)
			return false;
		if (mnl_attr_get_type(attr) == WGDEVICE_A_PEERS &&
		    !peers_harmless(attr))
			return false;
	}
	return true;
}

/*
 * An address that has another end: a lease.  Without IFA_ADDRESS, or with our own in
 * it, the kernel would take the address away by which rp_filter lets packets in.
 */
static bool
has_far_end(const struct nlmsghdr *request)
{
	struct kernel_nl_attrs attrs =
	    kernel_nl_attrs(request, sizeof(struct ifaddrmsg));
	const struct nlattr *attr, *local = NULL, *far = NULL;

	while ((attr = kernel_nl_next(&attrs))) {
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr;
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			far = attr;
	}
	return local && far &&
	       mnl_attr_get_payload_len(local) == mnl_attr_get_payload_len(far) &&
	       memcmp(mnl_attr_get_payload(local), mnl_attr_get_payload(far),
		   mnl_attr_get_payload_len(far)) != 0;
}

bool
kernel_nl_names(const struct nlmsghdr *request, uint16_t wg_family, const char *ifname,
    unsigned ifindex)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(request);
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(request);
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(request);

	if (wg_family != 0 && request->nlmsg_type == wg_family)
		return genl->cmd == WG_CMD_SET_DEVICE &&
		       only(request, sizeof(*genl), WGDEVICE_A_IFNAME, ifname,
			   strlen(ifname) + 1) &&
		       harmless(request);
	switch (request->nlmsg_type) {
	case RTM_NEWLINK:
		/* A new one by its name, an existing one by its index. */
		if (link->ifi_index == 0)
			return request->nlmsg_flags & NLM_F_EXCL &&
			       only(request, sizeof(*link), IFLA_IFNAME, ifname,
				   strlen(ifname) + 1);
		return ifindex != 0 && link->ifi_index == (int)ifindex;
	case RTM_DELLINK:
		return ifindex != 0 && link->ifi_index == (int)ifindex;
	case RTM_NEWADDR:
		/* In place of another only a lease, which is how one is renewed. */
		return ifindex != 0 && addr->ifa_index == ifindex &&
		       (!(request->nlmsg_flags & NLM_F_REPLACE) ||
			   has_far_end(request));
	case RTM_DELADDR:
		return ifindex != 0 && addr->ifa_index == ifindex &&
		       has_far_end(request);
	case RTM_NEWROUTE:
		if (request->nlmsg_flags & (NLM_F_REPLACE | NLM_F_APPEND))
			return false;
		/* fall through */
	case RTM_DELROUTE:
		return ifindex != 0 && only(request, sizeof(struct rtmsg), RTA_OIF,
					   &(uint32_t){ ifindex }, sizeof(uint32_t));
	default:
		return false;
	}
}
