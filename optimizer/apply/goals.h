/* SPDX-License-Identifier: MIT */
/*
 * What a plan asks of one node: a goal for each pair that the node is an end of.  Here
 * the plan's names meet the roster; a plan that does not fit is refused as a whole.
 */
#ifndef OPTIMIZER_APPLY_GOALS_H
#define OPTIMIZER_APPLY_GOALS_H

#include "common/err.h"
#include "common/mesh.h"
#include "optimizer/decide/plan.h"

struct goal {
	size_t peer;	      /* index into mesh->nodes */
	bool direct;	      /* else by the hub */
	bool starts;	      /* this node starts the handshake */
	struct addr endpoint; /* the peer's, if we start; family 0 = a name, to be
				 resolved by the caller */
	uint16_t port;	      /* DirectPort */
	int64_t promise_us;   /* direct RTT by the plan, or PLAN_UNKNOWN */
};

struct goals {
	const struct mesh *mesh; /* borrowed */
	size_t self;
	struct goal *goal; /* owned, in the order of the plan */
	size_t n;
};

/*
 * -EINVAL, with err in words, for the plan of another mesh, an unknown name, a pair
 * named twice, a relay path, a direct path to the hub, or a pair without an endpoint.
 */
int goals_from_plan(const struct mesh *mesh, size_t self, const struct plan *plan,
    struct goals *out, struct err *err);
void goals_fini(struct goals *goals);

static inline const struct mesh_node *
goals_node(const struct goals *goals, size_t goal)
{
	return &goals->mesh->nodes[goals->goal[goal].peer];
}

#endif
