/*
 * SPDX-License-Identifier: MIT
 *
 * stream: count what a UDP stream loses, packet by packet.
 *
 *	stream LOCAL PEER PORT RATE SECONDS FROM TO
 *
 * Run it at both ends, addresses swapped.  Each end sends RATE packets a second from
 * LOCAL to PEER for SECONDS and counts what PEER sends, and is done when it has sent
 * everything and heard nothing for GRACE.  Then it prints a line about the direction
 * towards itself; FROM and TO, the names of peer and self, are only for that line:
 *
 *	stream from=hkg to=nrt sent=.. received=.. lost=.. dup=.. reordered=..
 *	    depth=.. gap_ms=..			(on one line)
 *
 * Reordered are those that arrived after one with a higher number; depth is how far the
 * worst of them was behind the highest, in packets.  The number sent is known without
 * asking: an end always tries RATE x SECONDS times, and a send that fails locally is a
 * packet lost.  So nothing need get through after the last packet.  An end sends hellos
 * until it hears its peer and only then begins, so that no packet meets a closed port;
 * after HELLO_LIMIT it begins all the same.
 *
 * SIGTERM is an early end: it sends no more and tells its peer how much it has sent. If
 * none of these words arrive, the rest counts as lost.
 */
#include <err.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define NS_PER_S    INT64_C(1000000000)
#define GRACE	    (3 * NS_PER_S) /* longer than any path of the lab */
#define HELLO_EVERY (NS_PER_S / 20)
#define HELLO_LIMIT (10 * NS_PER_S)
#define HELLO	    UINT32_MAX
#define LAST	    (UINT32_MAX - 1)
#define LASTS	    20 /* one every HELLO_EVERY */
#define MAGIC	    UINT32_C(0x6d657368)
#define MAX_PACKETS 100000000.0

struct packet {
	uint32_t magic; /* strangers are not counted */
	uint32_t seq;
	uint32_t total; /* what both ends were asked for */
	uint32_t sent;	/* of LAST: and what this end has sent instead */
};

struct direction {
	uint32_t asked, total, received, dup, reordered, depth;
	uint32_t next;	   /* one above the highest number seen */
	int64_t last, gap; /* ns: latest arrival of a new packet, longest silence */
	bool *seen;	   /* owned; total of them */
};

static volatile sig_atomic_t early;

static void
on_term(int signo)
{
	(void)signo;
	early = 1;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct addrinfo *
address(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_DGRAM };
	struct addrinfo *a;
	int rc = getaddrinfo(host, port, &hints, &a);

	if (rc != 0)
		errx(2, "%s port %s: %s", host, port, gai_strerror(rc));
	return a;
}

/* How long the numbers from `from` to `to` take at the pace of the stream. */
static int64_t
span_ns(uint32_t from, uint32_t to, double rate)
{
	return (int64_t)((double)(to - from) * NS_PER_S / rate);
}

static void
count(struct direction *d, uint32_t seq, int64_t now, double rate)
{
	int64_t silence;

	if (d->seen[seq]) {
		d->dup++;
		return;
	}
	d->seen[seq] = true;
	silence = d->received == 0 ? span_ns(0, seq, rate) : now - d->last;
	if (silence > d->gap)
		d->gap = silence;
	d->received++;
	d->last = now;
	if (seq >= d->next) {
		d->next = seq + 1;
		return;
	}
	d->reordered++;
	if (d->next - 1 - seq > d->depth)
		d->depth = d->next - 1 - seq;
}

/* Take all that has arrived; true if there was anything from the peer. */
static bool
drain(int fd, struct direction *d, double rate)
{
	struct packet p;
	bool any = false;
	ssize_t n;

	while ((n = recv(fd, &p, sizeof(p), 0)) >= 0) {
		/* The ends have the same options, which also bounds seen[]. */
		if (n != sizeof(p) || p.magic != MAGIC || p.total != d->asked)
			continue;
		any = true;
		if (p.seq == LAST && p.sent >= d->next && p.sent <= d->asked)
			d->total = p.sent;
		if (p.seq < d->asked)
			count(d, p.seq, now_ns(), rate);
	}
	return any;
}

