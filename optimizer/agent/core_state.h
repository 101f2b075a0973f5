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
	bool reflected;	  /* this node has the hub as a peer that shows where it is */
	bool hub_foreign; /* ... which is its operator's: told once */
	struct mono reflect_at;
	bool asking;
	struct core_ask asked;
	enum way_act act; /* that was asked */
	/* Probes of this moment: those of the beat, then those of tests. */
	size_t cursor;
	bool beat_due, hub_due;
	bool has_sent; /* a probe, and the first was ... */
	uint64_t first_seq;
	struct mono now; /* of the last tick */
	struct core_event events[CORE_EVENTS_MAX];
	size_t first_event, n_events;
};

static inline bool
core_state_is_way(const struct core *c, size_t i)
{
	return i != c->opts.self && i != c->opts.mesh->hub;
}

/* --- core_nat.c --- */

void core_nat_init(struct core *c, size_t node);
/* After a look.  At the hub: is a node seen elsewhere?  True: at is news to tell. */
bool core_nat_saw(struct core *c, size_t node, const struct way_seen *seen,
    char at[ENDPOINT_TEXT_MAX]);
/* Is a peer missing by which the hub sees a node behind NAT?  As core_ask(). */
bool core_nat_ask(struct core *c, struct core_ask *out, struct mono now);
void core_nat_told(struct core *c, int rc, struct mono now);

/* What is true for this way now. */
struct way_view core_state_view(const struct core *c, const struct way *w,
    struct mono now);

#endif
