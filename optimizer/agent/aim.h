/* SPDX-License-Identifier: MIT */
/*
 * Where the core's probes go: by which interface, from and to which address.
 */
#ifndef OPTIMIZER_AGENT_AIM_H
#define OPTIMIZER_AGENT_AIM_H

#include "common/pinger.h"
#include "optimizer/agent/core.h"

struct aim {
	const struct mesh *mesh; /* borrowed */
	size_t self;
	unsigned hub, direct; /* indices of the interfaces; 0 = absent */
	size_t full_bytes;    /* payload that fills a packet by IPv6 */
};

/* Interfaces come and go: look again. */
void aim_look(struct aim *aim);

/* 0 and *seq, or -errno. */
int aim_send(const struct aim *aim, struct pinger *pinger,
    const struct core_probe *probe, struct mono now, uint64_t *seq);

#endif
