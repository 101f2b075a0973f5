/* SPDX-License-Identifier: MIT */
/*
 * What recvmmsg() hands over: names, control messages, data, cut anywhere.  A false
 * recvmmsg() stands in for the kernel's and takes all of it from the input, a message
 * after the other: lengths of name and control in a byte each, of data in two, then
 * these three.  The first byte of all says whether the socket is raw.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/pinger_inbox.h"

#define ROOM 300 /* less than the longest data, so that some are cut */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static struct {
	const uint8_t *at;
	size_t left;
} input;

/* Up to so much of the input as fits, like the kernel; returns what was put there. */
static size_t
pour(void *to, size_t room, size_t len)
{
	size_t n = len < input.left ? len : input.left;
	size_t put = n < room ? n : room;

	memcpy(to, input.at, put);
	input.at += n;
	input.left -= n;
	return put;
}

int
recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags, struct timespec *timeout)
{
	unsigned i;

	(void)fd;
	(void)flags;
	(void)timeout;
	for (i = 0; i < n && input.left >= 4; i++) {
		struct msghdr *h = &msgs[i].msg_hdr;
		uint8_t head[4];

		(void)pour(head, sizeof(head), sizeof(head)); /* there is so much */
		h->msg_namelen = (socklen_t)pour(h->msg_name, h->msg_namelen, head[0]);
		h->msg_controllen = pour(h->msg_control, h->msg_controllen, head[1]);
		msgs[i].msg_len = (unsigned)pour(h->msg_iov[0].iov_base,
		    h->msg_iov[0].iov_len, (size_t)(head[2] << 8 | head[3]));
	}
	if (i > 0)
		return (int)i;
	errno = EAGAIN;
	return -1;
}

static bool
is_family(const struct addr *a)
{
	return a->family == 0 || a->family == AF_INET || a->family == AF_INET6;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct pinger_inbox *box = pinger_inbox_new(ROOM);
	bool raw = len > 0 && in[0] & 1;
	unsigned n;

	input.at = in + (len > 0);
	input.left = len - (len > 0);
	while ((n = pinger_inbox_read(box, -1, 0)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			struct pinger_arrival a;
			uint8_t sum = 0;

			pinger_inbox_get(box, i, raw, &a);
			assert(a.len <= ROOM && (a.msg || a.len == 0));
			assert(a.kind <= PINGER_MAIL_ERROR && a.when.ns >= 0);
			assert(is_family(&a.addr) && is_family(&a.by));
			for (size_t k = 0; k < a.len; k++)
				sum ^= a.msg[k];
			assert(a.kind == PINGER_MAIL_ERROR || !a.icmp_type);
			(void)sum; /* all of it may be read */
		}
	}
	pinger_inbox_free(box);
	return 0;
}
