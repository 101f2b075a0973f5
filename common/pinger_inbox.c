/* SPDX-License-Identifier: MIT */
/*
 * Never trusts alignment: the data of a control message follows its header, and
 * everything is copied out.
 */
#include "common/pinger_inbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>

#include "common/echo.h"
#include "common/mem.h"

#define CONTROL_BYTES 320 /* stamps, packet info, TTL, drops, error: 232 on LP64 */

struct pinger_inbox {
	size_t room;
	uint8_t *data;	/* BATCH x room */
	unsigned stale; /* headers that the last read has changed */
	struct mmsghdr msgs[PINGER_INBOX_BATCH];
	struct iovec iovs[PINGER_INBOX_BATCH];
	struct sockaddr_in6 names[PINGER_INBOX_BATCH]; /* room for either family */
	_Alignas(struct cmsghdr) uint8_t controls[PINGER_INBOX_BATCH][CONTROL_BYTES];
};

struct pinger_inbox *
pinger_inbox_new(size_t room)
{
	struct pinger_inbox *in = mem_alloc(sizeof(*in));

	pinger_inbox_room(in, room);
	return in;
}

void
pinger_inbox_free(struct pinger_inbox *in)
{
	if (!in)
		return;
	free(in->data);
	free(in);
}

/* What recvmmsg() changes, and at first everything. */
static void
prepare(struct pinger_inbox *in, unsigned i)
{
	in->iovs[i] = (struct iovec){ in->data + i * in->room, in->room };
	in->msgs[i].msg_hdr = (struct msghdr){
		.msg_name = &in->names[i],
		.msg_namelen = sizeof(in->names[i]),
		.msg_iov = &in->iovs[i],
		.msg_iovlen = 1,
		.msg_control = in->controls[i],
		.msg_controllen = CONTROL_BYTES,
	};
}

void
pinger_inbox_room(struct pinger_inbox *in, size_t room)
{
	if (room <= in->room)
		return;
	in->room = room;
	in->data = mem_grow(in->data, PINGER_INBOX_BATCH, room);
	in->stale = PINGER_INBOX_BATCH;
}

unsigned
pinger_inbox_read(struct pinger_inbox *in, int fd, int flags)
{
	for (; in->stale > 0; in->stale--)
		prepare(in, in->stale - 1);
	/* A pending error of the socket costs one call and says nothing of the queue.
	 */
	for (int tries = 0; tries < 3; tries++) {
		int n = recvmmsg(fd, in->msgs, PINGER_INBOX_BATCH, flags | MSG_DONTWAIT,
		    NULL);

		if (n >= 0) {
			in->stale = (unsigned)n;
			return in->stale;
		}
		if (errno == EAGAIN)
			break;
	}
	/* The attempt may have left its mark on the first. */
	in->stale = 1;
	return 0;
}

/* The kernel cuts the last message where the room ends: then it says nothing. */
static bool
copy_data(const struct cmsghdr *c, void *out, size_t size)
{
	if (c->cmsg_len < CMSG_LEN(size))
		return false;
	memcpy(out, CMSG_DATA(c), size);
	return true;
}

static void
read_stamp(const struct cmsghdr *c, struct pinger_arrival *a)
{
	struct timespec
	    ts; /* of the three of SCM_TIMESTAMPING, software's is the first */

	if (!copy_data(c, &ts, sizeof(ts)) || ts.tv_sec < 0 || ts.tv_nsec < 0 ||
	    ts.tv_sec > INT64_MAX / NS_PER_S - 1 || ts.tv_nsec >= NS_PER_S)
		return;
	if (ts.tv_sec || ts.tv_nsec)
		a->when.ns = ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void
read_error(const struct cmsghdr *c, struct pinger_arrival *a)
{
	const uint8_t *data = CMSG_DATA(c);
	struct sockaddr_in6 by = { 0 };
	struct sock_extended_err e;
	size_t len;

	if (!copy_data(c, &e, sizeof(e)))
		return;
	len = c->cmsg_len - CMSG_LEN(0);
	if (e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		a->kind = PINGER_MAIL_STAMP;
		return;
	}
	a->kind = PINGER_MAIL_ERROR;
	a->icmp_type = e.ee_type;
	a->icmp_code = e.ee_code;
	if (len > sizeof(by) + sizeof(e))
		len = sizeof(by) + sizeof(e);
	memcpy(&by, data + sizeof(e), len - sizeof(e));
	(void)addr_from_sockaddr((struct sockaddr *)&by,
	    &a->by); /* nobody: this machine */
}

static void
read_ip(const struct cmsghdr *c, struct pinger_arrival *a)
{
	struct in_pktinfo info;
	int ttl;

	if (c->cmsg_type == IP_PKTINFO) {
		if (copy_data(c, &info, sizeof(info)))
			a->ifindex = (unsigned)info.ipi_ifindex;
	} else if (c->cmsg_type == IP_TTL) {
		if (copy_data(c, &ttl, sizeof(ttl)))
			a->ttl = (uint8_t)ttl;
	} else if (c->cmsg_type == IP_RECVERR) {
		read_error(c, a);
	}
}

static void
read_ipv6(const struct cmsghdr *c, struct pinger_arrival *a)
{
	struct in6_pktinfo info;
	int limit;

	if (c->cmsg_type == IPV6_PKTINFO) {
		if (copy_data(c, &info, sizeof(info)))
			a->ifindex = info.ipi6_ifindex;
	} else if (c->cmsg_type == IPV6_HOPLIMIT) {
		if (copy_data(c, &limit, sizeof(limit)))
			a->ttl = (uint8_t)limit;
	} else if (c->cmsg_type == IPV6_RECVERR) {
		read_error(c, a);
	}
}

static void
read_control(const struct cmsghdr *c, struct pinger_arrival *a)
{
	if (c->cmsg_level == IPPROTO_IP) {
		read_ip(c, a);
	} else if (c->cmsg_level == IPPROTO_IPV6) {
		read_ipv6(c, a);
	} else if (c->cmsg_level != SOL_SOCKET) {
		return;
	} else if (c->cmsg_type == SCM_TIMESTAMPNS ||
		   c->cmsg_type == SCM_TIMESTAMPING) {
		read_stamp(c, a);
	} else if (c->cmsg_type == SO_RXQ_OVFL) {
		a->has_dropped = copy_data(c, &a->dropped, sizeof(a->dropped));
	}
}

void
pinger_inbox_get(struct pinger_inbox *in, unsigned i, bool strip,
    struct pinger_arrival *a)
{
	struct msghdr *h = &in->msgs[i].msg_hdr;

	*a = (struct pinger_arrival){ .kind = PINGER_MAIL_ANSWER };
	a->msg = in->iovs[i].iov_base;
	a->len = in->msgs[i].msg_len;
	if (h->msg_namelen > 0) /* a looped packet has no name */
		(void)addr_from_sockaddr(h->msg_name, &a->addr); /* our own family */
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		read_control(c, a);
	if (!strip || a->kind != PINGER_MAIL_ANSWER)
		return;
	a->msg = echo_strip_ipv4(a->msg, &a->len);
	if (!a->msg)
		a->len = 0;
}