/* The end came early: tell the peer, now and then. Returns when to do it again. */
static int64_t
say_last(int fd, const struct addrinfo *to, struct packet *out, int64_t now)
{
	static int64_t due;
	static int said;

	if (said < LASTS && now >= due) {
		out->seq = LAST;
		sendto(fd, out, sizeof(*out), 0, to->ai_addr, to->ai_addrlen);
		said++;
		due = now + HELLO_EVERY;
	}
	return said < LASTS ? due : INT64_MAX;
}

/* The stream itself, both ways, until it is over. */
static void
run(int fd, const struct addrinfo *to, struct direction *in, double rate)
{
	struct packet out = { .magic = MAGIC, .total = in->asked };
	int64_t now = now_ns(), begin = now, due = now, active = now;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct timespec timeout;
	uint32_t sent = 0, end = in->asked;
	bool started = false;

	while (sent < end || now - active < GRACE) {
		if (early && sent < end)
			end = out.sent = sent;
		while (sent < end && due <= now) {
			out.seq = started ? sent : HELLO;
			sendto(fd, &out, sizeof(out), 0, to->ai_addr, to->ai_addrlen);
			sent += started;
			/* From the beginning, so that lateness does not add up. */
			due = started ? begin + span_ns(0, sent, rate)
				      : now + HELLO_EVERY;
			active = now;
		}
		now = now_ns();
		if (sent == end)
			due = active + GRACE;
		if (sent == end && end < in->asked) {
			int64_t again = say_last(fd, to, &out, now);

			due = again < due ? again : due;
		}
		if (due > now) {
			timeout.tv_sec = (due - now) / NS_PER_S;
			timeout.tv_nsec = (due - now) % NS_PER_S;
			ppoll(&pfd, 1, &timeout, NULL);
		}
		now = now_ns();
		if (drain(fd, in, rate))
			active = now;
		else if (started || now - begin < HELLO_LIMIT)
			continue;
		if (!started)
			begin = due = now;
		started = true;
	}
}

int
main(int argc, char *argv[])
{
	struct direction in = { .total = 0 };
	struct addrinfo *local, *peer;
	int size = 4 << 20; /* a delayed packet stays on its sender's account */
	double rate, seconds;
	int64_t tail;
	int fd;

	if (argc != 8)
		errx(2, "usage: stream local peer port rate seconds from to");
	local = address(argv[1], argv[3]);
	peer = address(argv[2], argv[3]);
	rate = atof(argv[4]);
	seconds = atof(argv[5]);
	if (!(rate * seconds >= 1 && rate * seconds <= MAX_PACKETS))
		errx(2, "rate x seconds must be 1 to %.0f", MAX_PACKETS);
	in.asked = in.total = (uint32_t)(rate * seconds);
	if ((in.seen = calloc(in.total, sizeof(*in.seen))) == NULL)
		err(1, "calloc");
	signal(SIGTERM, on_term);
	/* Not connected: an ICMP error must neither end the stream nor count in it. */
	fd = socket(local->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, local->ai_addr, local->ai_addrlen) < 0)
		err(1, "%s port %s", argv[1], argv[3]);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));

	run(fd, peer, &in, rate);

	/* A path that died and stayed dead is a gap as well. */
	tail = span_ns(in.next, in.total, rate);
	if (tail > in.gap)
		in.gap = tail;
	printf("stream from=%s to=%s sent=%u received=%u lost=%u dup=%u reordered=%u "
	       "depth=%u gap_ms=%.1f\n",
	    argv[6], argv[7], in.total, in.received, in.total - in.received, in.dup,
	    in.reordered, in.depth, (double)in.gap / 1e6);
	freeaddrinfo(local);
	freeaddrinfo(peer);
	free(in.seen);
	return 0;
}
