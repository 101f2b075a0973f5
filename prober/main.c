/* SPDX-License-Identifier: MIT */
/*
 * meshopt-prober: measures the paths from this node to every other and reports them to
 * the collector.  Here: options, who we are, privileges, and the order in which things
 * start and stop.  meshopt-prober(8) describes it.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/caps.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/sdnotify.h"
#include "common/version.h"
#include "common/version.h"
#include "prober/loop.h"
#include "prober/roster.h"

#define PERIOD_NS      NS_PER_S
#define INTERVAL_NS    (10 * NS_PER_S)
#define TIMEOUT_NS     (3 * NS_PER_S) /* six times the longest path of the Internet */
#define PERIOD_MIN_NS  (10 * NS_PER_MS)
#define TIMEOUT_MAX_NS (60 * NS_PER_S) /* a report holds no longer RTT */

struct config {
	const char *mesh_path;
	const char *node;      /* NULL: found by this machine's addresses */
	const char *collector; /* NULL: from the mesh file */
	int64_t period_ns, interval_ns, timeout_ns;
	bool verbose;
};

static const char usage[] =
    "usage: meshopt-prober [-v] [--mesh FILE] [--node NAME] [--collector URL]\n"
    "                      [--period TIME] [--interval TIME] [--timeout TIME]\n"
    "       meshopt-prober --help | --version\n";
static const char help[] =
    "\n"
    "  --mesh FILE      the mesh file (" MESH_DEFAULT_PATH ")\n"
    "  --node NAME      which node this is (found by this machine's addresses)\n"
    "  --collector URL  where reports go (Collector of the mesh file)\n"
    "  --period TIME    between two probes of one target (1s)\n"
    "  --interval TIME  of a report (10s)\n"
    "  --timeout TIME   after which a probe is lost (3s)\n"
    "  -v, --verbose    say more on stderr\n"
    "\n"
    "TIME is a number with ms, s, m, h or d.  See meshopt-prober(8).\n";

static void
usage_error(void)
{
	fputs(usage, stderr);
	exit(2);
}

static int64_t
duration(const char *option, const char *text)
{
	int64_t ns;

	if (num_duration(text, &ns) < 0) {
		log_warnx("--%s %s: not a time such as 500ms, 10s or 1m", option, text);
		usage_error();
	}
	return ns;
}

static void
read_options(struct config *c, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "collector", required_argument, NULL, 'c' },
		{ "period", required_argument, NULL, 'p' },
		{ "interval", required_argument, NULL, 'i' },
		{ "timeout", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "vh", longs, NULL)) != -1) {
		switch (option) {
		case 'm':
			c->mesh_path = optarg;
			break;
		case 'n':
			c->node = optarg;
			break;
		case 'c':
			c->collector = optarg;
			break;
		case 'p':
			c->period_ns = duration("period", optarg);
			break;
		case 'i':
			c->interval_ns = duration("interval", optarg);
			break;
		case 't':
			c->timeout_ns = duration("timeout", optarg);
			break;
		case 'v':
			c->verbose = true;
			break;
		case 'V':
			puts("meshopt-prober " MESHOPT_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			fputs(help, stdout);
			exit(0);
		default:
			usage_error();
		}
	}
	if (optind < argc) {
		log_warnx("%s: this program takes options only", argv[optind]);
		usage_error();
	}
}

static void
check_options(const struct config *c)
{
	const char *fault = NULL;

	if (c->period_ns < PERIOD_MIN_NS)
		fault = "--period: under 10ms; a target is not to be flooded";
	else if (c->interval_ns < c->period_ns)
		fault = "--interval: shorter than --period";
	else if (c->interval_ns > REPORT_LENGTH_MAX_MS / 2 * NS_PER_MS)
		fault = "--interval: over 30m";
	else if (c->timeout_ns > TIMEOUT_MAX_NS)
		fault = "--timeout: over 60s";
	if (!fault)
		return;
	log_warnx("%s", fault);
	usage_error();
}

struct reloader {
	const struct config *config;
	struct roster *roster;
};

