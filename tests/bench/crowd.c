/* SPDX-License-Identifier: MIT */
/*
 * Clients of the collector that do not report: those that ask and are timed, and those
 * that stand in the way.
 *
 *	crowd get [-c connections] [-t seconds] PORT PATH
 *	                           one request after the other on each connection; says
 *	                           how many a second, and how long they took
 *	crowd idle COUNT PORT      connections that asked once and stay, until SIGTERM
 *	crowd stall COUNT PORT     half send a POST a byte a second, half ask for much
 *and never read it; those that are cut off come back
 *
 * Each of its connections is from an address of its own, beginning behind the nodes
 * that load has.  idle and stall say "ready" on stderr when all are there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "tests/bench/nodes.h"

#define FIRST_NODE 2000 /* addresses from here on are the crowd's */
#define TICK_MS	   100
#define ANSWER_MAX 65536

struct guest {
	int fd; /* -1 = not connected */
	uint32_t number;
	size_t sent, got, want; /* bytes; want 0 = the head is not complete */
	struct mono since;
	char answer[ANSWER_MAX];
};

struct crowd {
	uint32_t count, seconds, port;
	const char *request;
	char text[512];
	struct sockaddr_in to;
	struct guest *guests;
	int epoll;
	double *took_ms;
	size_t n_took, cap_took, cut, busy, wrong;
};

static volatile sig_atomic_t over;

static void
on_term(int sig)
{
	(void)sig;
	over = 1;
}

static void
arrive(struct crowd *c, struct guest *g)
{
	struct sockaddr_in from = node_address(FIRST_NODE + g->number, 0);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = g };
	int one = 1;

	g->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->fd < 0)
		log_die("socket: %s", strerror(errno));
	(void)setsockopt(g->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	(void)setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(g->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(g->fd, (struct sockaddr *)&c->to, sizeof(c->to)) < 0)
		log_die("connect: %s", strerror(errno));
	g->sent = g->got = g->want = 0;
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, g->fd, &e) < 0)
		log_die("epoll_ctl: %s", strerror(errno));
}

static void
leave(struct crowd *c, struct guest *g)
{
	(void)close(g->fd); /* it is of no use any more */
	g->fd = -1;
	c->cut++;
}

static void
ask(struct crowd *c, struct guest *g)
{
	size_t len = strlen(c->request);

	g->since = clock_mono();
	g->got = g->want = 0;
	if (write(g->fd, c->request, len) != (ssize_t)len)
		leave(c, g);
}

/* Reads of an answer what there is; true if that was the rest of it. */
static bool
hear(struct crowd *c, struct guest *g)
{
	ssize_t n = read(g->fd, g->answer + g->got, sizeof(g->answer) - 1 - g->got);
	const char *end, *length;

	if (n <= 0) {
		leave(c, g);
		return false;
	}
	g->got += (size_t)n;
	g->answer[g->got] = '\0';
	end = strstr(g->answer, "\r\n\r\n");
	length = strcasestr(g->answer, "\r\nContent-Length: ");
	if (g->want == 0 && end)
		g->want = (size_t)(end + 4 - g->answer) +
			  (length ? strtoul(length + 18, NULL, 10) : 0);
	if (g->want == 0 || g->got < g->want)
		return false;
	if (strncmp(g->answer, "HTTP/1.1 503", 12) == 0)
		c->busy++;
	else
		c->wrong += strncmp(g->answer, "HTTP/1.1 200", 12) != 0;
	return true;
}

