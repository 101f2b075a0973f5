/* SPDX-License-Identifier: MIT */
/*
 * What core.c and core_probe.c share; nobody else includes this.
 */
#ifndef OPTIMIZER_AGENT_CORE_STATE_H
#define OPTIMIZER_AGENT_CORE_STATE_H

#include "optimizer/agent/core.h"

struct core {
	struct core_opts opts;
	struct way *ways; /* by index of the roster; self and hub are not used */
	size_t n;
	struct live hub;
	bool hub_silent;
	struct mono hub_back;
	struct core_self self;
	struct mono fresh_until;
	struct mono next_beat, next_look;
	unsigned beat;
	bool asking;
	struct core_ask asked;
	enum way_act act; /* that was asked */
	/* Probes of this moment: those of the beat, then those of tests. */
	size_t cursor;
	bool beat_due, hub_due;
	struct mono now; /* of the last tick */
	struct core_event events[CORE_EVENTS_MAX];
	size_t first_event, n_events;
};

static inline bool
core_state_is_way(const struct core *c, size_t i)
{
	return i != c->opts.self && i != c->opts.mesh->hub;
}

/* What is true for this way now. */
struct way_view core_state_view(const struct core *c, const struct way *w,
    struct mono now);

#endif
