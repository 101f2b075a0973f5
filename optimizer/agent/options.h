/* SPDX-License-Identifier: MIT */
/*
 * The command line of meshopt-agent.
 */
#ifndef OPTIMIZER_AGENT_OPTIONS_H
#define OPTIMIZER_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	const char *mesh_path;
	const char *node;      /* NULL = by this machine's addresses */
	const char *collector; /* NULL = as the mesh file says */
	const char *state_dir, *run_dir, *freeze;
	uint32_t burst;	   /* path changes at once, and ... 0 = netd's default */
	int64_t window_ns; /* ... in this time; 0 likewise */
	uint64_t force;	   /* an epoch to allow, and nothing else to do; 0 = none */
	bool verbose;
};

/* Does not return when there is a fault in them, or only help to give. */
void options_read(struct options *o, int argc, char **argv);

#endif
