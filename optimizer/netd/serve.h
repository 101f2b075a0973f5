/* SPDX-License-Identifier: MIT */
/*
 * The privileged half of meshopt-agent as a process: call serve_run() in the child that
 * is to be netd, and leave with what it returns.
 */
#ifndef OPTIMIZER_NETD_SERVE_H
#define OPTIMIZER_NETD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#define SERVE_JOURNAL "netd.journal" /* in state_dir */
#define SERVE_FREEZE  "/etc/meshopt/freeze"

/* All borrowed. */
struct serve_opts {
	int fd; /* netd's end of the socketpair, SOCK_SEQPACKET */
	const char *mesh_path;
	const char *node; /* which of the mesh we are; NULL = by our addresses */
	/*
	 * For the journal; writable.  NULL: there is none.  The kernel tells at every
	 * start what there is, and who runs once has no limits to remember.
	 */
	const char *state_dir;
	const char
	    *freeze_path; /* while it exists nothing is made; NULL = the default */
	bool verbose;
	uint32_t burst;	   /* path changes at once, and ... 0 = default (2) */
	int64_t window_ns; /* ... in this time; 0 = default (10 min) */
};

/*
 * Drops every capability but CAP_NET_ADMIN, and serves until the other end is closed or
 * SIGTERM arrives: then the routes stay as they are.  Returns an exit status: 0, or 1
 * when it could not start, said on stderr.
 */
int serve_run(const struct serve_opts *opts);

#endif
