/* SPDX-License-Identifier: MIT */
/*
 * The other end of the bench's veth.
 *
 * responder wan IFACE MIN_US STEP_US CLASSES: answers each echo request after
 * MIN_US + STEP_US * (its last address byte modulo CLASSES), like hosts far apart.
 *
 * responder forge IFACE: answers each request with forgeries only: from another
 * address, with a changed byte, cut by 8 bytes, with 8 bytes more, and as reply to a
 * later one.
 *
 * responder flood ADDRESS RATE: sends RATE echo replies a second to an IPv4 address, of
 * ids that somebody else may have asked with.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX   256
#define CLASSES_MAX 256
#define QUEUE	    16384 /* frames that wait, a class; a power of two */
#define RCVBUF	    (64 << 20)
#define NAP_MAX_NS  1000000 /* between two looks at the queue */

struct frame {
	int64_t due_ns;
	size_t len;
	uint8_t b[FRAME_MAX];
};

struct class
{
	struct frame *ring;
	uint32_t first, end;
};

static struct class classes[CLASSES_MAX];
static uint32_t n_classes;
static int64_t min_ns, step_ns;

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static uint32_t
sum(uint32_t s, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static void
put_sum(uint8_t *at, uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	at[0] = (uint8_t)(s >> 8);
	at[1] = (uint8_t)s;
}

static void
swap(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t t[16];

	memcpy(t, a, len);
	memcpy(a, b, len);
	memcpy(b, t, len);
}

/* Where the ICMP message of an echo request begins; 0 = it is none. */
static size_t
is_request(const uint8_t *f, size_t len)
{
	if (len >= 14 + 20 + 8 + 16 && f[12] == 8 && f[13] == 0 && f[14] == 0x45 &&
	    f[23] == 1 && f[34] == 8)
		return 34;
	if (len >= 14 + 40 + 8 + 16 && f[12] == 0x86 && f[20] == 58 && f[54] == 128)
		return 54;
	return 0;
}

/* Lengths and checksums of what has been changed. */
static void
seal(uint8_t *f, size_t len, size_t icmp)
{
	uint8_t *m = f + icmp;
	size_t n = len - icmp;
	uint32_t s = 0;

	m[2] = m[3] = 0;
	if (icmp == 34) {
		f[16] = (uint8_t)((len - 14) >> 8);
		f[17] = (uint8_t)(len - 14);
		f[24] = f[25] = 0;
		put_sum(f + 24, sum(0, f + 14, 20));
	} else {
		f[18] = (uint8_t)(n >> 8);
		f[19] = (uint8_t)n;
		s = sum(58 + (uint32_t)n, f + 22, 32);
	}
	put_sum(m + 2, sum(s, m, n));
}

static void
turn(uint8_t *f, size_t len, size_t icmp)
{
	swap(f, f + 6, 6);
	if (icmp == 34)
		swap(f + 26, f + 30, 4);
	else
		swap(f + 22, f + 38, 16);
	f[icmp] = icmp == 34 ? 0 : 129;
	seal(f, len, icmp);
}

static void
enqueue(const uint8_t *f, size_t len, size_t icmp)
{
	uint32_t class = f[icmp - 1] % n_classes; /* the last byte of the target */
	struct class *c = &classes[class];
	struct frame *frame;

	if (c->end - c->first == QUEUE)
		return;
	frame = &c->ring[c->end++ & (QUEUE - 1)];
	frame->due_ns = now_ns() + min_ns + step_ns * class;
	frame->len = len;
	memcpy(frame->b, f, len);
	turn(frame->b, len, icmp);
}

static void
forge(int fd, const uint8_t *f, size_t len, size_t icmp)
{
	uint8_t b[FRAME_MAX + 8] = { 0 };

	for (int way = 0; way < 5; way++) {
		size_t n = way == 2 ? len - 8 : way == 3 ? len + 8 : len;

		memcpy(b, f, len);
		turn(b, len, icmp);
		if (way == 0)
			b[icmp == 34 ? 29 : 37] ^= 1; /* source address */
		if (way == 1)
			b[icmp + 8 + 20] ^= 1;
		if (way == 4)
			b[icmp + 8 + 15] ^= 64, b[icmp + 7] ^= 64;
		seal(b, n, icmp);
		(void)!send(fd, b, n, 0); /* a forger does not care */
	}
}

/* Send what is due. */
static void
release(int fd)
{
	int64_t now = now_ns();

	for (uint32_t i = 0; i < n_classes; i++) {
		struct class *c = &classes[i];

		for (; c->first != c->end; c->first++) {
			struct frame *frame = &c->ring[c->first & (QUEUE - 1)];

			if (frame->due_ns > now)
				break;
			(void)!send(fd, frame->b, frame->len, 0); /* the tap sees */
		}
	}
}

static int
attach(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), rcvbuf = RCVBUF;

	at.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0) {
		perror("responder");
		exit(1);
	}
	fputs("ready\n", stderr);
	return fd;
}

static void
serve(const char *name, bool forging)
{
	int fd = attach(name);

	/* Not woken by packets: a host far away costs the sender no wake-up either. */
	int64_t nap_ns = forging ? NAP_MAX_NS : min_ns / 5;

	if (nap_ns > NAP_MAX_NS)
		nap_ns = NAP_MAX_NS;
	for (;;) {
		struct sockaddr_ll from;
		uint8_t f[FRAME_MAX];

		(void)nanosleep(&(struct timespec){ 0, nap_ns }, NULL);
		if (!forging)
			release(fd);
		for (;;) {
			socklen_t from_len = sizeof(from);
			ssize_t n = recvfrom(fd, f, sizeof(f), MSG_DONTWAIT,
			    (struct sockaddr *)&from, &from_len);
			size_t icmp = n > 0 ? is_request(f, (size_t)n) : 0;

			if (n <= 0)
				break;
			if (!icmp || from.sll_pkttype == PACKET_OUTGOING)
				continue;
			if (forging)
				forge(fd, f, (size_t)n, icmp);
			else
				enqueue(f, (size_t)n, icmp);
		}
	}
}

static void
flood(const char *address, long rate)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	int64_t began = now_ns();
	uint8_t m[64] = { 0 };

	(void)inet_pton(AF_INET, address, &to.sin_addr);
	fputs("ready\n", stderr);
	for (int64_t sent = 0;; sent++) {
		m[4] = (uint8_t)(sent >> 4);
		m[5] = (uint8_t)sent;
		m[2] = m[3] = 0;
		put_sum(m + 2, sum(0, m, sizeof(m)));
		(void)!sendto(fd, m, sizeof(m), 0, (struct sockaddr *)&to, sizeof(to));
		while (sent * 1000000000 / rate > now_ns() - began)
			(void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "wan") == 0) {
		min_ns = atoll(argv[3]) * 1000;
		step_ns = atoll(argv[4]) * 1000;
		n_classes = (uint32_t)atol(argv[5]);
		for (uint32_t i = 0; i < n_classes && i < CLASSES_MAX; i++)
			classes[i].ring = malloc(QUEUE * sizeof(struct frame));
		serve(argv[2], false);
	}
	if (argc == 3 && strcmp(argv[1], "forge") == 0)
		serve(argv[2], true);
	if (argc == 4 && strcmp(argv[1], "flood") == 0)
		flood(argv[2], atol(argv[3]));
	return 2;
}
