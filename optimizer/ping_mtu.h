/* SPDX-License-Identifier: MIT */
/*
 * The largest packet that goes to a target and back unfragmented: a bisection with ICMP
 * echo and DF, all targets side by side.
 */
#ifndef OPTIMIZER_PING_MTU_H
#define OPTIMIZER_PING_MTU_H

#include "optimizer/ping_run.h"

/* Fills in mtu of the targets that have answered by ICMP.  0, or -errno and err. */
int ping_mtu(const struct ping_opts *opts, struct ping_target *targets, size_t n,
    struct err *err);

#endif
