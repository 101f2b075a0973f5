/* SPDX-License-Identifier: MIT */
/*
 * meshopt status: this node's tunnels, the way traffic goes now, and what differs from
 * the mesh file.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/cmd_status_print.h"
#include "optimizer/fetch.h"
#include "optimizer/operate/self.h"

#define WATCH_DEFAULT (2 * NS_PER_S)
#define RTT_EVERY     (10 * NS_PER_S) /* the collector has nothing newer */
#define RTT_PATH      "/api/v1/matrix?window=300"

struct status_opts {
	const char *mesh, *node, *collector;
	bool json, no_rtt, exit_code;
	int64_t watch_ns; /* 0 = once */
};

struct run {
	const struct status_opts *o;
	struct mesh *mesh;
	struct kernel *k;
	size_t self;
	struct measure *measure; /* NULL = none */
	struct mono asked;
	bool told; /* that the collector does not answer */
};

static volatile sig_atomic_t stopped;

static void
on_signal(int signum)
{
	(void)signum;
	stopped = 1;
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt status [OPTION...]\n"
	    "Show this node's tunnels, the path to each node now, and what differs "
	    "from "
	    "the mesh\nfile.\n\n"
	    "  -w, --watch[=2s]  again and again\n"
	    "  --no-rtt          do not ask the collector\n"
	    "  --collector URL   in place of the mesh file's\n"
	    "  --mesh FILE       mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --node NAME       which node this is (default: found by its addresses)\n"
	    "  --exit-code       exit with 3 if something differs from the mesh file\n"
	    "  -j, --json\n");
}

/* False if the value is none. */
static bool
take(struct status_opts *o, int c, const char *value)
{
	switch (c) {
	case 'w':
		o->watch_ns = WATCH_DEFAULT;
		return !value || num_duration(value, &o->watch_ns) == 0;
	case 'r':
		o->no_rtt = true;
		return true;
	case 'c':
		o->collector = value;
		return true;
	case 'm':
		o->mesh = value;
		return true;
	case 'n':
		o->node = value;
		return true;
	case 'x':
		o->exit_code = true;
		return true;
	default:
		o->json = true;
		return true;
	}
}

static int
parse(int argc, char **argv, struct status_opts *o)
{
	static const struct option options[] = {
		{ "watch", optional_argument, NULL, 'w' },
		{ "no-rtt", no_argument, NULL, 'r' },
		{ "collector", required_argument, NULL, 'c' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "exit-code", no_argument, NULL, 'x' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = opts_next(argc, argv, "w::jh", options)) != -1) {
		if (c == 'h' || c == '?') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		if (take(o, c, optarg))
			continue;
		log_warnx("--watch: \"%s\" is not a time such as 2s", optarg);
		return EXIT_USAGE;
	}
	if (optind == argc)
		return -1;
	log_warnx("status: takes no argument such as \"%s\"", argv[optind]);
	usage(stderr);
	return EXIT_USAGE;
}

/* Figures are an extra: without them there is one line of words, once. */
static void
ask_collector(struct run *run)
{
	const char *base = run->o->collector ? run->o->collector : run->mesh->collector;
	struct mono now = clock_mono();
	struct measure *fresh = NULL;
	struct err err;
	size_t len;
	char *text;

	if (run->o->no_rtt || !*base ||
	    (run->asked.ns && mono_diff(now, run->asked) < RTT_EVERY))
		return;
	run->asked = now;
	text = fetch(base, RTT_PATH, &len, &err);
	if (text && measure_from_json(text, len, &fresh, &err) == 0) {
		measure_free(run->measure);
		run->measure = fresh;
	} else if (!run->told) {
		log_warnx("%s; so without RTTs", err.text);
		run->told = true;
	}
	free(text);
}

static void
ignore(const char *text, void *ctx)
{
	(void)text;
	(void)ctx;
}

/* Exit status, or -errno. */
static int
show(struct run *run, struct err *err)
{
	unsigned *ifindex = mem_array(run->mesh->n_nodes, sizeof(*ifindex));
	struct state state = { 0 };
	struct status st = { 0 };
	int rc = state_read(run->k, run->mesh, clock_wall(), &state, err);

	for (size_t i = 0; rc == 0 && i < run->mesh->n_nodes; i++) {
		if (kernel_lookup(run->k, &run->mesh->nodes[i].address.addr,
			&ifindex[i]) < 0)
			ifindex[i] = 0;
	}
	if (rc == 0) {
		status_make(&state, run->mesh, run->self, ifindex, &st);
		if (run->measure)
			status_add_rtt(&st, run->measure);
		if (run->o->watch_ns && !run->o->json && isatty(STDOUT_FILENO))
			printf("\033[H\033[J");
		if (run->o->json)
			cmd_status_print_json(&st);
		else
			cmd_status_print_text(&st);
		(void)fflush(stdout); /* main() looks at the stream's error */
		rc = run->o->exit_code && status_drift(&st, ignore, NULL) ? EXIT_PENDING
									  : EXIT_DONE;
	}
	status_fini(&st);
	state_fini(&state);
	free(ifindex);
	return rc;
}

static int
status(struct run *run, struct err *err)
{
	int rc = self_find(run->k, run->mesh, run->o->node, &run->self, err);

	if (rc == 0 && !kernel_may_change(run->k))
		rc = err_code(err, EPERM,
		    "no CAP_NET_ADMIN: the kernel shows its tunnels to root alone");
	while (rc >= 0) {
		ask_collector(run);
		rc = show(run, err);
		if (rc < 0 || !run->o->watch_ns || stopped || ferror(stdout))
			break;
		/* A signal ends it early. */
		(void)poll(NULL, 0, (int)(run->o->watch_ns / NS_PER_MS));
		if (stopped)
			break;
		if (!run->o->json && !isatty(STDOUT_FILENO))
			printf("\n");
	}
	return rc;
}

int
cmd_status(int argc, char **argv)
{
	struct status_opts o = { .mesh = MESH_DEFAULT_PATH };
	struct run run = { .o = &o };
	struct sigaction action = { .sa_handler = on_signal };
	struct err err;
	int rc = parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	(void)sigaction(SIGINT, &action, NULL); /* cannot fail; no SA_RESTART */
	rc = mesh_load(o.mesh, &run.mesh, &err);
	if (rc == 0)
		rc = kernel_open(run.mesh->direct_interface, &run.k, &err);
	if (rc == 0)
		rc = status(&run, &err);
	if (rc < 0)
		log_warnx("%s", err.text);
	measure_free(run.measure);
	kernel_close(run.k);
	mesh_free(run.mesh);
	return rc < 0 ? EXIT_FAILED : rc;
}
