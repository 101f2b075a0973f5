/* SPDX-License-Identifier: MIT */
/*
 * Many probers in one process: each node of a made-up mesh posts binary reports over a
 * connection of its own and from an address of its own, the
 * next one when the last was answered 204.  What is not answered is sent again, over a
 * new connection if need be, as a prober does; so the run ends with every report
 * acknowledged, or at its time.
 *
 *	load mesh NODES PORT	the mesh file, on stdout
 *	load post [-1] [-n nodes] [-p peers] [-k reports] [-t seconds] [-w window_ms]
 *	          [-b begin_ms] [-r times] [-a file] PORT
 *
 * -1 is one path instead of two, -k a node's number of reports, -r how often each is
 *sent, -a takes a line "NODE START_MS" for each report that was answered 204.  SIGTERM
 *ends a run as its time does.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/report.h"
#include "tests/bench/nodes.h"
#include "tests/bench/rows.h"

/* Different rows in turn, so that what the collector merges grows as real rows do. */
#define VARIANTS    2
#define HEAD_MAX    512
#define AGAIN_NS    (20 * NS_PER_MS)  /* to a collector that is not there */
#define BUSY_NS	    (100 * NS_PER_MS) /* after a 503 */
#define TICK_MS	    10
#define HALF_DAY_MS (12 * 3600 * INT64_C(1000))

struct opts {
	uint32_t nodes, peers, reports, seconds, window_ms, times, port, paths;
	int64_t begin_ms;
	FILE *acks;
};

struct client {
	int fd; /* -1 = not connected */
	uint32_t node;
	uint64_t seq;	/* of the report on its way */
	uint32_t times; /* that it was answered */
	struct rows rows[VARIANTS];
	char head[HEAD_MAX]; /* of HTTP and of the report */
	size_t head_len, sent, got;
	char answer[2048];
	struct mono since, at; /* asked; next try */
	bool waiting, done;
};

struct load {
	struct opts o;
	struct client *clients;
	uint64_t boot;
	int epoll;
	size_t left;
	uint64_t acked, busy, refused, cut;
	double *took_ms;
	size_t n_took, cap_took;
};
static volatile sig_atomic_t over;
static void
on_term(int sig)
{
	(void)sig;
	over = 1;
}

static struct rows_of
report_of(const struct load *l, const struct client *c)
{
	return (struct rows_of){
		.node = c->node,
		.nodes = l->o.nodes,
		.peers = l->o.peers,
		.paths = l->o.paths,
		.boot = l->boot,
		.seq = c->seq,
		.start_ms = l->o.begin_ms + (int64_t)c->seq * l->o.window_ms,
		.window_ms = l->o.window_ms,
	};
}

static void
prepare(struct load *l, struct client *c)
{
	const struct rows_of of = report_of(l, c);
	uint8_t head[HEAD_MAX];
	size_t n = rows_head(&of, head, sizeof(head));
	int used = snprintf(c->head, sizeof(c->head),
	    "POST /api/v1/reports HTTP/1.1\r\nHost: "
	    "c\r\nContent-Type: " REPORT_MEDIA_TYPE "\r\nContent-Length: %zu\r\n\r\n",
	    n + c->rows[c->seq % VARIANTS].len);

	assert(used > 0 && (size_t)used + n <= sizeof(c->head));
	memcpy(c->head + used, head, n);
	c->head_len = (size_t)used + n;
	c->sent = c->got = 0;
	c->since = clock_mono();
	c->waiting = false;
}

static void
cut_off(struct load *l, struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd); /* it is of no use any more */
	c->fd = -1;
	c->at = mono_add(clock_mono(), AGAIN_NS);
	c->waiting = true;
	l->cut++;
}

