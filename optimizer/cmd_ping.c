/* SPDX-License-Identifier: MIT */
/*
 * meshopt ping: how are the peers, now, by their overlay and their public addresses?
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/mesh_self.h"
#include "common/num.h"
#include "common/opts.h"
#include "common/stamp_key.h"
#include "optimizer/cmd.h"
#include "optimizer/cmd_ping_print.h"
#include "optimizer/ping_run.h"

#define COUNT_DEFAULT	  5
#define COUNT_MAX	  10000
#define INTERVAL_NS	  (200 * NS_PER_MS)
#define INTERVAL_MIN_NS	  (10 * NS_PER_MS)
#define TIMEOUT_NS	  (2 * NS_PER_S)
#define TIMEOUT_MAX_NS	  (60 * NS_PER_S)
#define PROGRESS_EVERY_NS (100 * NS_PER_MS)

struct options {
	const char *mesh_path, *key_file;
	struct ping_opts run;
	int format; /* 't', 'j' or 'c' */
	int method; /* a set of mesh_method; 0 = as the mesh file says */
};

struct list {
	struct ping_target *targets;
	size_t n;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int signum)
{
	(void)signum;
	stopped = 1;
}

static void
progress(uint32_t sent, uint32_t answered, uint32_t all)
{
	static struct mono last;
	struct mono now = clock_mono();

	if (mono_diff(now, last) < PROGRESS_EVERY_NS)
		return;
	last = now;
	fprintf(stderr, "\r\033[K%u of %u probes sent, %u answered", sent, all,
	    answered);
}

static struct ping_target *
add(struct list *l, const char *name, const char *what, const struct addr *addr)
{
	struct ping_target *t;

	l->targets = mem_grow(l->targets, l->n + 1, sizeof(*l->targets));
	t = &l->targets[l->n++];
	*t = (struct ping_target){ .what = what, .addr = *addr };
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	return t;
}

/* Once a method. */
static void
add_methods(struct list *l, const struct mesh_node *node, const char *what,
    const struct addr *addr, int method)
{
	for (int m = MESH_ICMP; m <= MESH_STAMP; m++) {
		struct ping_target *t;

		if (!(method & m))
			continue;
		t = add(l, node->name, what, addr);
		t->method = m == MESH_ICMP ? PING_ICMP : PING_STAMP;
		t->dscp = node->dscp;
	}
}

/* The address of the endpoint; family 0, and words, if it has none. */
static struct addr
resolve(const struct mesh_node *node)
{
	struct addrinfo hints = { .ai_flags = AI_ADDRCONFIG,
		.ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	struct addr addr = node->endpoint.addr;
	int rc;

	if (addr.family)
		return addr;
	rc = getaddrinfo(node->endpoint.host, NULL, &hints, &found);
	if (rc != 0)
		log_warnx("%s: %s: %s", node->name, node->endpoint.host,
		    gai_strerror(rc));
	else
		(void)addr_from_sockaddr(found->ai_addr, &addr); /* else family 0 */
	if (found)
		freeaddrinfo(found);
	return addr;
}

static void
add_node(struct list *l, const struct options *o, const struct mesh_node *node)
{
	int method = o->method ? o->method : (int)node->method;
	struct addr public;

	add_methods(l, node, "overlay", &node->address.addr, method);
	if (!node->endpoint.host[0])
		return;
	public = resolve(node);
	if (public.family)
		add_methods(l, node, "public", &public, method);
}

/* This machine's node, or SIZE_MAX: it need not be one. */
static size_t
find_self(const struct mesh *mesh)
{
	size_t self;

	return mesh_self(mesh, NULL, &self, NULL) < 0 ? SIZE_MAX : self;
}

/* Arguments that are addresses need no mesh file. */
static int
add_arguments(struct list *l, const struct options *o, const struct mesh *mesh,
    char **names)
{
	for (; *names; names++) {
		struct addr addr;
		size_t i;

		if (addr_parse(*names, &addr) == 0) {
			add(l, *names, "address", &addr)->method =
			    o->method == MESH_STAMP ? PING_STAMP : PING_ICMP;
			continue;
		}
		i = mesh ? mesh_find(mesh, *names) : SIZE_MAX;
		if (i == SIZE_MAX) {
			log_warnx("ping: there is no node \"%s\"%s%s", *names,
			    mesh ? " in mesh " : "", mesh ? mesh->name : "");
			return -ENOENT;
		}
		add_node(l, o, &mesh->nodes[i]);
	}
	return 0;
}

static int
fill_list(struct list *l, const struct options *o, const struct mesh *mesh,
    char **names)
{
	size_t self;

	if (*names)
		return add_arguments(l, o, mesh, names);
	self = find_self(mesh);
	for (size_t i = 0; i < mesh->n_nodes; i++)
		if (i != self)
			add_node(l, o, &mesh->nodes[i]);
	return 0;
}

static bool
all_are_addresses(char **names)
{
	struct addr addr;
	bool all = *names != NULL;

	for (; *names; names++)
		all = all && addr_parse(*names, &addr) == 0;
	return all;
}

/* A peer that answered by none of its addresses. */
static bool
has_silent_peer(const struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		uint32_t answered = 0;

		for (size_t k = 0; k < l->n; k++)
			if (strcmp(l->targets[i].name, l->targets[k].name) == 0)
				answered += l->targets[k].answered;
		if (!answered)
			return true;
	}
	return false;
}

