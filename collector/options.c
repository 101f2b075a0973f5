/* SPDX-License-Identifier: MIT */
#include "collector/options.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/opts.h"
#include "common/version.h"

#define DEFAULT_STATE	  "/var/lib/meshopt"
#define DEFAULT_WINDOW_NS (300 * NS_PER_S)
#define WINDOW_MIN_NS	  (10 * NS_PER_S)
#define WINDOW_MAX_NS	  (3600 * NS_PER_S)
#define HTTP_PORT	  80
/* Fifty nodes, of which a Prometheus takes 25,000 series. */
#define DEFAULT_METRICS_PAIRS 2500
#define METRICS_PAIRS_MAX     1000000

static const char usage[] =
    "usage: meshopt-collector [options]\n"
    "\n"
    "Takes in the probers' reports, keeps them, and serves the matrix.\n"
    "\n"
    "  --mesh FILE         the mesh file (" MESH_DEFAULT_PATH ")\n"
    "  --db FILE|SERVER    the database ($STATE_DIRECTORY/collector.db, else\n"
    "                      " DEFAULT_STATE "/collector.db), or a server:\n"
    "                      postgresql://USER@HOST/NAME or host=... dbname=...\n"
    "  --listen ADDR:PORT  instead of the mesh's Collector\n"
    "  --device IFACE      accept by this interface only; without --listen that\n"
    "                      is the mesh's Interface, if it exists\n"
    "  --keep RAW[,5MIN[,HOUR]]\n"
    "                      keep reports, 5-minute and hourly roll-ups for so long\n"
    "                      (24h,30d,400d; less above 300 nodes)\n"
    "  --window TIME       how far back the matrix reaches (5m)\n"
    "  --overlay-only      answer GET to nodes of the mesh alone\n"
    "  --metrics-pairs N   a series for each pair in /metrics up to so many (2500)\n"
    "  --check             look at the whole database, tell, and exit\n"
    "  -v, --verbose       say more\n"
    "      --version, --help\n";

enum {
	OPT_MESH = 256,
	OPT_DB,
	OPT_LISTEN,
	OPT_DEVICE,
	OPT_KEEP,
	OPT_WINDOW,
	OPT_OVERLAY_ONLY,
	OPT_METRICS_PAIRS,
	OPT_CHECK,
	OPT_VERSION,
	OPT_HELP
};

static const struct option longopts[] = {
	{ "mesh", required_argument, NULL, OPT_MESH },
	{ "db", required_argument, NULL, OPT_DB },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "keep", required_argument, NULL, OPT_KEEP },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "overlay-only", no_argument, NULL, OPT_OVERLAY_ONLY },
	{ "metrics-pairs", required_argument, NULL, OPT_METRICS_PAIRS },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* systemd lists the folders of StateDirectory= with colons; the first is ours. */
static char *
default_db(void)
{
	const char *state = getenv("STATE_DIRECTORY");
	char *path = NULL;

	if (!state || !*state)
		state = DEFAULT_STATE;
	if (asprintf(&path, "%.*s/collector.db", (int)strcspn(state, ":"), state) < 0)
		log_die("out of memory");
	return path;
}

static enum options_result
wrong(const char *what, const char *value, const char *want)
{
	log_warnx("%s %s: %s", what, value, want);
	return OPTIONS_USAGE;
}

/* One to three times with commas between. */
static int
parse_keep(const char *text, struct upkeep_keep *keep)
{
	char one[24];

	*keep = (struct upkeep_keep){ { 0 } };
	for (int tier = 0; tier < STORE_TIERS; tier++) {
		size_t n = strcspn(text, ",");

		if (n >= sizeof(one))
			return -EINVAL;
		(void)snprintf(one, sizeof(one), "%.*s", (int)n, text); /* fits */
		if (num_duration(one, &keep->ns[tier]) < 0 ||
		    (tier > 0 && keep->ns[tier] < keep->ns[tier - 1]))
			return -EINVAL;
		text += n;
		if (!*text)
			return 0;
		text++;
	}
	return -EINVAL;
}

void
options_keep(const struct options *o, size_t n_nodes, struct upkeep_keep *keep)
{
	*keep = upkeep_default(n_nodes);
	for (int tier = 0; tier < STORE_TIERS; tier++) {
		if (o->keep.ns[tier] > 0)
			keep->ns[tier] = o->keep.ns[tier];
		/* Reports kept for long keep what is made of them. */
		if (tier > 0 && keep->ns[tier] < keep->ns[tier - 1])
			keep->ns[tier] = keep->ns[tier - 1];
	}
}

