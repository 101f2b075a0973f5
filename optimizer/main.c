/* SPDX-License-Identifier: MIT */
/*
 * meshopt VERB: a table of verbs, and for the daemons the programs beside this one.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/version.h"
#include "optimizer/cmd.h"

static const struct verb verbs[] = {
	{ "lint", cmd_lint, "judge the mesh file" },
	{ "import", cmd_import, "make a mesh file of what a fleet runs already" },
	{ "config", cmd_config, "write a node's WireGuard files" },
	{ "address", cmd_address, "find a free overlay address in a region" },
	{ "rotate", cmd_rotate, "give a node a new key, step by step" },
	{ "keygen", cmd_keygen, "make private keys" },
	{ "plan", cmd_plan, "decide which pairs get a direct tunnel within a budget" },
	{ "verify", cmd_verify, "recompute a plan's value, bound and routes" },
	{ "report", cmd_report, "latency of every pair: now, by the hub, direct" },
	{ "why", cmd_why, "why a pair goes the way it goes, and what would change it" },
	{ "replay", cmd_replay, "run recorded RTTs through a policy" },
	{ "apply", cmd_apply,
	    "carry a plan out on this node; a dry run without --yes" },
	{ "peer", cmd_peer, "list, add and remove peers of the running hub interface" },
	{ "status", cmd_status,
	    "this node's tunnels now, and what differs from the file" },
	{ "doctor", cmd_doctor, "find out what is wrong with this node's tunnels" },
	{ "ping", cmd_ping, "probe peers now, by overlay and public address" },
	{ "prober", NULL, "measure this node's peers, as a daemon" },
	{ "freeze", cmd_freeze, "change no path of this node until told otherwise" },
	{ "panic", cmd_panic, "take every direct route of this node back, and freeze" },
	{ "agent", NULL, "follow the published plan on this node, as a daemon" },
	{ "collector", NULL, "collect what the probers measure, as a daemon" },
};

static void
usage(FILE *out)
{
	fprintf(out, "usage: meshopt VERB [OPTION...]\n\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	fprintf(out, "\n`meshopt VERB --help` says more; meshopt(1) says all.\n");
}

/*
 * The program beside this one, so that a tree that is not installed works, or in the
 * sbin beside its bin, which an ordinary user's PATH lacks; else PATH.
 */
static int
run_program(const char *verb, char **argv)
{
	char self[PATH_MAX] = "meshopt", path[PATH_MAX + 48], name[32];
	const char *dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)snprintf(name, sizeof(name), "meshopt-%s", verb); /* verbs are short */
	argv[0] = name;
	if (n > 0) {
		self[n] = '\0';
		dir = dirname(self); /* cuts self */
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
		(void)execv(path, argv); /* returns only on failure: try the next */
		(void)snprintf(path, sizeof(path), "%s/../sbin/%s", dir, name);
		(void)execv(path, argv);
	}
	(void)execvp(name, argv);
	log_warnx("%s: %s; is it installed beside %s?", name, strerror(errno), self);
	return EXIT_FAILED;
}

static int
run(int argc, char **argv)
{
	const struct completion completion = { verbs, sizeof(verbs) / sizeof(verbs[0]),
		run };
	const char *verb = argc > 1 ? argv[1] : "--help";

	if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0 ||
	    strcmp(verb, "-h") == 0) {
		usage(argc > 1 ? stdout : stderr);
		return argc > 1 ? EXIT_DONE : EXIT_USAGE;
	}
	if (strcmp(verb, "--version") == 0 || strcmp(verb, "-V") == 0) {
		printf("meshopt %s\n", MESHOPT_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(verb, "completion") == 0) /* no verb for a human being */
		return cmd_completion(&completion, argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verb, verbs[i].name))
			continue;
		return verbs[i].run ? verbs[i].run(argc - 1, argv + 1)
				    : run_program(verb, argv + 1);
	}
	log_warnx("%s is not a verb; `meshopt --help` lists them", verb);
	return EXIT_USAGE;
}

/* Data that did not arrive, on a full disk say, is a failure whatever the verb did. */
int
main(int argc, char **argv)
{
	int status;

	log_init("meshopt", false);
	status = run(argc, argv);
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_warnx("standard output: %s; not all of the answer was written",
	    errno ? strerror(errno) : "a write failed");
	return EXIT_FAILED;
}
