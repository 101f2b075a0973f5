/* SPDX-License-Identifier: MIT */
/*
 * From a plan to the goals of one node.  Pure.
 */
#include "optimizer/apply/goals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The plan's names as indices into the mesh. */
static int
find_names(const struct mesh *mesh, const struct plan *plan, size_t *node,
    struct err *err)
{
	for (size_t i = 0; i < plan->n_names; i++) {
		node[i] = mesh_find(mesh, plan->names[i]);
		if (node[i] == SIZE_MAX)
			return err_set(err,
			    "plan: %s: the mesh file has no such node; use the mesh "
			    "file "
			    "that the plan was made with",
			    plan->names[i]);
	}
	return 0;
}

static int
check_route(const struct plan *plan, const struct plan_route *route, struct err *err)
{
	if (route->a >= plan->n_names || route->b >= plan->n_names ||
	    route->a == route->b)
		return err_set(err, "plan: a route is not between two of its nodes");
	if (route->path == PLAN_RELAY)
		return err_set(err,
		    "plan: %s to %s goes by a relay: relay paths cannot be applied "
		    "yet; "
		    "make the plan with --no-relays",
		    plan->names[route->a], plan->names[route->b]);
	return 0;
}

/* Fill in what a direct pair needs beyond its peer. */
static int
direct(const struct goals *goals, struct goal *goal, struct err *err)
{
	const struct mesh *mesh = goals->mesh;
	const struct mesh_node *self = &mesh->nodes[goals->self];
	const struct mesh_node *peer = &mesh->nodes[goal->peer];

	if (goal->peer == mesh->hub || goals->self == mesh->hub)
		return err_set(err,
		    "plan: %s to %s: a pair with the hub has no direct tunnel",
		    self->name, peer->name);
	if (!self->endpoint.host[0] && !peer->endpoint.host[0])
		return err_set(err,
		    "plan: %s to %s: neither has an Endpoint in the mesh file; give it "
		    "to the one that can be reached",
		    self->name, peer->name);
	goal->starts = mesh_initiator(mesh, goals->self, goal->peer) == goals->self;
	goal->port = mesh_direct_port(mesh, peer);
	if (goal->starts)
		goal->endpoint = peer->endpoint.addr;
	return 0;
}

static int
add_goal(struct goals *goals, size_t peer, const struct plan *plan,
    const struct plan_route *route, struct err *err)
{
	struct goal *goal = &goals->goal[goals->n];

	for (size_t i = 0; i < goals->n; i++) {
		if (goals->goal[i].peer == peer)
			return err_set(err, "plan: %s to %s is there twice",
			    plan->names[route->a], plan->names[route->b]);
	}
	*goal = (struct goal){ .peer = peer, .direct = route->path == PLAN_DIRECT };
	goal->promise_us = goal->direct ? plan_promise_us(plan, route) : PLAN_UNKNOWN;
	goals->n++;
	return goal->direct ? direct(goals, goal, err) : 0;
}

int
goals_from_plan(const struct mesh *mesh, size_t self, const struct plan *plan,
    struct goals *out, struct err *err)
{
	size_t *node = NULL;
	int rc = 0;

	*out = (struct goals){ .mesh = mesh, .self = self };
	if (strcmp(plan->mesh, mesh->name) != 0)
		return err_set(err,
		    "plan: made for the mesh %s, but the mesh file is of %s",
		    plan->mesh[0] ? plan->mesh : "(no name)", mesh->name);
	node = mem_array(plan->n_names, sizeof(*node));
	out->goal = mem_array(plan->n_routes, sizeof(*out->goal));
	rc = find_names(mesh, plan, node, err);
	for (size_t i = 0; i < plan->n_routes && rc == 0; i++) {
		const struct plan_route *route = &plan->routes[i];

		rc = check_route(plan, route, err);
		if (rc < 0)
			break;
		if (node[route->a] == self)
			rc = add_goal(out, node[route->b], plan, route, err);
		else if (node[route->b] == self)
			rc = add_goal(out, node[route->a], plan, route, err);
	}
	free(node);
	if (rc < 0)
		goals_fini(out);
	return rc;
}

void
goals_fini(struct goals *goals)
{
	free(goals->goal);
	*goals = (struct goals){ 0 };
}
