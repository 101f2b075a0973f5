/* SPDX-License-Identifier: MIT */
/*
 * The command line of meshopt-prober(8).
 */
#include "prober/options.h"

#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mesh.h"
#include "common/num.h"
#include "common/opts.h"
#include "common/report.h"
#include "common/version.h"

#define PERIOD_NS      NS_PER_S
#define INTERVAL_NS    (10 * NS_PER_S)
#define TIMEOUT_NS     (3 * NS_PER_S) /* six times the longest path of the Internet */
#define PERIOD_MIN_NS  (10 * NS_PER_MS)
#define TIMEOUT_MAX_NS (60 * NS_PER_S) /* a report holds no longer RTT */

static const char usage[] =
    "usage: meshopt-prober [-v] [--mesh FILE] [--node NAME] [--collector URL]\n"
    "                      [--period TIME] [--interval TIME] [--timeout TIME]\n"
    "                      [--spool DIR] [--stamp-key FILE]\n"
    "                      [--metrics ADDR:PORT] [--source ADDR|INTERFACE]\n"
    "       meshopt-prober --help | --version\n";
static const char help[] =
    "\n"
    "  --mesh FILE      the mesh file (" MESH_DEFAULT_PATH ")\n"
    "  --node NAME      which node this is (found by this machine's addresses)\n"
    "  --collector URL  where reports go (Collector of the mesh file)\n"
    "  --period TIME    between two probes of one target (1s)\n"
    "  --interval TIME  of a report (10s)\n"
    "  --timeout TIME   after which a probe is lost (3s)\n"
    "  --spool DIR      where reports wait ($STATE_DIRECTORY/spool, else memory)\n"
    "  --stamp-key FILE of authenticated STAMP (none)\n"
    "  --metrics ADDR:PORT  where Prometheus may ask (nowhere)\n"
    "  --source ADDR|INTERFACE  of probes to public addresses (as routed)\n"
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

static struct endpoint
metrics(const char *text)
{
	struct endpoint at;

	if (endpoint_parse(text, &at) < 0 || !at.addr.family) {
		log_warnx("--metrics %s: not an address and port such as "
			  "127.0.0.1:9101",
		    text);
		usage_error();
	}
	return at;
}

static void
take_source(struct options *c, const char *text)
{
	if (addr_parse(text, &c->source) == 0)
		return;
	c->source_ifindex = if_nametoindex(text);
	if (c->source_ifindex)
		return;
	log_warnx("--source %s: neither an address nor an interface of this machine",
	    text);
	usage_error();
}

static void
read_options(struct options *c, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "collector", required_argument, NULL, 'c' },
		{ "period", required_argument, NULL, 'p' },
		{ "interval", required_argument, NULL, 'i' },
		{ "timeout", required_argument, NULL, 't' },
		{ "spool", required_argument, NULL, 's' },
		{ "stamp-key", required_argument, NULL, 'k' },
		{ "metrics", required_argument, NULL, 'M' },
		{ "source", required_argument, NULL, 'S' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = opts_next(argc, argv, "vh", longs)) != -1) {
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
		case 's':
			c->spool = optarg;
			break;
		case 'M':
			c->metrics = metrics(optarg);
			break;
		case 'S':
			take_source(c, optarg);
			break;
		case 'k':
			c->stamp_key = optarg;
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
check_options(const struct options *c)
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
	else if (c->collector && strncmp(c->collector, "http://", 7) != 0 &&
		 strncmp(c->collector, "https://", 8) != 0)
		fault = "--collector: not an http:// or https:// URL";
	if (!fault)
		return;
	log_warnx("%s", fault);
	usage_error();
}

/* systemd's StateDirectory=; it may be several, separated by colons. */
static const char *
state_spool(void)
{
	static char dir[PATH_MAX];
	const char *state = getenv("STATE_DIRECTORY");
	size_t n = state ? strcspn(state, ":") : 0;

	if (n == 0 || n + sizeof("/spool") > sizeof(dir))
		return NULL;
	memcpy(dir, state, n);
	memcpy(dir + n, "/spool", sizeof("/spool"));
	return dir;
}

void
options_read(struct options *c, int argc, char **argv)
{
	*c = (struct options){ .mesh_path = MESH_DEFAULT_PATH,
		.period_ns = PERIOD_NS,
		.interval_ns = INTERVAL_NS,
		.timeout_ns = TIMEOUT_NS };
	read_options(c, argc, argv);
	check_options(c);
	if (!c->spool)
		c->spool = state_spool();
}