static void
reload(struct engine *e, void *ctx)
{
	struct reloader *l = ctx;
	struct roster fresh = { 0 };
	struct err err;

	if (roster_load(&fresh, l->config->mesh_path, l->config->node, &err) < 0) {
		log_warnx("reload: %s; the old mesh stays in force", err.text);
		return;
	}
	roster_inherit(&fresh, l->roster);
	engine_reload(e, &fresh.view, clock_mono());
	roster_free(l->roster);
	*l->roster = fresh;
	log_info("reload: %zu nodes, %zu targets", fresh.mesh->n_nodes,
	    fresh.view.n_targets);
}

/* The URL without its last slash, or an error that says what to do. */
static int
find_collector(const struct config *c, const struct mesh *mesh,
    char out[MESH_COLLECTOR_MAX], struct err *err)
{
	const char *url = c->collector ? c->collector : mesh->collector;
	size_t len = strlen(url);

	if (len == 0)
		return err_set(err,
		    "%s: no Collector in [Mesh]; write it there or give "
		    "--collector URL",
		    c->mesh_path);
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return err_set(err, "--collector %s: not an http:// or https:// URL",
		    url);
	if (url[len - 1] == '/')
		len--;
	if (len >= MESH_COLLECTOR_MAX)
		return err_set(err, "--collector: longer than %d characters",
		    MESH_COLLECTOR_MAX - 1);
	memcpy(out, url, len);
	out[len] = '\0';
	return 0;
}

static void
say_start(const struct roster *r, const struct pinger *p, const char *collector)
{
	log_info("%s of mesh %s: %zu targets, %s, stamps %s, reports to %s",
	    r->mesh->nodes[r->view.self].name, r->mesh->name, r->view.n_targets,
	    pinger_mode(p), stamp_name(pinger_stamp(p)), collector);
}

static int
run(const struct config *c, struct roster *roster, struct err *err)
{
	struct reloader reloader = { c, roster };
	struct pinger_opts pinger_opts = { .timeout_ns = c->timeout_ns };
	struct loop_opts opts = { .reload = reload, .ctx = &reloader };
	char collector[MESH_COLLECTOR_MAX];
	struct loop *loop = NULL;
	int rc;

	opts.engine.period_ns = c->period_ns;
	opts.engine.interval_ns = c->interval_ns;
	opts.engine.timeout_ns = c->timeout_ns;
	opts.collector = collector;
	opts.roster = roster->view;
	rc = find_collector(c, roster->mesh, collector, err);
	if (rc == 0)
		rc = pinger_new(&pinger_opts, &opts.engine.pinger, err);
	if (rc < 0)
		goto out;
	rc = fib_open(&opts.engine.fib);
	if (rc < 0) {
		(void)err_code(err, -rc, "rtnetlink: %s", strerror(-rc));
		goto out;
	}
	rc = caps_keep(CAPS_BIT(CAP_NET_RAW));
	if (rc < 0) {
		(void)err_code(err, -rc, "dropping capabilities: %s", strerror(-rc));
		goto out;
	}
	rc = loop_new(&opts, &loop, err);
	if (rc < 0)
		goto out;
	say_start(roster, opts.engine.pinger, collector);
	if (sdnotify("READY=1") < 0)
		log_warnx("NOTIFY_SOCKET: nobody there; systemd may time out");
	loop_run(loop);
	(void)sdnotify("STOPPING=1"); /* a courtesy: systemd sees the exit anyway */
out:
	loop_free(loop);
	fib_close(opts.engine.fib);
	pinger_free(opts.engine.pinger);
	return rc;
}

int
main(int argc, char **argv)
{
	struct config c = { MESH_DEFAULT_PATH, NULL, NULL, PERIOD_NS, INTERVAL_NS,
		TIMEOUT_NS, false };
	struct roster roster = { 0 };
	struct err err;
	int rc;

	log_init("meshopt-prober", false);
	read_options(&c, argc, argv);
	check_options(&c);
	log_init("meshopt-prober", c.verbose);
	(void)signal(SIGPIPE, SIG_IGN); /* a TLS library may write to a closed socket */
	rc = roster_load(&roster, c.mesh_path, c.node, &err);
	if (rc == 0) {
		roster_resolve(&roster);
		rc = run(&c, &roster, &err);
	}
	if (rc < 0)
		log_warnx("%s", err.text);
	roster_free(&roster);
	return rc < 0 ? 1 : 0;
}
