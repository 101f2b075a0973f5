/* SPDX-License-Identifier: MIT */
/*
 * The difference between what the kernel has and what the goals want, as a list of
 * single changes; empty when all is right.  Pure: the same lists are printed by a dry
 * run, carried out by a run, and must be empty when the kernel is read back.
 */
#ifndef OPTIMIZER_APPLY_STEPS_H
#define OPTIMIZER_APPLY_STEPS_H

#include "optimizer/apply/goals.h"
#include "optimizer/apply/state.h"

#define STEPS_TEXT_MAX	  1024
#define STEPS_KEEPALIVE_S 25 /* s; NAT forgets UDP after 30 s of silence */

enum step_kind {
	STEP_LINK,   /* make the direct interface */
	STEP_KEY,    /* give it key and port */
	STEP_UP,     /* set it up */
	STEP_ADDR,   /* add an address to it */
	STEP_DEMOTE, /* delete a route of ours: the pair goes by the hub */
	STEP_DROP,   /* the same for a pair that will be direct, whose tunnel is dead */
	STEP_PEER,   /* add or complete a peer */
	STEP_ROUTE   /* add a route, once the tunnel is verified */
};

#define STEPS_NODE SIZE_MAX /* the goal of a step for the node as a whole */

struct step {
	enum step_kind kind;
	size_t goal;
	struct prefix prefix;		  /* STEP_ADDR */
	uint32_t mtu;			  /* STEP_LINK */
	struct kernel_route route;	  /* STEP_DEMOTE, STEP_DROP, STEP_ROUTE */
	struct kernel_peer_change change; /* STEP_PEER; its allowed is owned here */
	bool fresh;			  /* STEP_PEER: not there yet */
};

/* A pair that cannot be done, and why. */
struct refusal {
	size_t goal;
	char text[512];
};

struct steps {
	struct step *step; /* owned; node, then DEMOTE, then the pairs */
	size_t n;
	struct refusal *refusal; /* owned */
	size_t n_refusals;
	struct kernel_route *orphan; /* owned: routes of ours that no goal speaks of */
	size_t n_orphans;
};

void steps_make(const struct goals *goals, const struct state *state,
    struct steps *out);

/* All routes of ours, and nothing else; goal is STEPS_NODE in each. */
void steps_undo(const struct state *state, struct steps *out);
void steps_fini(struct steps *steps);

/* Why this pair cannot be done, or NULL. */
const char *steps_refused(const struct steps *steps, size_t goal);

/* How many steps there are of this kind for this goal. */
size_t steps_count(const struct steps *steps, enum step_kind kind, size_t goal);

/* Does this peer have a session, by the age of its latest handshake? */
bool steps_alive(const struct kernel_peer *peer, struct wall now);

/* "nrt: add route 10.50.4.1/32 dev wgd0 src 10.50.5.1". */
void steps_text(const struct goals *goals, const struct step *step,
    char text[STEPS_TEXT_MAX]);

#endif
