/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mesh.h"
#include "common/num.h"
#include "common/opts.h"
#include "common/version.h"

#define STATE_DIR "/var/lib/meshopt-agent"
#define RUN_DIR	  "/run/meshopt"
#define FREEZE	  "/etc/meshopt/freeze"

static const char usage[] = "usage: meshopt-agent [OPTION...]\n"
			    "       meshopt-agent --force EPOCH\n";
static const char help[] =
    "\n"
    "  --mesh FILE       the mesh file (" MESH_DEFAULT_PATH ")\n"
    "  --node NAME       this node, if its addresses do not tell\n"
    "  --collector URL   instead of the mesh file's\n"
    "  --state DIR       journal and plan ($STATE_DIRECTORY, else " STATE_DIR ")\n"
    "  --run DIR         for agent.json ($RUNTIME_DIRECTORY, else " RUN_DIR ")\n"
    "  --freeze FILE     while it exists nothing is made (" FREEZE ")\n"
    "  --changes N/TIME  switches towards direct paths at most (2/10m)\n"
    "  --force EPOCH     allow the plan of this epoch, however much it changes\n"
    "  -v, --verbose     say more\n"
    "  --version, --help\n"
    "\n"
    "meshopt-agent(8) says more.\n";

static void
usage_error(void)
{
	fputs(usage, stderr);
	exit(2);
}

/* "2/10m" */
static void
take_changes(struct options *o, const char *text)
{
	char count[16];
	size_t n = strcspn(text, "/");

	if (text[n] == '/' && n > 0 && n < sizeof(count)) {
		memcpy(count, text, n);
		count[n] = '\0';
		if (num_u32(count, 1, 1000, &o->burst) == 0 &&
		    num_duration(text + n + 1, &o->window_ns) == 0)
			return;
	}
	log_warnx("--changes %s: not a number and a time such as 2/10m", text);
	usage_error();
}

static void
take_epoch(struct options *o, const char *text)
{
	if (num_u64(text, 1, NUM_U64_MAX, &o->force) == 0)
		return;
	log_warnx("--force %s: not the epoch of a plan", text);
	usage_error();
}

static void
read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "collector", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'r' },
		{ "freeze", required_argument, NULL, 'z' },
		{ "changes", required_argument, NULL, 'C' },
		{ "force", required_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char **texts[] = { ['m'] = &o->mesh_path,
		['n'] = &o->node,
		['c'] = &o->collector,
		['s'] = &o->state_dir,
		['r'] = &o->run_dir,
		['z'] = &o->freeze };
	int option;

	while ((option = opts_next(argc, argv, "vh", longs)) != -1) {
		switch (option) {
		case 'C':
			take_changes(o, optarg);
			break;
		case 'f':
			take_epoch(o, optarg);
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			puts("meshopt-agent " MESHOPT_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			fputs(help, stdout);
			exit(0);
		case '?':
			usage_error();
			break;
		default:
			*texts[option] = optarg;
			break;
		}
	}
	if (optind < argc) {
		log_warnx("%s: this program takes options only", argv[optind]);
		usage_error();
	}
}

/* The first of systemd's directories, or the usual place. */
static const char *
directory(const char *variable, char buf[PATH_MAX], const char *usual)
{
	const char *dirs = getenv(variable);
	size_t n = dirs ? strcspn(dirs, ":") : 0;

	if (n == 0 || n >= PATH_MAX)
		return usual;
	memcpy(buf, dirs, n);
	buf[n] = '\0';
	return buf;
}

void
options_read(struct options *o, int argc, char **argv)
{
	static char state[PATH_MAX], run[PATH_MAX];

	*o = (struct options){ .mesh_path = MESH_DEFAULT_PATH, .freeze = FREEZE };
	read_options(o, argc, argv);
	if (!o->state_dir)
		o->state_dir = directory("STATE_DIRECTORY", state, STATE_DIR);
	if (!o->run_dir)
		o->run_dir = directory("RUNTIME_DIRECTORY", run, RUN_DIR);
}
