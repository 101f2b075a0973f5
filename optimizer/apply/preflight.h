/* SPDX-License-Identifier: MIT */
/*
 * May this node switch at all?  Everything that is known to lose packets later is
 * looked for before the first change.  Nothing is repaired here: a fault says what to
 * do.
 */
#ifndef OPTIMIZER_APPLY_PREFLIGHT_H
#define OPTIMIZER_APPLY_PREFLIGHT_H

#include "optimizer/apply/state.h"

/* All borrowed. */
struct preflight {
	const struct mesh *mesh;
	size_t self;
	const struct state *state;
	void (*report)(const char *fault, void *ctx); /* once a fault */
	void *ctx;
};

/* All return how many faults there were, the gravest first. */

/* Is this machine fit, and with `direct` fit to have a direct interface? */
size_t preflight_host(const struct preflight *p, bool direct);

/* Of a fit machine: may this node leave the hub, or with !direct come back to it? */
size_t preflight_pair(const struct preflight *p, size_t node, bool direct);

/*
 * Of a fit machine: would peers take a new handshake of its?  Not asked of a path that
 * stands, or is to stand in for the hub: it may be the one that still has a session.
 */
size_t preflight_clock(const struct preflight *p);

/* Would it carry others' packets as the relay that it may be?  Its own go without. */
size_t preflight_relay(const struct preflight *p);

#endif
