/* SPDX-License-Identifier: MIT */
/*
 * Netlink conversations.  One request is in flight at a time; every reply is checked
 * for its sender (the kernel, port 0), its sequence number and our own port, so that
 * neither another process nor an answer that came too late is taken for this one's.
 */
#include "optimizer/apply/kernel_nl.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"

/* A dump that a change overtook is read again this often before we give up. */
#define DUMP_TRIES 5

/* s; an answer waits for the rtnl lock, which a busy host may hold for long. */
#define ANSWER_TIMEOUT 5

int
kernel_open(const char *direct, struct kernel **out, struct err *err)
{
	struct kernel *k = mem_alloc(sizeof(*k));
	int rc;

	*out = NULL;
	assert(strlen(direct) < sizeof(k->direct));
	strncpy(k->direct, direct, sizeof(k->direct) - 1);
	k->seq = (uint32_t)time(NULL); /* only has to differ from the last program's */
	k->buf = mem_alloc(KERNEL_NL_BUFFER);
	rc = fib_open(&k->fib);
	if (rc < 0) {
		kernel_close(k);
		return err_code(err, -rc, "netlink: %s", strerror(-rc));
	}
	*out = k;
	return 0;
}

static void
hang_up(struct kernel *k, enum kernel_nl_bus bus)
{
	if (k->sock[bus])
		(void)mnl_socket_close(k->sock[bus]); /* nothing is lost by a failure */
	k->sock[bus] = NULL;
}

void
kernel_close(struct kernel *k)
{
	if (!k)
		return;
	hang_up(k, KERNEL_NL_ROUTE);
	hang_up(k, KERNEL_NL_GENERIC);
	hang_up(k, KERNEL_NL_NETFILTER);
	if (k->monitor)
		(void)mnl_socket_close(k->monitor); /* was only read */
	if (k->fib)
		fib_close(k->fib);
	explicit_bzero(k->buf, KERNEL_NL_BUFFER);
	free(k->buf);
	free(k);
}

bool
kernel_may_change(struct kernel *k)
{
	struct __user_cap_header_struct head = { .version =
						     _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)k; /* a property of the process; a fake has its own answer */
	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN);
}

struct nlmsghdr *
kernel_nl_request(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, KERNEL_NL_REQUEST);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

static int
call(struct kernel *k, enum kernel_nl_bus bus)
{
	static const int protocol[] = { NETLINK_ROUTE, NETLINK_GENERIC,
		NETLINK_NETFILTER };
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };
	int on = 1;

	if (k->sock[bus])
		return 0;
	k->sock[bus] = mnl_socket_open2(protocol[bus], SOCK_CLOEXEC);
	if (!k->sock[bus])
		return -errno;
	if (mnl_socket_bind(k->sock[bus], 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(k->sock[bus]), SOL_SOCKET, SO_RCVTIMEO,
		&timeout, sizeof(timeout)) < 0) {
		int code = errno;

		hang_up(k, bus);
		return -code;
	}
	/* Else an error repeats the request, private key and all.  Linux 4.3 has it. */
	(void)mnl_socket_setsockopt(k->sock[bus], NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

/* Length of one datagram from the kernel in k->buf, or -errno. */
static ssize_t
hear(struct kernel *k, enum kernel_nl_bus bus)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { k->buf, KERNEL_NL_BUFFER };
		struct msghdr msg = { .msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1 };
		ssize_t len = recvmsg(mnl_socket_get_fd(k->sock[bus]), &msg, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (msg.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		if (msg.msg_namelen == sizeof(from) && from.nl_pid == 0)
			return len;
	}
}

/* Send, then walk until the answer is complete. */
static int
converse(struct kernel *k, enum kernel_nl_bus bus, struct nlmsghdr *request,
    kernel_nl_cb *each, void *ctx)
{
	size_t most = 0;
	int rc = call(k, bus);

	if (rc < 0)
		return rc;
	request->nlmsg_seq = ++k->seq;
	request->nlmsg_pid = mnl_socket_get_portid(k->sock[bus]);
	if (mnl_socket_sendto(k->sock[bus], request, request->nlmsg_len) < 0) {
		rc = -errno;
	} else {
		do {
			ssize_t len = hear(k, bus);

			if (len > 0 && (size_t)len > most)
				most = (size_t)len;
			rc = len < 0 ? (int)len
				     : kernel_nl_walk(k->buf, (size_t)len, request,
					   each, ctx);
		} while (rc == 1);
	}
	/* GET_DEVICE hands out private and preshared keys: nothing of it stays. */
	if (bus == KERNEL_NL_GENERIC)
		explicit_bzero(k->buf, rc < 0 ? KERNEL_NL_BUFFER : most);
	/* The rest of a broken conversation must not be read as the next one. */
	if (rc < 0)
		hang_up(k, bus);
	return rc;
}

int
kernel_nl_dump(struct kernel *k, const struct kernel_nl_dump *dump)
{
	int rc = -EINTR;

	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		dump->again(dump->ctx);
		rc = converse(k, dump->bus, dump->request, dump->each, dump->ctx);
	}
	return rc;
}

int
kernel_nl_ask(struct kernel *k, enum kernel_nl_bus bus, struct nlmsghdr *request,
    kernel_nl_cb *each, void *ctx)
{
	/* The ACK ends the conversation, whatever the answer looks like. */
	request->nlmsg_flags |= NLM_F_ACK;
	return converse(k, bus, request, each, ctx);
}

int
kernel_nl_change(struct kernel *k, enum kernel_nl_bus bus, struct nlmsghdr *request)
{
	/* In a daemon's life an interface can go at any moment: that is no bug of ours.
	 */
	if (k->in_place ? !kernel_nl_in_place(request, k->wg_family, k->direct,
			      if_nametoindex(k->direct), &k->place)
			: !kernel_nl_names(request, k->wg_family, k->direct,
			      if_nametoindex(k->direct)))
		return -EXDEV;
	request->nlmsg_flags |= NLM_F_ACK;
	k->changes++;
	return converse(k, bus, request, NULL, NULL);
}

uint64_t
kernel_changes(struct kernel *k)
{
	return k->changes;
}

static int
last_word(const struct nlmsghdr *nlh)
{
	int code = 0;

	/* An ERROR begins with an int as well; DONE of an old kernel may be empty. */
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	else if (nlh->nlmsg_type == NLMSG_ERROR)
		return -EBADMSG;
	return code > 0 ? -EBADMSG : code;
}

int
kernel_nl_walk(const void *buf, size_t len, const struct nlmsghdr *request,
    kernel_nl_cb *each, void *ctx)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)len, rc;

	assert(len <= KERNEL_NL_BUFFER);
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		/*
		 * libmnl takes a length of 2^31 and more for a negative one that fits,
		 * and reads attributes up to the padded end; the kernel always pads.
		 */
		if (nlh->nlmsg_len > (unsigned)left ||
		    NLMSG_ALIGN(nlh->nlmsg_len) > (unsigned)left)
			return -EBADMSG;
		if (nlh->nlmsg_seq != request->nlmsg_seq ||
		    nlh->nlmsg_pid != request->nlmsg_pid)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EINTR;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
			return last_word(nlh);
		if (nlh->nlmsg_type == NLMSG_OVERRUN)
			return -ENOBUFS;
		if (nlh->nlmsg_type < NLMSG_MIN_TYPE || !each)
			continue;
		rc = each(nlh, ctx);
		if (rc < 0)
			return rc;
	}
	return left != 0 ? -EBADMSG : 1;
}
