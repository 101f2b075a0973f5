/* SPDX-License-Identifier: MIT */
/*
 * DNS names of endpoints, looked up without blocking and again every few minutes.  A
 * name that cannot be found any more keeps its last address: DNS is down more often
 * than a host moves.
 */
#ifndef COMMON_NAMES_H
#define COMMON_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/clock.h"

struct names;

struct names *names_new(void);
/* What is being looked up goes on behind us; it takes no more than its memory. */
void names_free(struct names *n);

/* The names of interest from now on, each to be looked up at once; copied. */
void names_want(struct names *n, const char *const *hosts, size_t count);

/* Collect what has been found, start what is due: to be called each second or so.  True
 * if an address is new. */
bool names_poll(struct names *n, struct mono now);

/* False: not known, yet. */
bool names_find(const struct names *n, const char *host, struct addr *out);

#endif
