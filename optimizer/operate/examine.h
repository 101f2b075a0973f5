/* SPDX-License-Identifier: MIT */
/*
 * Collecting the facts for the doctor: reads the kernel, probes every node of the mesh,
 * and looks closer at those that keep silent.  It changes nothing.
 */
#ifndef OPTIMIZER_OPERATE_EXAMINE_H
#define OPTIMIZER_OPERATE_EXAMINE_H

#include <signal.h>

#include "optimizer/operate/doctor.h"

struct examine_opts {
	int64_t wait_ns; /* for a handshake that was asked for */
	volatile sig_atomic_t *stop;
};

struct examine {
	struct state state;
	struct doctor_facts facts;
	char forward_why[200];
};

/* Clear with examine_fini() in any case. */
int examine_run(struct kernel *k, const struct mesh *mesh, size_t self,
    const struct examine_opts *opts, struct examine *out, struct err *err);
void examine_fini(struct examine *e);

#endif
