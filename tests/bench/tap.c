/* SPDX-License-Identifier: MIT */
/*
 * The independent witness: an AF_PACKET socket with the kernel's stamps that sees each
 * echo request leave and each reply arrive.  Knows nothing of the programs it watches.
 *
 * tap IFACE: on SIGTERM prints, in the order of the requests,
 *	TARGET PAYLOAD_SEQUENCE SENT_NS RTT_NS
 * PAYLOAD_SEQUENCE being bytes 8..15 of the payload, RTT_NS -1 where no reply came, and
 * at last "drops N" for what it missed itself.  "ready" on stderr when it listens.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	 256
#define SNAP	 128
#define REQUESTS (1u << 20)
#define BUCKETS	 (1u << 20)
#define RCVBUF	 (128 << 20)
#define NAP_NS	 5000000 /* between two looks at the queue */
#define CONTROL	 64

struct key {
	uint8_t target[16];
	uint64_t sequence;
	uint16_t id, seq;
	uint32_t family;
};

struct request {
	struct key key;
	int64_t sent_ns, rtt_ns;
	uint32_t next; /* in its bucket, 1 + number; 0 = end */
};

static struct request *requests;
static uint32_t n_requests, *buckets;
static volatile sig_atomic_t stopped;

static void
on_signal(int signum)
{
	(void)signum;
	stopped = 1;
}

static uint32_t
hash(const struct key *k)
{
	const uint8_t *p = (const uint8_t *)k;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(*k); i++)
		h = (h ^ p[i]) * 16777619u;
	return h & (BUCKETS - 1);
}

/* The key of an echo request or reply; 0 = neither, 1 = request, 2 = reply. */
static int
read_frame(const uint8_t *f, size_t len, struct key *k)
{
	bool v4 = len > 14 && f[12] == 8 && f[13] == 0, v6 = len > 14 && f[12] == 0x86;
	size_t icmp = v4 ? 14 + (f[14] & 15) * 4u : 54;
	const uint8_t *m = f + icmp;

	memset(k, 0, sizeof(*k));
	if ((!v4 && !v6) || len < icmp + 24 || f[v4 ? 23 : 20] != (v4 ? 1 : 58))
		return 0;
	k->family = v4 ? 4 : 6;
	memcpy(&k->id, m + 4, 2);
	memcpy(&k->seq, m + 6, 2);
	memcpy(&k->sequence, m + 16, 8);
	if (m[0] == (v4 ? 8 : 128)) {
		memcpy(k->target, f + (v4 ? 30 : 38), v4 ? 4 : 16);
		return 1;
	}
	if (m[0] == (v4 ? 0 : 129)) {
		memcpy(k->target, f + (v4 ? 26 : 22), v4 ? 4 : 16);
		return 2;
	}
	return 0;
}

static void
see(const uint8_t *frame, size_t len, int64_t when_ns)
{
	struct key k;
	int kind = read_frame(frame, len, &k);
	uint32_t b = hash(&k);

	if (kind == 1 && n_requests < REQUESTS) {
		requests[n_requests] = (struct request){ k, when_ns, -1, buckets[b] };
		buckets[b] = ++n_requests;
	}
	for (uint32_t i = kind == 2 ? buckets[b] : 0; i; i = requests[i - 1].next) {
		struct request *r = &requests[i - 1];

		if (memcmp(&r->key, &k, sizeof(k)) == 0 && r->rtt_ns < 0) {
			r->rtt_ns = when_ns - r->sent_ns;
			break;
		}
	}
}

static void
drain(int fd)
{
	static uint8_t data[BATCH][SNAP], controls[BATCH][CONTROL];
	static struct iovec iovs[BATCH];
	static struct mmsghdr msgs[BATCH];
	struct timespec ts;
	int n;

	do {
		for (int i = 0; i < BATCH; i++) {
			iovs[i] = (struct iovec){ data[i], SNAP };
			msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iovs[i],
				.msg_iovlen = 1,
				.msg_control = controls[i],
				.msg_controllen = CONTROL };
		}
		n = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			struct cmsghdr *c = CMSG_FIRSTHDR(&msgs[i].msg_hdr);

			if (!c || c->cmsg_type != SCM_TIMESTAMPNS)
				continue;
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			see(data[i], msgs[i].msg_len,
			    ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec);
		}
	} while (n == BATCH);
}

static void
print(int fd)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);
	char text[INET6_ADDRSTRLEN];

	for (uint32_t i = 0; i < n_requests; i++) {
		const struct request *r = &requests[i];
		const uint8_t *s = (const uint8_t *)&r->key.sequence;
		uint64_t sequence = 0;

		for (int k = 0; k < 8; k++)
			sequence = sequence << 8 | s[k];
		(void)inet_ntop(r->key.family == 4 ? AF_INET : AF_INET6, r->key.target,
		    text, sizeof(text));
		printf("%s %llu %lld %lld\n", text, (unsigned long long)sequence,
		    (long long)r->sent_ns, (long long)r->rtt_ns);
	}
	(void)getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	printf("drops %u\n", stats.tp_drops);
}

int
main(int argc, char **argv)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	int one = 1, rcvbuf = RCVBUF;

	if (argc != 2 || fd < 0)
		return 2;
	at.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("tap");
		return 1;
	}
	requests = calloc(REQUESTS, sizeof(*requests));
	buckets = calloc(BUCKETS, sizeof(*buckets));
	if (!requests || !buckets)
		return 1;
	(void)signal(SIGTERM, on_signal);
	fputs("ready\n", stderr);
	while (!stopped) {
		(void)nanosleep(&(struct timespec){ 0, NAP_NS }, NULL);
		drain(fd);
	}
	drain(fd);
	print(fd);
	return 0;
}
