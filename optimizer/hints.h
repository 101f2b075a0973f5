/* SPDX-License-Identifier: MIT */
/*
 * Where nodes behind NAT are, as the hub's agent saw them last: what makes a tunnel
 * between two of them possible, and what the agents at its ends are told.  Pure.
 */
#ifndef OPTIMIZER_HINTS_H
#define OPTIMIZER_HINTS_H

#include "common/addr.h"
#include "common/clock.h"
#include "optimizer/decide/instance.h"
#include "optimizer/decide/plan.h"

struct hint {
	char node[MESH_NAME_MAX];
	struct addr addr;
	uint16_t port;
	struct wall at;
};

struct hints {
	struct hint *hint; /* owned */
	size_t n;
};

/* The newest of a node stands; text is ADDRESS:PORT, and anything else is left out. */
void hints_learn(struct hints *hints, const char *node, const char *text,
    struct wall at);

/* Those of the plan in force that nothing newer is known of: only changes are told. */
void hints_carry(struct hints *hints, const struct plan *present);

/* Pairs and tunnels between two nodes with a hint can be reached. */
void hints_reach(const struct hints *hints, struct instance *in);

/* Into the issue of the plan, for the nodes that it names. */
void hints_write(const struct hints *hints, struct plan *plan);

void hints_fini(struct hints *hints);

#endif
