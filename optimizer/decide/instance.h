/* SPDX-License-Identifier: MIT */
/*
 * The question: nodes, the pairs that talk, what each would gain from a tunnel of its
 * own, and the limits.  Pure values: no clock, no file, no default taken from
 * elsewhere. Nodes stand in the order of the alphabet, so that the order of the input
 * cannot matter.
 */
#ifndef OPTIMIZER_DECIDE_INSTANCE_H
#define OPTIMIZER_DECIDE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "optimizer/decide/matrix.h"
#include "optimizer/decide/plan.h"

struct node {
	char name[MESH_NAME_MAX];
	enum mesh_role role;
	bool reachable;	      /* has a public endpoint */
	bool relay;	      /* may forward for others */
	uint32_t weight;      /* traffic weight */
	uint32_t max_tunnels; /* MESH_NO_LIMIT */
	int64_t max_load;     /* weight it may relay; 0 = INSTANCE_NO_LOAD */
};

#define INSTANCE_NO_LOAD INT64_C(0) /* so that a zeroed node has no limit */
#define INSTANCE_HOP_US	 200	    /* what one forwarding node costs, measured */

/* What has been measured.  Each may be NULL; all in the order of the nodes. */
struct measured {
	const struct matrix *hub;    /* overlay address, by way of the hub */
	const struct matrix *direct; /* in a direct tunnel: it exists now */
	const struct matrix *public; /* between public addresses */
};

struct pair {
	uint32_t a, b;	/* a < b, indices of nodes */
	int64_t hub_us; /* PLAN_UNKNOWN if neither measured nor the sum of two legs */
	int64_t direct_us; /* PLAN_UNKNOWN if never measured */
	int64_t weight;
	uint32_t cost; /* of its tunnel, in units of the budget */
	enum mesh_pin pin;
	/* What decides: confidence limits of the two, or the figures themselves. */
	int64_t hub_lo_us, direct_hi_us;
	/* What a policy says of it; zero without one. */
	int64_t bias;	/* us x weight: the cost of a change, for or against it */
	bool held;	/* its tunnel stays, where budget and limits let it */
	bool barred;	/* no candidate */
	bool reachable; /* at least one end has an endpoint */
	bool present;	/* has a direct tunnel now */
};

/*
 * A tunnel that could be, between any two nodes but the hub: with relays one is worth
 * something even where its own ends never talk.
 */
struct tunnel {
	uint16_t a, b;	   /* a < b */
	int32_t direct_us; /* MATRIX_UNKNOWN: then it is no candidate */
	uint32_t cost;	   /* in units of the budget */
	bool reachable, present, denied, required;
};

enum goal {
	GOAL_MEAN,     /* us x weight saved */
	GOAL_SLO,      /* weight of the pairs brought to limit_us or below */
	GOAL_QUANTILE, /* us off the weighted quantile_ppm of all pairs */
};

struct instance {
	char mesh[MESH_NAME_MAX]; /* "" without a mesh file */
	uint32_t budget;	  /* PLAN_NO_BUDGET */
	struct node *nodes;	  /* owned */
	size_t n_nodes;
	size_t hub;
	struct pair *pairs; /* owned, by (a, b) */
	size_t n_pairs;
	struct tunnel *tunnels; /* owned, by (a, b); NULL when no node relays */
	size_t n_tunnels;
	enum goal goal;
	int64_t limit_us;      /* GOAL_SLO */
	uint32_t quantile_ppm; /* GOAL_QUANTILE */
	int64_t change_us; /* cost of adding or dropping a tunnel, x mean pair weight */
	int32_t hop_us;	   /* INSTANCE_HOP_US */
};

/* RTTs are below 2^27 us; the most that all weights may be before us x weight
 * overflows. */
#define INSTANCE_WEIGHT_SUM_MAX (INT64_MAX >> 28)

struct instance_opts {
	bool all_pairs;	  /* any two nodes, not only POP with backend */
	const bool *only; /* NULL, or a flag a node: pairs with such an end */
	const struct matrix *weights; /* NULL, or one cell a pair, in node order */
};

/*
 * Fill in pairs from nodes (sorted, one hub at index hub) and measurements.  The mesh,
 * when there is one, brings pins and pair weights; its nodes are found by name.
 * -EOVERFLOW when weights are so large that a sum could leave 63 bits.
 */
int instance_build(struct instance *in, const struct measured *measured,
    const struct mesh *mesh, const struct instance_opts *opts, struct err *err);
void instance_free(struct instance *in);

/* Does any node relay?  Then the tunnels are filled in, and the path rule is C1. */
bool instance_relays(const struct instance *in);
/* Index into tunnels or pairs, or SIZE_MAX; a and b in any order. */
size_t instance_tunnel(const struct instance *in, uint32_t a, uint32_t b);
size_t instance_pair(const struct instance *in, uint32_t a, uint32_t b);

/* us x weight gained by a tunnel for this pair; 0 or less, or not measured: no gain. */
int64_t pair_value(const struct pair *p);
/* The same at the limits that decide, with the bias: what is chosen by. */
int64_t pair_merit(const struct pair *p);
/* May the optimizer decide about this pair's tunnel at all? */
bool pair_may_change(const struct pair *p);
/* May the optimizer give this pair a tunnel of its own accord? */
bool pair_is_candidate(const struct pair *p);

#endif
