/* SPDX-License-Identifier: MIT */
/*
 * The core at work: its requests to netd, its probes to the network, and their answers
 * back to it.  Knows neither where wishes come from nor who hears of events, nor any
 * event loop: the agent's work.c and `meshopt apply` each have theirs.
 */
#ifndef OPTIMIZER_AGENT_DRIVE_H
#define OPTIMIZER_AGENT_DRIVE_H

#include "common/names.h"
#include "optimizer/agent/aim.h"
#include "optimizer/agent/asker.h"
#include "optimizer/agent/part.h"

struct drive {
	const struct mesh *mesh; /* borrowed, as is part */
	size_t self;
	const struct part *part;
	bool once; /* of struct core_opts */
	struct core *core;
	struct asker asker;
	struct aim aim;
	struct names *names; /* endpoints that are DNS names */
	struct mono greet_at, look_at;
	bool ready; /* netd has answered, so that this node is looked after */
	bool adopt; /* set to have what operators changed given back */
	bool adopting;
	bool stale; /* netd has another mesh file; whoever reads it again clears this */
	/* A name has another address: the wishes are to be handed in anew. */
	void (*moved)(void *ctx);
	void *ctx;
};

/* With mesh, self, part, once, moved and ctx filled in, and all else zero. */
void drive_init(struct drive *d);
void drive_fini(struct drive *d);

/* Another mesh file: the core starts over, and reads the kernel back.  Not while an
 * answer is awaited: it would be taken for one to the new greeting. */
void drive_mesh(struct drive *d, const struct mesh *mesh, size_t self);

/* Endpoints by name are hinted at by what the names say now. */
void drive_want(struct drive *d, struct way_wish *wishes, struct mono fresh_until);

/* Everything that can be done now; what happened is in core_event() afterwards.  0, or
 * -EPIPE: netd is gone. */
int drive_turn(struct drive *d);

/* netd's socket has something to read.  0 or -EPIPE; a turn is due. */
int drive_netd(struct drive *d);

#endif
