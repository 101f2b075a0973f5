/* SPDX-License-Identifier: MIT */
/*
 * A plan in terms of the roster: which pairs leave the hub, and by which way.
 * Here names become indices and paths are held against what the roster allows; a plan
 * that does not fit is refused as a whole.  Pure.
 */
#ifndef OPTIMIZER_AGENT_ORDER_H
#define OPTIMIZER_AGENT_ORDER_H

#include "common/clock.h"
#include "common/mesh.h"
#include "optimizer/agent/way.h"
#include "optimizer/decide/plan.h"

#define ORDER_PAIRS_MAX	 10000
#define ORDER_DIRECT_MAX 64 /* tunnels of one node */

struct order_pair {
	size_t a, b; /* a < b */
	enum way_path path;
	size_t via; /* by a relay only, else 0 */
	int64_t us, hub_us;
};

struct order {
	uint64_t epoch;
	struct wall issued;
	int64_t ttl_ns;
	struct order_pair *pair; /* owned, by (a, b); never WAY_BY_HUB */
	size_t n;
	struct plan_hint *hint; /* owned; node is an index of the roster */
	size_t n_hints;
};

/*
 * -EINVAL, with err in words, for the plan of another mesh, an unknown name, a pair
 * with the hub, a tunnel that nobody can start, a relay that may not forward or whose
 * tunnels are not in the plan, a pair that the mesh file pins to another path, or more
 * than the limits above.
 */
int order_from_plan(const struct mesh *mesh, const struct plan *plan, struct order *out,
    struct err *err);
void order_fini(struct order *order);

/* The pair of these two nodes, in any order, or NULL: by the hub. */
const struct order_pair *order_find(const struct order *order, size_t a, size_t b);

/* What it asks of one node: wishes has one a node of the roster. */
void order_wishes(const struct order *order, size_t self, size_t n_nodes,
    struct way_wish *wishes);

#endif
