/* SPDX-License-Identifier: MIT */
/*
 * getopt_long(), but for one hidden option: `PROGRAM --list-options`, and nothing else
 * on the line, prints the table itself and leaves.  Completion asks for it, so that
 * there is no second list of what a program or a verb takes.
 */
#ifndef COMMON_OPTS_H
#define COMMON_OPTS_H

#include <getopt.h>

#define OPTS_LIST "--list-options"

/*
 * The next option, as getopt_long() returns it.  The list has a line for each option,
 * `--name`, or `--name=` if it must have a value.
 */
int opts_next(int argc, char **argv, const char *shorts, const struct option *longs);

#endif