static int
ping(const struct options *o, const struct mesh *mesh, char **names)
{
	struct ping_opts run = o->run;
	struct list l = { 0 };
	struct stamp_key key;
	struct err err;
	int status = EXIT_FAILED;

	run.stamp_port = mesh ? mesh->stamp_port : STAMP_PORT;
	if (o->key_file && stamp_key_load(o->key_file, &key, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	run.key = o->key_file ? &key : NULL;
	if (fill_list(&l, o, mesh, names) < 0)
		goto out;
	if (!l.n) {
		log_warnx("ping: mesh %s has no other node", mesh->name);
		goto out;
	}
	if (ping_run(&run, l.targets, l.n, &err) < 0) {
		log_warnx("%s", err.text);
		goto out;
	}
	if (run.progress)
		fputs("\r\033[K", stderr);
	if (o->format == 'j')
		cmd_ping_print_json(l.targets, l.n);
	else
		cmd_ping_print_table(l.targets, l.n, o->format == 'c');
	status = has_silent_peer(&l) ? EXIT_FAILED : EXIT_DONE;
out:
	ping_fini(l.targets, l.n);
	return status;
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt ping [OPTION...] [NODE|ADDRESS...]\n"
	    "Probe peers now, by overlay and public address; all without a name.\n\n"
	    "  -c, --count N      probes of each address (5)\n"
	    "  -i, --interval T   between two of them (200ms)\n"
	    "  -t, --timeout T    how long an answer may take (2s)\n"
	    "  -m, --mtu          also find the largest packet that comes back\n"
	    "  --method icmp|stamp|both  (as the mesh file says)\n"
	    "  --stamp-key FILE   of authenticated STAMP\n"
	    "  --mesh FILE        mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  -j, --json; --csv\n"
	    "Exit status 1: a peer did not answer at all.\n");
}

/* False if the value is none. */
static bool
take_option(struct options *o, int c, const char *value)
{
	static const char *const methods[] = { "icmp", "stamp", "both" };

	switch (c) {
	case 'c':
		return num_u32(value, 1, COUNT_MAX, &o->run.count) == 0;
	case 'i':
		return num_duration(value, &o->run.interval_ns) == 0 &&
		       o->run.interval_ns >= INTERVAL_MIN_NS;
	case 't':
		return num_duration(value, &o->run.timeout_ns) == 0 &&
		       o->run.timeout_ns <= TIMEOUT_MAX_NS;
	case 'M':
		for (int i = 0; i < 3; i++)
			if (strcmp(value, methods[i]) == 0)
				o->method = MESH_ICMP + i;
		return o->method != 0;
	case 'm':
		o->run.mtu = true;
		return true;
	case 'f':
		o->mesh_path = value;
		return true;
	case 'k':
		o->key_file = value;
		return true;
	default:
		o->format = c == 'C' ? 'c' : c;
		return true;
	}
}

int
cmd_ping(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "interval", required_argument, NULL, 'i' },
		{ "timeout", required_argument, NULL, 't' },
		{ "mtu", no_argument, NULL, 'm' },
		{ "method", required_argument, NULL, 'M' },
		{ "stamp-key", required_argument, NULL, 'k' },
		{ "mesh", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .mesh_path = MESH_DEFAULT_PATH,
		.run = { COUNT_DEFAULT, INTERVAL_NS, TIMEOUT_NS, .stop = &stopped },
		.format = 't' };
	struct mesh *mesh = NULL;
	struct err err;
	int c, status;

	while ((c = opts_next(argc, argv, "c:i:t:mjh", longs)) != -1) {
		if (c == 'h' || c == '?') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		if (take_option(&o, c, optarg))
			continue;
		log_warnx("ping: \"%s\" is not a value of this option", optarg);
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!all_are_addresses(argv + optind) &&
	    mesh_load(o.mesh_path, &mesh, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	if (isatty(STDERR_FILENO))
		o.run.progress = progress;
	(void)signal(SIGINT, on_signal); /* the figures so far are worth printing */
	status = ping(&o, mesh, argv + optind);
	mesh_free(mesh);
	return status;
}