static void
push(struct load *l, struct client *c)
{
	const struct rows *rows = &c->rows[c->seq % VARIANTS];
	const size_t all = c->head_len + rows->len;
	while (c->sent < all) {
		size_t in_head = c->sent < c->head_len ? c->head_len - c->sent : 0;
		size_t in_rows = c->sent > c->head_len ? c->sent - c->head_len : 0;
		struct iovec v[2] = { { c->head + c->head_len - in_head, in_head },
			{ rows->bytes + in_rows, rows->len - in_rows } };
		ssize_t n = writev(c->fd, v, 2);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			cut_off(l, c);
			return;
		}
		c->sent += (size_t)n;
	}
}

static void
open_client(struct load *l, struct client *c)
{
	struct sockaddr_in from = node_address(c->node, 0);
	struct sockaddr_in to = node_address(0, (uint16_t)l->o.port);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		log_die("socket: %s", strerror(errno));
	/* The port is chosen by connect(), so that 1,000 nodes do not run out of it. */
	(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		log_die("bind: %s", strerror(errno));
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS) {
		cut_off(l, c);
		return;
	}
	prepare(l, c);
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		log_die("epoll_ctl: %s", strerror(errno));
}

static void
acknowledged(struct load *l, struct client *c)
{
	char name[NODE_NAME_MAX];

	if (l->n_took == l->cap_took) {
		l->cap_took = l->cap_took ? 2 * l->cap_took : 4096;
		l->took_ms = mem_grow(l->took_ms, l->cap_took, sizeof(*l->took_ms));
	}
	l->took_ms[l->n_took++] =
	    (double)mono_diff(clock_mono(), c->since) / (double)NS_PER_MS;
	l->acked++;
	node_name(c->node, name);
	if (l->o.acks && c->times == 0)
		fprintf(l->o.acks, "%s %lld\n", name,
		    (long long)(l->o.begin_ms + (int64_t)c->seq * l->o.window_ms));
	if (++c->times == l->o.times) {
		c->times = 0;
		c->seq++;
	}
	if (l->o.reports && c->seq == l->o.reports) {
		c->done = true;
		l->left--;
		(void)close(c->fd); /* all was answered */
		c->fd = -1;
		return;
	}
	prepare(l, c);
	push(l, c);
}

static void
answered(struct load *l, struct client *c)
{
	unsigned status = (unsigned)strtoul(c->answer + strlen("HTTP/1.1 "), NULL, 10);

	if (status == 204) {
		acknowledged(l, c);
		return;
	}
	if (status == 503) {
		l->busy++;
	} else {
		log_warnx("%.300s", c->answer);
		l->refused++;
		over = 1;
	}
	cut_off(l, c);
	c->at = mono_add(clock_mono(), BUSY_NS);
}

static void
pull(struct load *l, struct client *c)
{
	ssize_t n;

	while (c->fd >= 0) {
		n = read(c->fd, c->answer + c->got, sizeof(c->answer) - 1 - c->got);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			cut_off(l, c);
			return;
		}
		c->got += (size_t)n;
		c->answer[c->got] = '\0';
		if (strstr(c->answer, "\r\n\r\n"))
			answered(l, c);
	}
}

