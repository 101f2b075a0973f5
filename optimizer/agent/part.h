/* SPDX-License-Identifier: MIT */
/*
 * Where the two halves part: the child is netd, which keeps CAP_NET_ADMIN and speaks to
 * the kernel; this process goes on without any capability.  What needs one is opened
 * before: the sockets of the probes, and the one that opens NATs.
 */
#ifndef OPTIMIZER_AGENT_PART_H
#define OPTIMIZER_AGENT_PART_H

#include <sys/types.h>

#include "common/pinger.h"
#include "optimizer/netd/serve.h"

struct part {
	struct pinger *pinger;
	int punch_fd; /* of punch.h; -1 = none */
	int word_fd;  /* of word.h; likewise */
	int netd_fd;  /* to netd, not blocking; -1 = not parted */
	pid_t netd;
};

/* mesh, self: only a node behind NAT opens NATs; in place the ends need words. */
int part_open(struct part *p, const struct mesh *mesh, size_t self, struct err *err);

/* netd->fd is filled in.  In the child this does not return. */
int part_split(struct part *p, struct serve_opts *netd, struct err *err);

/* netd leaves when its socket is closed, and has left when this returns. */
void part_close(struct part *p);

#endif
