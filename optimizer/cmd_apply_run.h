/* SPDX-License-Identifier: MIT */
/*
 * The agent's core and netd once, in the foreground: until each pair is as wished or
 * has failed with its verdict, or the wait is over.
 */
#ifndef OPTIMIZER_CMD_APPLY_RUN_H
#define OPTIMIZER_CMD_APPLY_RUN_H

#include "common/err.h"
#include "common/mesh.h"
#include "optimizer/agent/way.h"

/* All borrowed. */
struct apply_run {
	const char *mesh_path, *node; /* as netd is to read them; node NULL = found */
	const struct mesh *mesh;
	size_t self;
	struct way_wish *wishes; /* one a node; those of no pair have leave set */
	int64_t wait_ns;	 /* for a handshake */
};

/* What became of a node's wish. */
struct apply_outcome {
	bool over;
	bool changed;	/* by this run */
	int64_t rtt_us; /* in the tunnel, or -1 */
	struct err why; /* not as wished; "" = it is */
};

/*
 * out: one a node, zeroed.  Words on the way go to the log.  0, or -errno with err when
 * it ended before the pairs did; out tells how far it came, even then.
 */
int cmd_apply_run(const struct apply_run *run, struct apply_outcome *out,
    struct err *err);

#endif
