/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/guard.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct change {
	size_t pairs;	/* that take another path than before */
	size_t removed; /* that had a path of their own and go by the hub */
	size_t had;	/* a path of their own */
	size_t *node_had, *node_left; /* by node: tunnels, and of those changed */
};

/* share of n, but min at least; times the periods that have passed. */
static size_t
allowance(size_t n, size_t pct, size_t min, int64_t periods)
{
	size_t share = n * pct / 100;

	if (share < min)
		share = min;
	return periods > 1000 ? SIZE_MAX : share * (size_t)periods;
}

static bool
same_path(const struct order_pair *p, const struct order_pair *q)
{
	return p && q && p->path == q->path && p->via == q->via;
}

static void
compare(const struct order *old, const struct order *fresh, struct change *c)
{
	for (size_t i = 0; i < fresh->n; i++) {
		const struct order_pair *p = &fresh->pair[i];

		if (!same_path(p, order_find(old, p->a, p->b)))
			c->pairs++;
	}
	c->had = old->n;
	for (size_t i = 0; i < old->n; i++) {
		const struct order_pair *p = &old->pair[i];
		const struct order_pair *q = order_find(fresh, p->a, p->b);

		c->node_had[p->a]++;
		c->node_had[p->b]++;
		if (same_path(p, q))
			continue;
		c->node_left[p->a]++;
		c->node_left[p->b]++;
		if (!q) {
			c->pairs++;
			c->removed++;
		}
	}
}

static int
judge_nodes(const struct mesh *mesh, const struct change *c, int64_t periods,
    struct err *err)
{
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		size_t most = allowance(c->node_had[i], GUARD_NODE_PCT, 1, periods);

		if (c->node_left[i] > most)
			return err_set(err,
			    "plan: it moves %zu of the %zu paths of %s, and %zu at a "
			    "time is the limit",
			    c->node_left[i], c->node_had[i], mesh->nodes[i].name, most);
	}
	return 0;
}

static int
judge_change(const struct mesh *mesh, const struct change *c, int64_t periods,
    struct err *err)
{
	size_t nodes = mesh->n_nodes - 1; /* the hub is in no pair */
	size_t most = allowance(nodes * (nodes - 1) / 2, GUARD_CHANGE_PCT,
	    GUARD_CHANGE_MIN, periods);
	size_t removed = allowance(c->had, GUARD_REMOVED_PCT, 1, periods);

	if (c->pairs > most)
		return err_set(err,
		    "plan: it changes %zu pairs, and %zu at a time is the limit",
		    c->pairs, most);
	if (c->removed > removed)
		return err_set(err,
		    "plan: it removes %zu of %zu paths, and %zu at a time is the limit",
		    c->removed, c->had, removed);
	return judge_nodes(mesh, c, periods, err);
}

static int
judge_size(const struct mesh *mesh, const struct guard_past *past,
    const struct order *order, struct wall now, struct err *err)
{
	int64_t away = now.ns - past->accepted.ns;
	int64_t periods = 1 + (away > 0 ? away / GUARD_PERIOD_NS : 0);
	struct change c = { 0 };
	int rc;

	if (order->n == 0 && past->order->n > 0)
		return err_set(err,
		    "plan: it is empty, and the last one had %zu paths beside the "
		    "hub's",
		    past->order->n);
	c.node_had = mem_array(mesh->n_nodes, sizeof(*c.node_had));
	c.node_left = mem_array(mesh->n_nodes, sizeof(*c.node_left));
	compare(past->order, order, &c);
	rc = judge_change(mesh, &c, periods, err);
	free(c.node_had);
	free(c.node_left);
	return rc;
}

int64_t
guard_fresh_ns(const struct order *order, struct wall now)
{
	int64_t ttl = order->ttl_ns < GUARD_TTL_NS ? order->ttl_ns : GUARD_TTL_NS;
	int64_t left = order->issued.ns + ttl - now.ns;

	if (order->issued.ns > now.ns + GUARD_FUTURE_NS || left < 0)
		return 0;
	return left < ttl ? left : ttl;
}

enum guard_verdict
guard_judge(const struct mesh *mesh, const struct guard_past *past,
    const struct order *order, struct wall now, bool forced, struct err *err)
{
	if (past->order && order->epoch <= past->order->epoch) {
		(void)err_set(err,
		    "plan: epoch %llu, but epoch %llu was followed already",
		    (unsigned long long)order->epoch,
		    (unsigned long long)past->order->epoch);
		return GUARD_REFUSE;
	}
	if (order->issued.ns > now.ns + GUARD_FUTURE_NS) {
		(void)err_set(err,
		    "plan: epoch %llu was issued %lld s in the future: one of the "
		    "clocks is wrong",
		    (unsigned long long)order->epoch,
		    (long long)((order->issued.ns - now.ns) / NS_PER_S));
		return GUARD_REFUSE;
	}
	/* Without a past there is nothing to hold it against; netd's own limit of
	 * changes stands, and every tunnel is verified before it carries anything. */
	if (past->order && !forced && judge_size(mesh, past, order, now, err) < 0)
		return GUARD_REFUSE;
	if (guard_fresh_ns(order, now) == 0) {
		(void)err_set(err, "plan: epoch %llu is %lld s old: no change is begun",
		    (unsigned long long)order->epoch,
		    (long long)((now.ns - order->issued.ns) / NS_PER_S));
		return GUARD_STALE;
	}
	return GUARD_FOLLOW;
}
