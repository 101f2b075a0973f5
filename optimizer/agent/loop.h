/* SPDX-License-Identifier: MIT */
/*
 * The unprivileged half of meshopt-agent: one libev loop over netd's socket, the
 * probes, the collector and the signals.
 */
#ifndef OPTIMIZER_AGENT_LOOP_H
#define OPTIMIZER_AGENT_LOOP_H

#include "common/err.h"
#include "optimizer/agent/work.h"

struct loop_opts {
	struct work_opts work; /* its mesh belongs to the loop from loop_new() on */
	const char *collector; /* base URL */
	const char *run_dir;
	double start_s; /* pause before the first request for a plan */
};

struct loop;

int loop_new(const struct loop_opts *opts, struct loop **out, struct err *err);
void loop_free(struct loop *l);

/* Until SIGTERM or SIGINT: 0; or until netd is gone: -EPIPE. */
int loop_run(struct loop *l);

#endif