static void
took(struct crowd *c, const struct guest *g)
{
	if (c->n_took == c->cap_took) {
		c->cap_took = c->cap_took ? 2 * c->cap_took : 4096;
		c->took_ms = mem_grow(c->took_ms, c->cap_took, sizeof(*c->took_ms));
	}
	c->took_ms[c->n_took++] =
	    (double)mono_diff(clock_mono(), g->since) / (double)NS_PER_MS;
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
get(struct crowd *c)
{
	struct mono begin = clock_mono(), end = mono_add(begin, c->seconds * NS_PER_S);
	double seconds;

	for (uint32_t i = 0; i < c->count; i++)
		ask(c, &c->guests[i]);
	while (!over && c->cut < c->count && mono_diff(end, clock_mono()) > 0) {
		struct epoll_event events[64];
		int n = epoll_wait(c->epoll, events, 64, TICK_MS);

		for (int i = 0; i < n; i++) {
			struct guest *g = events[i].data.ptr;

			if (hear(c, g)) {
				took(c, g);
				ask(c, g);
			}
		}
	}
	seconds = (double)mono_diff(clock_mono(), begin) / (double)NS_PER_S;
	if (c->n_took == 0)
		log_die("no answer");
	qsort(c->took_ms, c->n_took, sizeof(*c->took_ms), by_value);
	printf("requests %zu rate %.0f p50_ms %.3f p99_ms %.3f max_ms %.3f cut %zu "
	       "busy %zu wrong %zu\n",
	    c->n_took, (double)c->n_took / seconds, c->took_ms[c->n_took / 2],
	    c->took_ms[c->n_took - 1 - c->n_took / 100], c->took_ms[c->n_took - 1],
	    c->cut, c->busy, c->wrong);
	return c->wrong > 0 || c->cut > 0;
}

static int
idle(struct crowd *c)
{
	struct epoll_event e;

	for (uint32_t i = 0; i < c->count; i++)
		ask(c, &c->guests[i]);
	for (uint32_t i = 0; i < c->count; i++)
		while (c->guests[i].fd >= 0 && !hear(c, &c->guests[i]))
			;
	fprintf(stderr, "ready\n");
	while (!over)
		(void)epoll_wait(c->epoll, &e, 1, TICK_MS); /* SIGTERM ends it */
	printf("cut %zu\n", c->cut);
	return 0;
}

/* One byte more of the request, all of it of those that do not read. */
static void
dribble(struct crowd *c, struct guest *g)
{
	static const char much[] = "GET /api/v1/matrix HTTP/1.1\r\nHost: c\r\n\r\n";
	static const char post[] =
	    "POST /api/v1/reports HTTP/1.1\r\nHost: c\r\nContent-Type: "
	    "application/vnd.meshopt.report\r\nContent-Length: 100000\r\n\r\n";
	ssize_t n;

	if (g->fd < 0)
		arrive(c, g);
	if (g->number % 2)
		n = g->sent ? 1 : send(g->fd, much, sizeof(much) - 1, MSG_NOSIGNAL);
	else if (g->sent < 40)
		n = send(g->fd, post, 40, MSG_NOSIGNAL);
	else if (g->sent < sizeof(post) - 1)
		n = send(g->fd, post + g->sent, 1, MSG_NOSIGNAL);
	else
		n = send(g->fd, "M", 1, MSG_NOSIGNAL);
	if (n < 0)
		leave(c, g);
	else
		g->sent += (size_t)n;
}

static int
stall(struct crowd *c)
{
	for (unsigned turn = 0; !over; turn++) {
		struct mono next = mono_add(clock_mono(), NS_PER_S);

		for (uint32_t i = 0; i < c->count; i++)
			dribble(c, &c->guests[i]);
		if (turn == 0)
			fprintf(stderr, "ready\n");
		while (!over && mono_diff(next, clock_mono()) > 0)
			(void)usleep(TICK_MS * 1000); /* SIGTERM ends it */
	}
	printf("cut %zu\n", c->cut);
	return 0;
}

static uint32_t
number(const char *text, uint32_t hi)
{
	uint32_t v;

	if (num_u32(text, 1, hi, &v) < 0)
		log_die("%s: give a number from 1 to %u", text, hi);
	return v;
}

static void
parse_get(struct crowd *c, int argc, char **argv)
{
	int o;

	c->count = 1;
	c->seconds = 5;
	while ((o = getopt(argc, argv, "c:t:")) != -1) {
		if (o == 'c')
			c->count = number(optarg, 2000);
		else if (o == 't')
			c->seconds = number(optarg, 3600);
		else
			log_die("see the head of crowd.c");
	}
	if (optind + 2 != argc)
		log_die("crowd get [-c connections] [-t seconds] PORT PATH");
	c->port = number(argv[optind], UINT16_MAX);
	(void)snprintf(c->text, sizeof(c->text), "GET %s HTTP/1.1\r\nHost: c\r\n\r\n",
	    argv[optind + 1]); /* a path cut short gets an error */
}

int
main(int argc, char **argv)
{
	struct crowd c = { .request = c.text };
	const char *verb = argc > 1 ? argv[1] : "";
	int (*run)(struct crowd *) = strcmp(verb, "get") == 0	  ? get
				     : strcmp(verb, "idle") == 0  ? idle
				     : strcmp(verb, "stall") == 0 ? stall
								  : NULL;

	log_init("crowd", false);
	if (!run || (run != get && argc != 4))
		log_die("crowd get|idle|stall, see its head");
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for signals that exist */
	(void)signal(SIGTERM, on_term);
	if (run == get) {
		parse_get(&c, argc - 1, argv + 1);
	} else {
		c.count = number(argv[2], 2000);
		c.port = number(argv[3], UINT16_MAX);
		c.request = "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n";
	}
	node_files();
	c.to = node_address(0, (uint16_t)c.port);
	c.epoll = epoll_create1(EPOLL_CLOEXEC);
	c.guests = mem_array(c.count, sizeof(*c.guests));
	for (uint32_t i = 0; i < c.count; i++) {
		c.guests[i].number = i;
		arrive(&c, &c.guests[i]);
	}
	return run(&c);
}
