/* SPDX-License-Identifier: MIT */
/*
 * What this node's agent does, for people: the file that `meshopt status` reads.
 * meshopt-agent(8) describes it.
 */
#ifndef OPTIMIZER_AGENT_STATUS_JSON_H
#define OPTIMIZER_AGENT_STATUS_JSON_H

#include "common/clock.h"
#include "optimizer/agent/core.h"
#include "optimizer/agent/follow.h"
#include "optimizer/netd/netd.h"

/* All borrowed. */
struct status_json {
	const struct mesh *mesh;
	size_t self;
	const struct core *core;
	const struct follow *follow;
	const struct netd_self *netd;
	const char *plan_text; /* why the newest plan is not followed; "" = it is */
	const char *collector; /* why it does not answer; "" = it does */
	bool fresh;	       /* changes may begin */
	struct wall now, started;
	struct mono mono;
};

/* A new string with a line feed at its end, for free(). */
char *status_json(const struct status_json *s);

#endif
