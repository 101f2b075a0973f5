/* SPDX-License-Identifier: MIT */
/*
 * A plan: which pairs get a direct tunnel and by which path each pair goes.  It says
 * (pair, path) and nothing of keys, endpoints or prefixes: those are the roster's.
 */
#ifndef OPTIMIZER_DECIDE_PLAN_H
#define OPTIMIZER_DECIDE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/mesh.h"

#define PLAN_UNKNOWN   INT64_C(-1) /* an RTT that nobody has measured */
#define PLAN_NO_BUDGET UINT32_MAX

enum plan_state { PLAN_ADD, PLAN_KEEP, PLAN_DROP };
enum plan_path { PLAN_HUB, PLAN_DIRECT, PLAN_RELAY };

/* a, b and via are indices into names. */
struct plan_tunnel {
	uint32_t a, b;
	enum plan_state state;
	int64_t hub_us, direct_us; /* RTT; PLAN_UNKNOWN possible for a drop */
	int64_t saves_us;	   /* hub - direct */
	int64_t value;		   /* saves_us x weight */
};

struct plan_route {
	uint32_t a, b;
	enum plan_path path;
	uint32_t via;	/* PLAN_RELAY only */
	int64_t us;	/* RTT by this path, PLAN_UNKNOWN if not known */
	int64_t hub_us; /* RTT through the hub, likewise */
};

/* A pair that too few samples kept out, and what the plan may be missing by it. */
struct plan_need {
	uint32_t a, b;
	uint32_t samples; /* more of them, on the thinner of its two paths */
	int64_t could;	  /* us x weight */
};

struct plan {
	char mesh[MESH_NAME_MAX];
	char objective[16]; /* "mean" */
	uint32_t budget;    /* direct tunnels at most; PLAN_NO_BUDGET */
	int64_t value;	    /* us x weight saved against the hub */
	int64_t bound;	    /* no plan within the budget saves more */
	int64_t hub_sum;    /* us x weight of all pairs with a known hub RTT ... */
	int64_t weight_sum; /* ... and their weight: means are quotients of these */
	int64_t next_value; /* what a budget larger by one would add */
	size_t pairs;	    /* pairs considered */
	size_t unmeasured;  /* of those, without hub or direct RTT */
	size_t unreachable; /* of those, no candidate: neither end has an endpoint */
	char (*names)[MESH_NAME_MAX]; /* owned, in the order of the alphabet */
	size_t n_names;
	struct plan_tunnel *tunnels; /* owned, by falling value, drops last */
	size_t n_tunnels;
	struct plan_route *routes; /* owned, one a pair, by (a, b) */
	size_t n_routes;
	struct plan_need *needs; /* owned, the most worth first */
	size_t n_needs;
};

void plan_free(struct plan *plan);

#endif
