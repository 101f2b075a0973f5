/* SPDX-License-Identifier: MIT */
/*
 * A ping socket is the better one: it needs no privilege and the kernel hands it
 * nothing but its own answers.  Linux grants it by net.ipv4.ping_group_range, for IPv6
 * too, and by default to nobody, not even root; then a raw socket with two filters, so
 * that another program's answers cost us nothing (measured: 18 us a probe beside 20,000
 * foreign answers a second, against 217-281 us unfiltered).
 */
#include "common/pinger_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <unistd.h>

/* 5,000 answers.  The kernel's default holds 256, which one second's pause overflows.
 */
#define RCVBUF_BYTES (4 * 1024 * 1024)
/* A delaying qdisc holds our packets, and charges them to us, for half an RTT. */
#define SNDBUF_BYTES (1024 * 1024)

#ifndef ICMP_FILTER /* <linux/icmp.h> clashes with <netinet/ip_icmp.h> */
#define ICMP_FILTER 1
#endif

static int
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Echo replies to our id only. */
static int
filter_raw(int fd, sa_family_t family, uint16_t id)
{
	struct sock_filter v4[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* x = IP header length */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter v6[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), /* there is no IP header here */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog4 = { sizeof(v4) / sizeof(v4[0]), v4 };
	struct sock_fprog prog6 = { sizeof(v6) / sizeof(v6[0]), v6 };
	uint32_t types4 = ~(1u << ICMP_ECHOREPLY); /* bits set are kept out */
	struct icmp6_filter types6;
	int rc;

	ICMP6_FILTER_SETBLOCKALL(&types6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &types6);
	if (family == AF_INET)
		rc = setsockopt(fd, SOL_RAW, ICMP_FILTER, &types4, sizeof(types4));
	else
		rc = setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types6,
		    sizeof(types6));
	if (rc < 0)
		return -errno;
	rc = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER,
	    family == AF_INET ? &prog4 : &prog6, sizeof(prog4));
	if (rc < 0)
		return -errno;
	return set_int(fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
}

/* Answers of the network to a request of ours other than an echo, on the error queue.
 */
static int
ask_errors(int fd, sa_family_t family)
{
	if (family == AF_INET)
		return set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	return set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

/* What a message about an answer carries besides its bytes. */
static int
ask_details(int fd, sa_family_t family)
{
	int rc = set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);

	if (rc == 0 && family == AF_INET) {
		rc = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
		if (rc == 0)
			rc = set_int(fd, IPPROTO_IP, IP_RECVTTL, 1);
	} else if (rc == 0) {
		rc = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		if (rc == 0)
			rc = set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	}
	return rc;
}

static int
forbid_fragments(int fd, sa_family_t family)
{
	int rc;

	if (family == AF_INET)
		return set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	rc = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	return rc < 0 ? rc : set_int(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

void
pinger_socket_tx(struct pinger_socket *s, enum pinger_tx tx)
{
	static const int flags[] = { 0, SOF_TIMESTAMPING_TX_SCHED,
		SOF_TIMESTAMPING_TX_SOFTWARE };
	int common = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

	/*
	 * Not OPT_TSONLY: the looped packet says by its payload which request it was.
	 * The counter of OPT_ID that would say it otherwise goes on with some of the
	 * sends that fail and not with others, and the two cost the same (measured: 7.7
	 * us a probe each).
	 */
	s->tx = tx;
	if (tx != PINGER_TX_NONE &&
	    set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPING, common | flags[tx]) == 0) {
		s->rx_stamp = true;
		return;
	}
	s->tx = PINGER_TX_NONE;
	(void)set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPING, 0); /* unknown: is not set */
	s->rx_stamp = set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0;
}

static int
set_options(struct pinger_socket *s, const struct pinger_opts *opts, struct err *err)
{
	int fd = s->fd, rc;

	if (opts->device) {
		rc = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, opts->device,
		    (socklen_t)strlen(opts->device));
		if (rc < 0)
			return err_code(err, errno, "%s: cannot bind to it: %s",
			    opts->device, strerror(errno));
	}
	rc = s->raw ? filter_raw(fd, s->family, s->id) : 0;
	if (rc == 0)
		rc = ask_details(fd, s->family);
	if (rc == 0 && opts->tx_stamps)
		rc = ask_errors(fd, s->family);
	if (rc == 0 && opts->dont_fragment)
		rc = forbid_fragments(fd, s->family);
	if (rc < 0)
		return err_code(err, -rc, "icmp socket: cannot set its options: %s",
		    strerror(-rc));
	pinger_socket_tx(s, s->tx);
	/* FORCE passes net.core.rmem_max but wants CAP_NET_ADMIN; whatever we get is
	 * right, since an overflow is counted and told. */
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RCVBUF_BYTES) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RCVBUF_BYTES);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SNDBUF_BYTES) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SNDBUF_BYTES);
	return 0;
}

static int
open_either(struct pinger_socket *s, int proto)
{
	int kinds[2] = { SOCK_DGRAM, SOCK_RAW };

	/*
	 * An IPv6 ping socket throws away what the interface says to a packet
	 * (ping_v6_sendmsg(); seen on Linux 6.1), and -ENOKEY is how WireGuard says
	 * that there is no tunnel.  So IPv6 takes the raw one if it can.
	 */
	if (s->family == AF_INET6)
		kinds[0] = SOCK_RAW, kinds[1] = SOCK_DGRAM;
	for (int i = 0; i < 2; i++) {
		s->fd =
		    socket(s->family, kinds[i] | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
		s->raw = kinds[i] == SOCK_RAW;
		if (s->fd >= 0 || errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT)
			return 0; /* a missing family is no error */
	}
	return -errno;
}

int
pinger_socket_open(struct pinger_socket *s, const struct pinger_opts *opts,
    struct err *err)
{
	int rc;

	s->fd = -1;
	rc = open_either(s,
	    s->family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	if (rc < 0)
		return err_code(err, -rc,
		    "icmp socket: %s: run with CAP_NET_RAW, or let the group in by "
		    "sysctl net.ipv4.ping_group_range",
		    strerror(-rc));
	if (s->fd < 0)
		return 0;
	rc = set_options(s, opts, err);
	if (rc < 0)
		pinger_socket_close(s);
	return rc;
}

void
pinger_socket_close(struct pinger_socket *s)
{
	if (s->fd >= 0)
		(void)close(s->fd); /* nothing buffered that could fail */
	s->fd = -1;
}
