/* SPDX-License-Identifier: MIT */
/*
 * Links, addresses and routes over rtnetlink, and the few things that are asked of the
 * kernel without it: sysctls and whether a UDP port is free.
 */
#include "optimizer/apply/kernel_nl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/apply/kernel_uapi.h"

/* Above this the table is not an overlay node's, and memory is worth more. */
#define ROUTES_MAX 4000000

static int
link_cb(const struct nlmsghdr *nlh, void *ctx)
{
	int rc = kernel_parse_link(nlh, ctx);

	return rc == -ENOENT ? 0 : rc;
}

int
kernel_link(struct kernel *k, const char *name, struct kernel_link *out)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, RTM_GETLINK, 0);
	int rc;

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	memset(out, 0, sizeof(*out));
	rc = kernel_nl_ask(k, KERNEL_NL_ROUTE, nlh, link_cb, out);
	if (rc == 0 && out->userspace) {
		out->userspace = kernel_uapi_serves(name);
		out->wireguard = out->userspace;
	}
	return rc == 0 && out->ifindex == 0 ? -ENODEV : rc;
}

/* A growing array of rows. */
struct rows {
	void *v;
	size_t n, cap, size;
	unsigned ifindex; /* of addresses: only of this interface, 0 = all */
};

static void *
next_row(struct rows *rows)
{
	if (rows->n == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 64;
		rows->v = mem_grow(rows->v, rows->cap, rows->size);
	}
	return (char *)rows->v + rows->n * rows->size;
}

static int
dump_rows(struct kernel *k, struct nlmsghdr *nlh, kernel_nl_cb *each,
    void (*again)(void *), struct rows *rows)
{
	return kernel_nl_dump(k, &(struct kernel_nl_dump){ .bus = KERNEL_NL_ROUTE,
				     .request = nlh,
				     .each = each,
				     .again = again,
				     .ctx = rows });
}

static int
addr_cb(const struct nlmsghdr *nlh, void *ctx)
{
	struct rows *rows = ctx;
	struct kernel_addr *addr = next_row(rows);
	int rc = kernel_parse_addr(nlh, addr);

	if (rc == 0 && (rows->ifindex == 0 || rows->ifindex == addr->ifindex))
		rows->n++;
	return rc == -ENOENT ? 0 : rc;
}

static void
rows_again(void *ctx)
{
	struct rows *rows = ctx;

	rows->n = 0;
}

int
kernel_addrs(struct kernel *k, unsigned ifindex, struct kernel_addr **out, size_t *n)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, RTM_GETADDR, NLM_F_DUMP);
	struct rows rows = { .size = sizeof(struct kernel_addr), .ifindex = ifindex };
	int rc;

	*out = NULL;
	*n = 0;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	rc = dump_rows(k, nlh, addr_cb, rows_again, &rows);
	if (rc < 0) {
		free(rows.v);
		return rc;
	}
	*out = rows.v;
	*n = rows.n;
	return 0;
}

static int
route_cb(const struct nlmsghdr *nlh, void *ctx)
{
	struct rows *rows = ctx;
	int rc;

	if (rows->n >= ROUTES_MAX)
		return -ENOBUFS;
	rc = kernel_parse_route(nlh, next_row(rows));
	if (rc == 0)
		rows->n++;
	return rc == -ENOENT ? 0 : rc;
}

static int
dump_routes(struct kernel *k, uint8_t family, struct rows *rows)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = family;
	return dump_rows(k, nlh, route_cb, rows_again, rows);
}

int
kernel_routes(struct kernel *k, struct kernel_route **out, size_t *n)
{
	struct rows v4 = { .size = sizeof(struct kernel_route) }, v6 = v4;
	int rc;

	*out = NULL;
	*n = 0;
	rc = dump_routes(k, AF_INET, &v4);
	if (rc == 0)
		rc = dump_routes(k, AF_INET6, &v6);
	/* A kernel without IPv6 has no such table. */
	if (rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT)
		rc = 0;
	if (rc == 0) {
		v4.v = mem_grow(v4.v, v4.n + v6.n, v4.size);
		if (v6.n)
			memcpy((struct kernel_route *)v4.v + v4.n, v6.v,
			    v6.n * v6.size);
		*out = v4.v;
		*n = v4.n + v6.n;
	} else {
		free(v4.v);
	}
	free(v6.v);
	return rc;
}

int
kernel_lookup(struct kernel *k, const struct addr *addr, unsigned *ifindex)
{
	return fib_lookup(k->fib, addr, ifindex);
}

