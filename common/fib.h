/* SPDX-License-Identifier: MIT */
/*
 * Which way would the kernel send?  One rtnetlink route lookup (RTM_GETROUTE).
 */
#ifndef COMMON_FIB_H
#define COMMON_FIB_H

#include "common/addr.h"

struct fib;

/* Needs no capability.  0 or -errno. */
int fib_open(struct fib **out);
void fib_close(struct fib *fib);

/*
 * The interface that a packet to addr leaves by now.  0, or -errno: -ENETUNREACH when
 * there is no route.
 */
int fib_lookup(struct fib *fib, const struct addr *addr, unsigned *ifindex);

#endif
