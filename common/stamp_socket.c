/* SPDX-License-Identifier: MIT */
/*
 * The transmit stamp is TX_SCHED, made as the packet enters the device's queue: the
 * core makes it for every device, while WireGuard's makes no TX_SOFTWARE.  The kernel
 * hands it back with the packet, which tells better whose it is than a count of packets
 * would: one that failed may have been counted, too.
 */
#include "common/stamp_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define RCVBUF_BYTES (4 * 1024 * 1024)
#define TTL	     255  /* RFC 8762, section 4.2.1 asks for it */
#define LINK_MAX     2048 /* a packet with its headers, as it left */

static int
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int
set_family(int fd, sa_family_t family)
{
	static const struct {
		int option4, option6, value;
	} rows[] = {
		{ IP_PKTINFO, IPV6_RECVPKTINFO, 1 },
		{ IP_RECVTTL, IPV6_RECVHOPLIMIT, 1 },
		{ IP_RECVTOS, IPV6_RECVTCLASS, 1 },
		{ IP_TTL, IPV6_UNICAST_HOPS, TTL },
	};
	bool four = family == AF_INET;
	int rc = four ? 0 : set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);

	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		rc = set_int(fd, four ? (int)IPPROTO_IP : (int)IPPROTO_IPV6,
		    four ? rows[i].option4 : rows[i].option6, rows[i].value);
	return rc;
}

static int
set_stamps(int fd, bool *tx)
{
	const int rx = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

	if (*tx && set_int(fd, SOL_SOCKET, SO_TIMESTAMPING,
		       rx | SOF_TIMESTAMPING_TX_SCHED) == 0)
		return 0;
	*tx = false;
	return set_int(fd, SOL_SOCKET, SO_TIMESTAMPING, rx);
}

int
stamp_socket_open(sa_family_t family, uint16_t port, bool *tx)
{
	struct addr any = { .family = (uint8_t)family };
	struct sockaddr_storage name;
	socklen_t len = addr_to_sockaddr(&any, port, 0, &name);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return errno == EPROTONOSUPPORT ? -EAFNOSUPPORT : -errno;
	rc = set_family(fd, family);
	if (rc == 0)
		rc = set_stamps(fd, tx);
	if (rc == 0)
		rc = set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	/* Whatever we get is right: an overflow is counted and told. */
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RCVBUF_BYTES) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RCVBUF_BYTES);
	if (rc == 0 && bind(fd, (struct sockaddr *)&name, len) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	(void)close(fd); /* nothing was sent */
	return rc;
}

static void
add_control(struct msghdr *h, const int what[2], const void *data, size_t len)
{
	struct cmsghdr c = { .cmsg_len = CMSG_LEN(len),
		.cmsg_level = what[0],
		.cmsg_type = what[1] };
	uint8_t *at = (uint8_t *)h->msg_control + h->msg_controllen;

	memcpy(at, &c, sizeof(c));
	memcpy(at + (CMSG_LEN(len) - len), data, len);
	h->msg_controllen += CMSG_SPACE(len);
}

static void
add_way(struct msghdr *h, sa_family_t family, const struct stamp_way *way)
{
	static const int info4[2] = { IPPROTO_IP, IP_PKTINFO };
	static const int info6[2] = { IPPROTO_IPV6, IPV6_PKTINFO };
	static const int tos4[2] = { IPPROTO_IP, IP_TOS };
	static const int tos6[2] = { IPPROTO_IPV6, IPV6_TCLASS };
	struct in6_pktinfo p6 = { .ipi6_ifindex = way->ifindex };
	struct in_pktinfo p4 = { .ipi_ifindex = (int)way->ifindex };
	bool info = way->ifindex || way->source.family == family;
	int tos = way->tos;

	if (way->source.family == AF_INET)
		memcpy(&p4.ipi_spec_dst, way->source.b, sizeof(p4.ipi_spec_dst));
	else if (way->source.family == AF_INET6)
		memcpy(&p6.ipi6_addr, way->source.b, sizeof(p6.ipi6_addr));
	if (info && family == AF_INET)
		add_control(h, info4, &p4, sizeof(p4));
	else if (info)
		add_control(h, info6, &p6, sizeof(p6));
	if (tos)
		add_control(h, family == AF_INET ? tos4 : tos6, &tos, sizeof(tos));
}