static enum options_result
take(struct options *o, int option)
{
	switch (option) {
	case OPT_MESH:
		o->mesh = optarg;
		return OPTIONS_RUN;
	case OPT_DB:
		free(o->db);
		o->db = mem_strdup(optarg);
		return OPTIONS_RUN;
	case OPT_LISTEN:
		o->listen = optarg;
		return OPTIONS_RUN;
	case OPT_DEVICE:
		o->device = optarg;
		if (!*optarg || strlen(optarg) >= IF_NAMESIZE)
			return wrong("--device", optarg,
			    "not the name of an interface");
		return OPTIONS_RUN;
	case OPT_KEEP:
		if (parse_keep(optarg, &o->keep) < 0)
			return wrong("--keep", optarg,
			    "give times such as 24h or 24h,30d,400d, none shorter than "
			    "the one before");
		return OPTIONS_RUN;
	case OPT_WINDOW:
		if (num_duration(optarg, &o->window_ns) < 0 ||
		    o->window_ns < WINDOW_MIN_NS || o->window_ns > WINDOW_MAX_NS)
			return wrong("--window", optarg, "give a time from 10s to 1h");
		return OPTIONS_RUN;
	case OPT_OVERLAY_ONLY:
		o->overlay_only = true;
		return OPTIONS_RUN;
	case OPT_METRICS_PAIRS:
		if (num_u32(optarg, 0, METRICS_PAIRS_MAX, &o->metrics_pairs) < 0)
			return wrong("--metrics-pairs", optarg, "give a number");
		return OPTIONS_RUN;
	case OPT_CHECK:
		o->check = true;
		return OPTIONS_RUN;
	case 'v':
		o->verbose = true;
		return OPTIONS_RUN;
	case OPT_VERSION:
		printf("meshopt-collector %s\n", MESHOPT_VERSION);
		return OPTIONS_DONE;
	case OPT_HELP:
		fputs(usage, stdout);
		return OPTIONS_DONE;
	default: /* getopt has named the option */
		fputs("meshopt-collector: --help lists the options\n", stderr);
		return OPTIONS_USAGE;
	}
}

enum options_result
options_parse(struct options *o, int argc, char **argv)
{
	enum options_result r = OPTIONS_RUN;
	struct endpoint ep;
	int option;

	*o = (struct options){
		.mesh = MESH_DEFAULT_PATH,
		.window_ns = DEFAULT_WINDOW_NS,
		.metrics_pairs = DEFAULT_METRICS_PAIRS,
	};
	while (
	    r == OPTIONS_RUN && (option = opts_next(argc, argv, "v", longopts)) != -1)
		r = take(o, option);
	if (r != OPTIONS_RUN)
		return r;
	if (optind < argc)
		return wrong("argument", argv[optind], "there is none, see --help");
	if (o->keep.ns[STORE_RAW] > 0 && o->keep.ns[STORE_RAW] < o->window_ns)
		return wrong("--keep", "shorter than --window",
		    "a restart could not refill the matrix");
	if (o->listen && (endpoint_parse(o->listen, &ep) < 0 || ep.addr.family == 0))
		return wrong("--listen", o->listen,
		    "give ADDR:PORT such as 10.50.0.1:8650 or [fd00::1]:8650");
	if (!o->db)
		o->db = default_db();
	return OPTIONS_RUN;
}

void
options_fini(struct options *o)
{
	free(o->db);
	o->db = NULL;
}

/* "http://10.50.0.1:8650": this program serves it if it is plain and an address. */
static int
from_url(const struct mesh *mesh, struct endpoint *ep, struct err *err)
{
	static const char scheme[] = "http://";
	char text[MESH_COLLECTOR_MAX + 8];
	const char *host = mesh->collector + strlen(scheme);
	bool ok = strncmp(mesh->collector, scheme, strlen(scheme)) == 0;

	if (!*mesh->collector)
		return err_set(err,
		    "mesh %s has no Collector: add Collector = http://ADDR:PORT to its "
		    "[Mesh], or give --listen ADDR:PORT",
		    mesh->name);
	if (ok && endpoint_parse(host, ep) < 0) {
		(void)snprintf(text, sizeof(text), "%s:%d", host, HTTP_PORT); /* fits */
		ok = endpoint_parse(text, ep) == 0;
	}
	if (!ok || ep->addr.family == 0)
		return err_set(err,
		    "Collector = %s of mesh %s is not http://ADDR:PORT: give --listen "
		    "ADDR:PORT",
		    mesh->collector, mesh->name);
	return 0;
}

int
options_listen(const struct options *o, const struct mesh *mesh, struct endpoint *ep,
    const char **device, struct err *err)
{
	*device = o->device;
	if (o->listen)
		return endpoint_parse(o->listen, ep); /* was tried by options_parse() */
	if (!o->device && if_nametoindex(mesh->interface) > 0)
		*device = mesh->interface;
	return from_url(mesh, ep, err);
}
