/* SPDX-License-Identifier: MIT */
/*
 * What the unprivileged half does when something comes: from the plan to the core, from
 * the core to netd, to the probes and to the log.  It knows no event loop; loop.c
 * calls.
 */
#ifndef OPTIMIZER_AGENT_WORK_H
#define OPTIMIZER_AGENT_WORK_H

#include "optimizer/agent/event_json.h"
#include "optimizer/agent/part.h"
#include "optimizer/agent/status_json.h"

/* All borrowed but mesh, which the work owns and replaces. */
struct work_opts {
	struct mesh *mesh;
	size_t self;
	const char *mesh_path, *node; /* for the next reading of it */
	bool own_collector;	      /* not the one of the mesh file */
	const char *state_dir;
	const struct part *part;
	void (*kick)(void *ctx); /* there are events to bring to the collector */
	void *ctx;
};

struct work;

struct work *work_new(const struct work_opts *opts);
void work_free(struct work *w);

/*
 * Everything that can be done now; *wake is when to call again at the latest.  0, or
 * -EPIPE: netd is gone, or has another mesh file for good.
 */
int work_turn(struct work *w, struct mono *wake);

/* Its socket has something to read.  0 or -EPIPE; a turn is due. */
int work_netd(struct work *w);

/* A plan as it came.  True if it is followed. */
bool work_plan(struct work *w, const void *bytes, size_t len);

/* Read the mesh file again, as soon as that can be. */
void work_reload(struct work *w);

/* What operators changed by hand is the plan's again. */
void work_adopt(struct work *w);

/* netd has answered, so that this node is looked after. */
bool work_is_ready(const struct work *w);

struct event_json *work_events(struct work *w);

/* Fills in all but collector. */
void work_status(struct work *w, struct status_json *out);

#endif
