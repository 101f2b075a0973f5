/* SPDX-License-Identifier: MIT */
/*
 * The verbs of meshopt, one file each.  argv[0] is the verb; the value returned is the
 * exit status.
 */
#ifndef OPTIMIZER_CMD_H
#define OPTIMIZER_CMD_H

#include <stddef.h>

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PENDING = 3, /* changes pending, with --exit-code */
	EXIT_PARTIAL = 4, /* partly done, or answered from stale figures */
};

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: the program meshopt-NAME */
	const char *help;
};

/* All that completion has to know; run() is meshopt itself. */
struct completion {
	const struct verb *verbs;
	size_t n_verbs;
	int (*run)(int argc, char **argv);
};

int cmd_address(int argc, char **argv);
int cmd_apply(int argc, char **argv);
int cmd_completion(const struct completion *c, int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_freeze(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_panic(int argc, char **argv);
int cmd_peer(int argc, char **argv);
int cmd_ping(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_rotate(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_why(int argc, char **argv);

#endif