int
kernel_sysctl(struct kernel *k, const char *name, uint32_t *out)
{
	char path[256], text[32];
	ssize_t len;
	int fd, n;

	(void)k; /* read from the network namespace of this process */
	n = snprintf(path, sizeof(path), "/proc/sys/%s", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	(void)close(fd); /* was only read */
	if (len <= 0)
		return -EIO;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return num_u32(text, 0, UINT32_MAX, out);
}

static int
try_bind(sa_family_t family, uint16_t port)
{
	struct addr any = { .family = (uint8_t)family };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&any, port, 0, &ss);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, rc = 0;

	if (fd < 0) /* a family that the kernel lacks has no such port in use */
		return errno == EAFNOSUPPORT ? 0 : -errno;
	/* As WireGuard does it: one socket a family. */
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		rc = -errno;
	(void)close(fd); /* never used */
	return rc;
}

int
kernel_port_free(struct kernel *k, uint16_t port)
{
	int rc = try_bind(AF_INET, port);

	(void)k; /* asked of the network namespace of this process */
	return rc < 0 ? rc : try_bind(AF_INET6, port);
}

/* An IFLA_MTU of 0 is left out. */
static int
change_link(struct kernel *k, uint16_t type, unsigned flags, uint32_t mtu)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, type, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(nlh, sizeof(*link));
	unsigned ifindex = if_nametoindex(k->direct);

	if (ifindex == 0)
		return -ENODEV;
	link->ifi_index = (int)ifindex;
	link->ifi_flags = flags;
	link->ifi_change = flags;
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return kernel_nl_change(k, KERNEL_NL_ROUTE, nlh);
}

/* Where the kernel cannot, wireguard-go makes the device and serves it. */
static int
start_userspace(struct kernel *k, uint32_t mtu)
{
	int rc = if_nametoindex(k->direct) ? -EEXIST : kernel_uapi_start(k->direct);

	return rc < 0 ? rc : change_link(k, RTM_NEWLINK, 0, mtu);
}

int
kernel_link_add(struct kernel *k, uint32_t mtu)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh =
	    kernel_nl_request(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;
	int rc;

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, k->direct);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(nlh, info);
	rc = kernel_nl_change(k, KERNEL_NL_ROUTE, nlh);
	return rc == -EOPNOTSUPP ? start_userspace(k, mtu) : rc;
}

int
kernel_link_up(struct kernel *k)
{
	return change_link(k, RTM_NEWLINK, IFF_UP, 0);
}

int
kernel_link_del(struct kernel *k)
{
	return change_link(k, RTM_DELLINK, 0, 0);
}

int
kernel_addr_add(struct kernel *k, const struct prefix *prefix)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh =
	    kernel_nl_request(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *addr = mnl_nlmsg_put_extra_header(nlh, sizeof(*addr));
	unsigned ifindex = if_nametoindex(k->direct);

	if (ifindex == 0)
		return -ENODEV;
	addr->ifa_family = prefix->addr.family;
	addr->ifa_prefixlen = prefix->len;
	addr->ifa_index = ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, addr_bytes(&prefix->addr), prefix->addr.b);
	mnl_attr_put(nlh, IFA_ADDRESS, addr_bytes(&prefix->addr), prefix->addr.b);
	if (prefix->addr.family == AF_INET6) {
		/* There is nobody to ask on such a link, and asking takes a second. */
		addr->ifa_flags = IFA_F_NODAD;
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	}
	return kernel_nl_change(k, KERNEL_NL_ROUTE, nlh);
}

static int
change_route(struct kernel *k, uint16_t type, uint16_t flags,
    const struct kernel_route *route)
{
	uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	unsigned ifindex = if_nametoindex(k->direct);

	if (ifindex == 0)
		return -ENODEV;
	rtm->rtm_family = route->dst.addr.family;
	rtm->rtm_dst_len = route->dst.len;
	rtm->rtm_tos = route->tos;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = route->protocol;
	rtm->rtm_scope = route->scope;
	rtm->rtm_type = route->type;
	mnl_attr_put(nlh, RTA_DST, addr_bytes(&route->dst.addr), route->dst.addr.b);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (route->metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	if (route->src.family)
		mnl_attr_put(nlh, RTA_PREFSRC, addr_bytes(&route->src), route->src.b);
	if (type == RTM_NEWROUTE && route->expires_s)
		mnl_attr_put_u32(nlh, RTA_EXPIRES, route->expires_s);
	return kernel_nl_change(k, KERNEL_NL_ROUTE, nlh);
}

int
kernel_route_add(struct kernel *k, const struct kernel_route *route)
{
	int rc;

	/*
	 * One that expires and is there already, the same in all else, gets the new
	 * time and EEXIST for an answer.  Nothing else is ever touched without EXCL.
	 */
	if (route->expires_s) {
		rc = change_route(k, RTM_NEWROUTE, NLM_F_CREATE, route);
		return rc == -EEXIST ? 0 : rc;
	}
	return change_route(k, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

int
kernel_route_del(struct kernel *k, const struct kernel_route *route)
{
	return change_route(k, RTM_DELROUTE, 0, route);
}
