/* SPDX-License-Identifier: MIT */
/*
 * RTM_GETROUTE for one address.  The kernel has queued its answer before sendto() comes
 * back, so the socket does not block and an empty queue is an error.
 */
#include "common/fib.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#include "common/mem.h"

#define REPLY_BYTES \
	8192 /* one route; MNL_SOCKET_BUFFER_SIZE asks sysconf() each time */

struct fib {
	struct mnl_socket *nl;
	unsigned seq;
};

int
fib_open(struct fib **out)
{
	struct fib *fib = mem_alloc(sizeof(*fib));
	int rc;

	fib->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!fib->nl || mnl_socket_bind(fib->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		rc = -errno;
		fib_close(fib);
		return rc;
	}
	*out = fib;
	return 0;
}

void
fib_close(struct fib *fib)
{
	if (!fib)
		return;
	if (fib->nl)
		(void)mnl_socket_close(fib->nl); /* nothing buffered that could fail */
	free(fib);
}

static int
ask(struct fib *fib, const struct addr *addr)
{
	uint8_t buf[256]; /* header 16, rtmsg 12, RTA_DST 20 */
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++fib->seq;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = addr->family;
	rtm->rtm_dst_len = (unsigned char)addr_bits(addr);
	mnl_attr_put(nlh, RTA_DST, addr_bytes(addr), addr->b);
	return mnl_socket_sendto(fib->nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static int
read_attr(const struct nlattr *attr, void *data)
{
	unsigned *oif = data;

	if (mnl_attr_get_type(attr) == RTA_OIF &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*oif = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int
read_route(const struct nlmsghdr *nlh, unsigned *ifindex)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	unsigned oif = 0;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return -EPROTO;
	(void)mnl_attr_parse(nlh, sizeof(*rtm), read_attr, &oif); /* cannot fail */
	/* IPv6 answers an unreachable or blackhole route with a route, not an error. */
	if (!oif || rtm->rtm_type == RTN_UNREACHABLE ||
	    rtm->rtm_type == RTN_BLACKHOLE || rtm->rtm_type == RTN_PROHIBIT)
		return -ENETUNREACH;
	*ifindex = oif;
	return 0;
}

static int
read_message(const struct nlmsghdr *nlh, unsigned *ifindex)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == RTM_NEWROUTE)
		return read_route(nlh, ifindex);
	if (nlh->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return -EPROTO;
	return e->error < 0 ? e->error : -EPROTO;
}

int
fib_lookup(struct fib *fib, const struct addr *addr, unsigned *ifindex)
{
	_Alignas(struct nlmsghdr) uint8_t buf[REPLY_BYTES];
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t got;
	int len, rc = ask(fib, addr);

	if (rc < 0)
		return rc;
	for (;;) {
		got = mnl_socket_recvfrom(fib->nl, buf, sizeof(buf));
		if (got < 0)
			return -errno;
		len = (int)got;
		/* An answer left over from a call that failed half way is skipped. */
		if (mnl_nlmsg_ok(nlh, len) && nlh->nlmsg_seq == fib->seq)
			return read_message(nlh, ifindex);
	}
}
