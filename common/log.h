/* SPDX-License-Identifier: MIT */
/*
 * Words for a person, on stderr: "meshopt-prober: nrt: send: Network is unreachable".
 * Lower case, no full stop.  Under systemd each line carries its level ("<4>...").
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>

#define LOG_PRINTF __attribute__((format(printf, 1, 2)))

/*
 * First thing in main().  name: kept by reference, normally the program's name. verbose
 * turns debug lines on.  Standard descriptors that are closed are held open, so that no
 * file or socket gets their numbers.
 */
void log_init(const char *name, bool verbose);

/*
 * For a loop that must not stand still: from now on a line that stderr has no room for
 * at once is lost, and the next one that fits says how many were.
 */
void log_no_wait(void);

void log_warn(const char *fmt, ...) LOG_PRINTF;	 /* adds ": " and strerror(errno) */
void log_warnx(const char *fmt, ...) LOG_PRINTF; /* a fault without an errno */
void log_info(const char *fmt, ...) LOG_PRINTF;	 /* a change of state */
void log_debug(const char *fmt, ...) LOG_PRINTF; /* only when verbose */

/* Say it and leave with status 1.  At start-up only, never from a running loop. */
void log_die(const char *fmt, ...) LOG_PRINTF __attribute__((noreturn));

#endif
