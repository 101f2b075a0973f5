/* SPDX-License-Identifier: MIT */
/*
 * The options of a command line.  Invariant: what completion is told and what is parsed
 * come from the same table, as there is only one call that takes it.
 */
#include "common/opts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
opts_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
	if (argc != 2 || strcmp(argv[1], OPTS_LIST) != 0)
		return getopt_long(argc, argv, shorts, longs, NULL);
	for (; longs->name; longs++)
		printf("--%s%s\n", longs->name,
		    longs->has_arg == required_argument ? "=" : "");
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
