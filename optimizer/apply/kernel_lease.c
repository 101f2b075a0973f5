/* SPDX-License-Identifier: MIT */
/*
 * Routes that the kernel takes away by itself, and the socket on which it tells what
 * has changed.
 */
#include "optimizer/apply/kernel_nl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

/*
 * A monitor with the default buffer loses messages after 256 routes; with this much it
 * held 10,000 at once.  FORCE, since rmem_max is 208 KiB: it needs CAP_NET_ADMIN.
 */
#define MONITOR_BYTES (8 * 1024 * 1024)

/* Datagrams read at one go: a routing daemon's storm must not keep us from serving. */
#define MONITOR_BATCH 1024

static int
change_address(struct kernel *k, uint16_t type, uint16_t flags,
    const struct kernel_lease *lease)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, type, flags);
	struct ifaddrmsg *addr = mnl_nlmsg_put_extra_header(nlh, sizeof(*addr));
	unsigned ifindex = if_nametoindex(k->direct);
	struct ifa_cacheinfo life = { .ifa_prefered = lease->seconds,
		.ifa_valid = lease->seconds };

	if (ifindex == 0)
		return -ENODEV;
	addr->ifa_family = AF_INET;
	addr->ifa_prefixlen = lease->prefix.len;
	addr->ifa_index = ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, 4, lease->own.b);
	mnl_attr_put(nlh, IFA_ADDRESS, 4, lease->prefix.addr.b);
	if (type == RTM_NEWADDR)
		mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(life), &life);
	return kernel_nl_change(k, KERNEL_NL_ROUTE, nlh);
}

static struct kernel_route
expiring(const struct kernel_lease *lease)
{
	return (struct kernel_route){ .dst = lease->prefix,
		.protocol = RTPROT_MESHOPT,
		.type = RTN_UNICAST,
		.metric = KERNEL_LEASE_METRIC,
		.src = lease->own.family == AF_INET6 ? lease->own : (struct addr){ 0 },
		.expires_s = lease->seconds };
}

int
kernel_lease_set(struct kernel *k, const struct kernel_lease *lease)
{
	struct kernel_route route = expiring(lease);

	if (lease->seconds == 0)
		return -EINVAL;
	if (lease->prefix.addr.family == AF_INET6)
		return kernel_route_add(k, &route);
	if (lease->own.family != AF_INET)
		return -EINVAL;
	/* REPLACE: of the very same address with the very same other end. */
	return change_address(k, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, lease);
}

int
kernel_lease_del(struct kernel *k, const struct kernel_lease *lease)
{
	struct kernel_route route = expiring(lease);

	if (lease->prefix.addr.family == AF_INET6)
		return kernel_route_del(k, &route);
	return change_address(k, RTM_DELADDR, 0, lease);
}

int
kernel_monitor(struct kernel *k, int *fd)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	int bytes = MONITOR_BYTES, group, rc = 0;

	if (k->monitor) {
		*fd = mnl_socket_get_fd(k->monitor);
		return 0;
	}
	k->monitor = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!k->monitor)
		return -errno;
	if (mnl_socket_bind(k->monitor, 0, MNL_SOCKET_AUTOPID) < 0)
		rc = -errno;
	for (size_t i = 0; rc == 0 && i < sizeof(groups) / sizeof(groups[0]); i++) {
		group = groups[i];
		if (mnl_socket_setsockopt(k->monitor, NETLINK_ADD_MEMBERSHIP, &group,
			sizeof(group)) < 0)
			rc = -errno;
	}
	if (rc < 0) {
		(void)mnl_socket_close(k->monitor); /* nothing was read yet */
		k->monitor = NULL;
		return rc;
	}
	*fd = mnl_socket_get_fd(k->monitor);
	/* Too small a buffer only means ENOBUFS sooner, which is answered. */
	if (setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

/* Does this concern a link, or one of these two interfaces? */
static bool
concerns(const struct nlmsghdr *nlh, const unsigned ifindex[2])
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(nlh);
	struct kernel_nl_attrs attrs;
	const struct nlattr *attr;
	uint32_t oif;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return true;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*addr) &&
		       (addr->ifa_index == ifindex[0] || addr->ifa_index == ifindex[1]);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct rtmsg))
			return false;
		attrs = kernel_nl_attrs(nlh, sizeof(struct rtmsg));
		while ((attr = kernel_nl_next(&attrs))) {
			if (mnl_attr_get_type(attr) == RTA_OIF &&
			    kernel_parse_bytes(attr, &oif, sizeof(oif)) == 0)
				return oif == ifindex[0] || oif == ifindex[1];
		}
		return true; /* several ways: one may be ours */
	default:
		return false;
	}
}

int
kernel_monitor_read(struct kernel *k, const unsigned ifindex[2])
{
	int rc = 0;

	for (int i = 0; i < MONITOR_BATCH; i++) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { k->buf, KERNEL_NL_BUFFER };
		struct msghdr msg = { .msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1 };
		ssize_t len = recvmsg(mnl_socket_get_fd(k->monitor), &msg, 0);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)k->buf;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN ? rc : -errno;
		if (from.nl_pid != 0) /* another process, who tells us nothing */
			continue;
		for (; mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (unsigned)left;
		     nlh = mnl_nlmsg_next(nlh, &left))
			rc |= concerns(nlh, ifindex);
	}
	return rc;
}
