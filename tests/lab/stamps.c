/* SPDX-License-Identifier: MIT */
/*
 * Which stamps does the kernel make of what is sent to an address?
 *
 * stamps ADDRESS [COUNT]: sends so many echo requests (10) with both stamps asked for
 * and prints "sched N software N": of how many such a stamp came back within 200 ms, on
 * a packet that is still recognisable, as a request that has been encrypted is not. The
 * namespaces share one kernel, so a packet is stamped again at each veth; once counts.
 */
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 200
#define MARK	"the stamps of the lab, if you please"

/* By SCM_TSTAMP_*: has the present request had one, and how many have. */
static bool came[4];
static unsigned counts[4];

static bool
is_ours(const uint8_t *p, size_t len)
{
	return memmem(p, len, MARK, sizeof(MARK)) != NULL;
}

static void
read_queue(int fd)
{
	uint8_t data[512], control[512];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	for (;;) {
		h.msg_control = control;
		h.msg_controllen = sizeof(control);
		n = recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
			struct sock_extended_err e;

			if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR)
				continue;
			memcpy(&e, CMSG_DATA(c), sizeof(e));
			if (e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && e.ee_info < 4 &&
			    is_ours(data, (size_t)n) && !came[e.ee_info])
				came[e.ee_info] = true, counts[e.ee_info]++;
		}
	}
}

int
main(int argc, char **argv)
{
	int flags = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE |
		    SOF_TIMESTAMPING_SOFTWARE;
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	long count = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint8_t m[sizeof(struct icmphdr) + sizeof(MARK)] = { ICMP_ECHO };

	if (argc < 2 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	memcpy(m + sizeof(struct icmphdr), MARK, sizeof(MARK));
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) < 0) {
		perror("stamps");
		return 1;
	}
	for (long i = 0; i < count; i++) {
		memset(came, 0, sizeof(came));
		if (sendto(fd, m, sizeof(m), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			perror("stamps");
		(void)nanosleep(&(struct timespec){ 0, WAIT_MS * 1000000 }, NULL);
		read_queue(fd);
	}
	printf("sched %u software %u\n", counts[SCM_TSTAMP_SCHED],
	    counts[SCM_TSTAMP_SND]);
	return 0;
}