static void
turn(struct load *l)
{
	struct epoll_event events[256];
	int n = epoll_wait(l->epoll, events, 256, TICK_MS);
	struct mono now;

	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (c->fd >= 0 && !c->waiting && (events[i].events & EPOLLOUT))
			push(l, c);
		if (c->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
			pull(l, c);
	}
	now = clock_mono();
	for (uint32_t i = 0; i < l->o.nodes; i++) {
		struct client *c = &l->clients[i];

		if (!c->done && c->fd < 0 && mono_diff(now, c->at) >= 0)
			open_client(l, c);
	}
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
tell(struct load *l, double seconds)
{
	double p50 = 0, p99 = 0;
	if (l->n_took > 0) {
		qsort(l->took_ms, l->n_took, sizeof(*l->took_ms), by_value);
		p50 = l->took_ms[l->n_took / 2];
		p99 = l->took_ms[l->n_took - 1 - l->n_took / 100];
	}
	printf("acked %llu seconds %.3f rate %.0f rows %.0f p50_ms %.1f p99_ms %.1f "
	       "busy %llu refused %llu cut %llu bytes %zu\n",
	    (unsigned long long)l->acked, seconds, (double)l->acked / seconds,
	    (double)l->acked / seconds * l->o.peers * l->o.paths, p50, p99,
	    (unsigned long long)l->busy, (unsigned long long)l->refused,
	    (unsigned long long)l->cut,
	    l->clients[0].rows[0].len + l->clients[0].head_len);
}

static void
post(struct load *l)
{
	struct seed seed = { 88172645463325252u };
	struct mono begin, end;
	l->boot = (uint64_t)clock_wall().ns;
	l->clients = mem_array(l->o.nodes, sizeof(*l->clients));
	l->left = l->o.nodes;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < l->o.nodes; i++) {
		l->clients[i].fd = -1;
		l->clients[i].node = i;
		for (size_t v = 0; v < VARIANTS; v++) {
			const struct rows_of of = report_of(l, &l->clients[i]);

			l->clients[i].rows[v] = rows_make(&of, &seed);
		}
	}
	fprintf(stderr, "load: ready\n");
	begin = clock_mono();
	end = mono_add(begin, l->o.seconds * NS_PER_S);
	while (l->left > 0 && !over && mono_diff(end, clock_mono()) > 0)
		turn(l);
	tell(l, (double)mono_diff(clock_mono(), begin) / (double)NS_PER_S);
}

static uint32_t
number(const char *text, uint32_t lo, uint32_t hi)
{
	uint32_t v;

	if (num_u32(text, lo, hi, &v) < 0)
		log_die("%s: give a number from %u to %u", text, lo, hi);
	return v;
}

static void
parse(struct opts *o, int argc, char **argv)
{
	int c;

	*o = (struct opts){ .nodes = 100,
		.seconds = 3600,
		.window_ms = 60000,
		.times = 1,
		.paths = 2 };
	while ((c = getopt(argc, argv, "1n:p:k:t:w:b:r:a:")) != -1) {
		if (c == '1')
			o->paths = 1;
		else if (c == 'n')
			o->nodes = number(optarg, 2, NODES_MAX);
		else if (c == 'p')
			o->peers = number(optarg, 1, NODES_MAX);
		else if (c == 'k')
			o->reports = number(optarg, 1, UINT32_MAX);
		else if (c == 't')
			o->seconds = number(optarg, 1, UINT32_MAX);
		else if (c == 'w')
			o->window_ms = number(optarg, 1, REPORT_LENGTH_MAX_MS);
		else if (c == 'b')
			o->begin_ms = strtoll(optarg, NULL, 10);
		else if (c == 'r')
			o->times = number(optarg, 1, UINT32_MAX);
		else if (c != 'a' || !(o->acks = fopen(optarg, "we")))
			log_die("see the head of load.c");
	}
	if (optind + 1 != argc)
		log_die("load post ... PORT");
	o->port = number(argv[optind], 1, UINT16_MAX);
	if (!o->peers || o->peers >= o->nodes)
		o->peers = o->nodes - 1;
	if (!o->begin_ms) /* so that the last one ends now, or half a day from then */
		o->begin_ms =
		    clock_wall().ns / NS_PER_MS -
		    (o->reports ? (int64_t)o->reports * o->window_ms : HALF_DAY_MS);
}

int
main(int argc, char **argv)
{
	struct load l = { .epoll = -1 };
	int rc;
	log_init("load", false);
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for signals that exist */
	(void)signal(SIGTERM, on_term);
	if (argc == 4 && strcmp(argv[1], "mesh") == 0) {
		node_mesh(number(argv[2], 2, NODES_MAX),
		    number(argv[3], 1, UINT16_MAX));
		return 0;
	}
	if (argc < 3 || strcmp(argv[1], "post") != 0)
		log_die("load mesh NODES PORT | load post [options] PORT");
	parse(&l.o, argc - 1, argv + 1);
	node_files();
	post(&l);
	rc = l.refused > 0;
	if (l.o.acks && fclose(l.o.acks) != 0)
		log_die("the list of what was acknowledged: %s", strerror(errno));
	return rc;
}
