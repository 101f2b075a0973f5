/* SPDX-License-Identifier: MIT */
/*
 * To and from the collector: asks for a plan, and again as soon as there is another
 * one; brings it what happened here.  When the collector is away nothing changes.
 */
#ifndef OPTIMIZER_AGENT_UPLINK_H
#define OPTIMIZER_AGENT_UPLINK_H

#include <ev.h>

#include "common/err.h"
#include "optimizer/agent/event_json.h"

#define UPLINK_RETRY_S 5.

struct uplink;

struct uplink_opts {
	const char *collector;	   /* base URL without a slash at its end; copied */
	struct event_json *events; /* borrowed */
	double start_s;		   /* pause before the first request */
	double retry_s;		   /* after a failure, and up to twice as long */
	/* A plan as it came.  False: not followed, ask for it again in a while. */
	bool (*plan)(const void *bytes, size_t len, void *ctx);
	void *ctx;
};

int uplink_new(struct ev_loop *loop, const struct uplink_opts *opts,
    struct uplink **out, struct err *err);
void uplink_free(struct uplink *u);

/* There are events to bring. */
void uplink_kick(struct uplink *u);
/* Ask for the plan again, even the same. */
void uplink_again(struct uplink *u);

/* Why the collector does not answer; "" = it does. */
const char *uplink_trouble(const struct uplink *u);

#endif
