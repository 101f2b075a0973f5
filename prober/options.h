/* SPDX-License-Identifier: MIT */
/*
 * The command line of meshopt-prober(8).
 */
#ifndef PROBER_OPTIONS_H
#define PROBER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

struct options {
	const char *mesh_path;
	const char *node;      /* NULL: found by this machine's addresses */
	const char *collector; /* NULL: from the mesh file */
	int64_t period_ns, interval_ns, timeout_ns;
	const char *spool;	 /* directory; NULL: memory */
	const char *stamp_key;	 /* file; NULL: STAMP without authentication */
	struct endpoint metrics; /* where to listen; family 0 = nowhere */
	struct addr source;	 /* of probes to public addresses; family 0 = any */
	unsigned source_ifindex; /* or the interface that they leave by; 0 = any */
	bool verbose;
};

/* Fills in the defaults, too.  Ends the program after --help and on a mistake. */
void options_read(struct options *c, int argc, char **argv);

#endif