int
stamp_socket_send(int fd, const struct sockaddr_storage *to, socklen_t to_len,
    const struct stamp_way *way, const uint8_t *packet, size_t len)
{
	_Alignas(struct cmsghdr) uint8_t control[STAMP_CONTROL_BYTES] = { 0 };
	struct sockaddr_storage name = *to;
	struct iovec iov = { (void *)(uintptr_t)packet, len }; /* only read */
	struct msghdr h = { .msg_name = &name,
		.msg_namelen = to_len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control };

	add_way(&h, to->ss_family, way);
	if (!h.msg_controllen)
		h.msg_control = NULL;
	for (int tries = 0; tries < 3; tries++) {
		/* An error of an earlier packet is told first, and says nothing of this
		 * one: ECONNREFUSED of a host without a reflector, for one. */
		if (sendmsg(fd, &h, 0) >= 0)
			return 0;
		if (errno != ECONNREFUSED)
			break;
	}
	return -errno;
}

static void
read_control(const struct cmsghdr *c, struct stamp_meta *m)
{
	const void *data = CMSG_DATA(c); /* perhaps not aligned */
	struct scm_timestamping ts;
	struct in6_pktinfo p6;
	struct in_pktinfo p4;
	int v = 0;

	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
		memcpy(&ts, data, sizeof(ts));
		m->when.ns = ts.ts[0].tv_sec * NS_PER_S + ts.ts[0].tv_nsec;
	} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
		memcpy(&m->dropped, data, sizeof(m->dropped));
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&p4, data, sizeof(p4));
		m->ifindex = (unsigned)p4.ipi_ifindex;
		m->to.family = AF_INET;
		memcpy(m->to.b, &p4.ipi_addr, sizeof(p4.ipi_addr));
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&p6, data, sizeof(p6));
		m->ifindex = p6.ipi6_ifindex;
		m->to.family = AF_INET6;
		memcpy(m->to.b, &p6.ipi6_addr, sizeof(p6.ipi6_addr));
	} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
		memcpy(&v, data, sizeof(v));
		m->ttl = (uint8_t)v;
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		m->tos = *(const uint8_t *)data; /* one byte, unlike all others */
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
		memcpy(&v, data, sizeof(v));
		m->tos = (uint8_t)v;
	}
}

ssize_t
stamp_socket_receive(int fd, uint8_t *packet, size_t cap, struct stamp_meta *meta)
{
	_Alignas(struct cmsghdr) uint8_t control[STAMP_CONTROL_BYTES];
	struct sockaddr_storage name = { 0 };
	struct iovec iov = { packet, cap };
	struct msghdr h = { .msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n = -1;

	/* A pending error of the socket costs one call. */
	for (int tries = 0; n < 0 && tries < 3; tries++) {
		n = recvmsg(fd, &h, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
	}
	if (n < 0)
		return -errno;
	*meta = (struct stamp_meta){ 0 };
	(void)addr_from_sockaddr((struct sockaddr *)&name,
	    &meta->from); /* of our family */
	meta->from_port = name.ss_family == AF_INET
			      ? ntohs(((struct sockaddr_in *)&name)->sin_port)
			      : ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		read_control(c, meta);
	return h.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

ssize_t
stamp_socket_sent(int fd, uint8_t *packet, size_t cap, struct wall *when)
{
	_Alignas(struct cmsghdr) uint8_t control[STAMP_CONTROL_BYTES];
	uint8_t whole[LINK_MAX];
	struct iovec iov = { whole, sizeof(whole) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct stamp_meta meta = { 0 };
	ssize_t n = recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		read_control(c, &meta);
	*when = meta.when;
	if ((h.msg_flags & MSG_TRUNC) || (size_t)n < cap)
		return 0; /* not one of ours */
	memcpy(packet, whole + (size_t)n - cap, cap);
	return (ssize_t)cap;
}
