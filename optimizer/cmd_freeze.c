/* SPDX-License-Identifier: MIT */
/*
 * meshopt freeze and meshopt panic: two that must work when nothing else does.  Both
 * need no agent, no collector and no plan: the one is a file that netd looks for before
 * every change, the other deletes routes itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mesh.h"
#include "common/opts.h"
#include "optimizer/cmd.h"
#include "optimizer/undo.h"

#define FREEZE_FILE "/etc/meshopt/freeze" /* netd's, too */

struct freeze_opts {
	const char *file, *mesh, *node;
	bool off;
	int status; /* below 0: go on */
};

static const char freeze_usage[] = "usage: meshopt freeze [--off] [--file FILE]\n";
static const char panic_usage[] =
    "usage: meshopt panic [--mesh FILE] [--node NAME] [--file FILE]\n";

static const struct option freeze_longs[] = {
	{ "off", no_argument, NULL, 'o' },
	{ "file", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};
static const struct option panic_longs[] = {
	{ "file", required_argument, NULL, 'f' },
	{ "mesh", required_argument, NULL, 'm' },
	{ "node", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static struct freeze_opts
read_options(int argc, char **argv, const struct option *longs, const char *usage)
{
	struct freeze_opts o = { FREEZE_FILE, MESH_DEFAULT_PATH, NULL, false, -1 };
	int c;

	while (o.status < 0 && (c = opts_next(argc, argv, "h", longs)) != -1) {
		if (c == 'o')
			o.off = true;
		else if (c == 'f')
			o.file = optarg;
		else if (c == 'm')
			o.mesh = optarg;
		else if (c == 'n')
			o.node = optarg;
		else
			o.status = c == 'h' ? EXIT_DONE : EXIT_USAGE;
	}
	if (o.status < 0 && optind < argc)
		o.status = EXIT_USAGE;
	if (o.status >= 0)
		fputs(usage, o.status == EXIT_DONE ? stdout : stderr);
	return o;
}

static int
freeze(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0) {
		log_warn("%s", file);
		return -errno;
	}
	(void)close(fd); /* that it is there is all that counts */
	return 0;
}

int
cmd_freeze(int argc, char **argv)
{
	struct freeze_opts o = read_options(argc, argv, freeze_longs, freeze_usage);

	if (o.status >= 0)
		return o.status;
	if (!o.off) {
		if (freeze(o.file) < 0)
			return EXIT_FAILED;
		printf("frozen: no path of this node is changed but back to the hub; "
		       "`meshopt freeze --off` ends it\n");
		return EXIT_DONE;
	}
	if (unlink(o.file) < 0 && errno != ENOENT) {
		log_warn("%s", o.file);
		return EXIT_FAILED;
	}
	printf("not frozen\n");
	return EXIT_DONE;
}

/* Frozen first: else netd takes the routes for flushed, and mends that. */
int
cmd_panic(int argc, char **argv)
{
	struct freeze_opts o = read_options(argc, argv, panic_longs, panic_usage);
	int status;
	bool frozen;

	if (o.status >= 0)
		return o.status;
	frozen = freeze(o.file) == 0;
	status = undo(&(struct undo){ .mesh = o.mesh, .yes = true });
	if (!frozen)
		log_warnx("not frozen: the agent may make the routes again; stop it");
	return frozen ? status : EXIT_FAILED;
}
