/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* What every step needs. */
struct reader {
	const struct mesh *mesh;
	const struct plan *plan;
	size_t *node; /* by the plan's names */
	struct order *order;
	struct err *err;
};

static int
by_ends(const void *x, const void *y)
{
	const struct order_pair *p = x, *q = y;

	if (p->a != q->a)
		return p->a < q->a ? -1 : 1;
	return p->b < q->b ? -1 : p->b > q->b;
}

const struct order_pair *
order_find(const struct order *order, size_t a, size_t b)
{
	struct order_pair key = { .a = a < b ? a : b, .b = a < b ? b : a };

	if (order->n == 0)
		return NULL;
	return bsearch(&key, order->pair, order->n, sizeof(key), by_ends);
}

static const char *
name_of(const struct reader *r, size_t node)
{
	return r->mesh->nodes[node].name;
}

static int
read_names(struct reader *r)
{
	for (size_t i = 0; i < r->plan->n_names; i++) {
		r->node[i] = mesh_find(r->mesh, r->plan->names[i]);
		if (r->node[i] == SIZE_MAX)
			return err_set(r->err,
			    "plan: %s: the mesh file has no such node; the publisher "
			    "has another one",
			    r->plan->names[i]);
	}
	return 0;
}

static bool
reachable(const struct reader *r, size_t node)
{
	if (r->mesh->nodes[node].endpoint.host[0])
		return true;
	for (size_t i = 0; i < r->order->n_hints; i++) {
		if (r->order->hint[i].node == node)
			return true;
	}
	return false;
}

static int
check_pair(const struct reader *r, const struct order_pair *p)
{
	const struct mesh_pair *pin = mesh_pair(r->mesh, p->a, p->b);
	const char *a = name_of(r, p->a), *b = name_of(r, p->b);

	if (p->a == r->mesh->hub || p->b == r->mesh->hub)
		return err_set(r->err,
		    "plan: %s to %s: a pair with the hub goes by the hub", a, b);
	if (pin && pin->pin == MESH_PIN_HUB)
		return err_set(r->err,
		    "plan: %s to %s: the mesh file pins it to the hub", a, b);
	if (pin && pin->pin == MESH_PIN_DIRECT && p->path == WAY_BY_RELAY)
		return err_set(r->err, "plan: %s to %s: the mesh file pins it direct",
		    a, b);
	if (p->path == WAY_BY_TUNNEL && !reachable(r, p->a) && !reachable(r, p->b))
		return err_set(r->err,
		    "plan: %s to %s: neither has an Endpoint in the mesh file, and "
		    "no hint tells where one is",
		    a, b);
	return 0;
}

/* Where its two tunnels are must be known first, so after all pairs were read. */
static int
check_relay(const struct reader *r, const struct order_pair *p)
{
	const struct order_pair *legs[2] = { order_find(r->order, p->a, p->via),
		order_find(r->order, p->b, p->via) };
	const char *a = name_of(r, p->a), *b = name_of(r, p->b);

	if (p->via == r->mesh->hub || p->via == p->a || p->via == p->b)
		return err_set(r->err, "plan: %s to %s: %s can be no relay of it", a, b,
		    name_of(r, p->via));
	if (!r->mesh->nodes[p->via].relay)
		return err_set(r->err,
		    "plan: %s to %s: %s is no relay; the mesh file does not say "
		    "Relay = yes",
		    a, b, name_of(r, p->via));
	for (int i = 0; i < 2; i++) {
		if (!legs[i] || legs[i]->path != WAY_BY_TUNNEL)
			return err_set(r->err,
			    "plan: %s to %s: its relay %s lacks the tunnel to one of "
			    "them",
			    a, b, name_of(r, p->via));
	}
	return 0;
}

static int
read_route(struct reader *r, const struct plan_route *route)
{
	struct order_pair *p = &r->order->pair[r->order->n];
	size_t a, b;

	if (route->path == PLAN_HUB)
		return 0;
	if (route->a >= r->plan->n_names || route->b >= r->plan->n_names ||
	    (route->path == PLAN_RELAY && route->via >= r->plan->n_names))
		return err_set(r->err, "plan: a route is not between its nodes");
	if (r->order->n == ORDER_PAIRS_MAX)
		return err_set(r->err, "plan: more than %d pairs leave the hub",
		    ORDER_PAIRS_MAX);
	a = r->node[route->a];
	b = r->node[route->b];
	*p = (struct order_pair){ .a = a < b ? a : b,
		.b = a < b ? b : a,
		.path = route->path == PLAN_RELAY ? WAY_BY_RELAY : WAY_BY_TUNNEL,
		.us = route->us,
		.hub_us = route->hub_us };
	if (route->path == PLAN_RELAY)
		p->via = r->node[route->via];
	else
		p->us = plan_promise_us(r->plan, route);
	r->order->n++;
	return check_pair(r, p);
}

static int
check_all(const struct reader *r)
{
	unsigned *tunnels = mem_array(r->mesh->n_nodes, sizeof(*tunnels));
	int rc = 0;

	for (size_t i = 0; i < r->order->n && rc == 0; i++) {
		const struct order_pair *p = &r->order->pair[i];

		if (i > 0 && by_ends(p - 1, p) == 0)
			rc = err_set(r->err, "plan: %s to %s is there twice",
			    name_of(r, p->a), name_of(r, p->b));
		else if (p->path == WAY_BY_RELAY)
			rc = check_relay(r, p);
		else if (++tunnels[p->a] > ORDER_DIRECT_MAX ||
			 ++tunnels[p->b] > ORDER_DIRECT_MAX)
			rc = err_set(r->err,
			    "plan: a node with more than %d tunnels: %s or %s",
			    ORDER_DIRECT_MAX, name_of(r, p->a), name_of(r, p->b));
	}
	free(tunnels);
	return rc;
}

static int
read_hints(struct reader *r)
{
	const struct plan_issue *issue = r->plan->issue;

	r->order->hint = mem_array(issue->n_hints, sizeof(*r->order->hint));
	for (size_t i = 0; i < issue->n_hints; i++) {
		struct plan_hint *h = &r->order->hint[i];

		if (issue->hints[i].node >= r->plan->n_names)
			return err_set(r->err, "plan: a hint is of no node");
		*h = issue->hints[i];
		h->node = (uint32_t)r->node[h->node];
	}
	r->order->n_hints = issue->n_hints;
	return 0;
}

int
order_from_plan(const struct mesh *mesh, const struct plan *plan, struct order *out,
    struct err *err)
{
	struct reader r = { mesh, plan, NULL, out, err };
	int rc = 0;

	*out = (struct order){ 0 };
	if (strcmp(plan->mesh, mesh->name) != 0)
		return err_set(err,
		    "plan: made for the mesh %s, but the mesh file is of %s",
		    plan->mesh[0] ? plan->mesh : "(no name)", mesh->name);
	if (plan->issue) {
		out->epoch = plan->issue->epoch;
		out->issued = plan->issue->issued;
		out->ttl_ns = (int64_t)plan->issue->ttl_s * NS_PER_S;
	}
	r.node = mem_array(plan->n_names, sizeof(*r.node));
	out->pair = mem_array(plan->n_routes < ORDER_PAIRS_MAX ? plan->n_routes + 1
							       : ORDER_PAIRS_MAX + 1,
	    sizeof(*out->pair));
	rc = read_names(&r);
	if (rc == 0 && plan->issue)
		rc = read_hints(&r);
	for (size_t i = 0; i < plan->n_routes && rc == 0; i++)
		rc = read_route(&r, &plan->routes[i]);
	if (rc == 0) {
		qsort(out->pair, out->n, sizeof(*out->pair), by_ends);
		rc = check_all(&r);
	}
	free(r.node);
	if (rc < 0)
		order_fini(out);
	return rc;
}

void
order_fini(struct order *order)
{
	free(order->pair);
	free(order->hint);
	*order = (struct order){ 0 };
}

/* By its tunnels to the relay, which one of this node's is. */
static void
note_relay(const struct order_pair *p, size_t self, struct way_wish *wishes)
{
	if (p->a == self || p->b == self)
		wishes[p->via].leg = true;
	if (p->via == self)
		wishes[p->a].leg = wishes[p->b].leg = true;
}

void
order_wishes(const struct order *order, size_t self, size_t n_nodes,
    struct way_wish *wishes)
{
	for (size_t i = 0; i < n_nodes; i++)
		wishes[i] = (struct way_wish){ .promise_us = -1, .hub_us = -1 };
	for (size_t i = 0; i < order->n; i++) {
		const struct order_pair *p = &order->pair[i];
		struct way_wish *w;

		if (p->path == WAY_BY_RELAY)
			note_relay(p, self, wishes);
		if (p->a != self && p->b != self)
			continue;
		w = &wishes[p->a == self ? p->b : p->a];
		w->path = p->path;
		w->via = p->via;
		w->promise_us = p->us;
		w->hub_us = p->hub_us;
	}
	for (size_t i = 0; i < order->n_hints; i++) {
		struct way_wish *w = &wishes[order->hint[i].node];

		w->hint = order->hint[i].addr;
		w->hint_port = order->hint[i].port;
	}
	for (size_t i = 0; i < n_nodes; i++)
		wishes[i].own_port = wishes[self].hint_port;
}
