/* SPDX-License-Identifier: MIT */
#include "optimizer/verify/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The instance's word on a tunnel, or NULL; without relays it is the pair's. */
static bool
find(const struct instance *in, uint32_t a, uint32_t b, struct tunnel *out)
{
	size_t i;

	if (in->tunnels) {
		i = instance_tunnel(in, a, b);
		if (i != SIZE_MAX)
			*out = in->tunnels[i];
		return i != SIZE_MAX;
	}
	i = instance_pair(in, a, b);
	if (i == SIZE_MAX)
		return false;
	*out = (struct tunnel){
		.direct_us =
		    (int32_t)(in->pairs[i].direct_hi_us > 0 ? in->pairs[i].direct_hi_us
							    : in->pairs[i].direct_us),
		.cost = in->pairs[i].cost,
		.reachable = in->pairs[i].reachable,
		.present = in->pairs[i].present,
		.denied = in->pairs[i].pin == MESH_PIN_HUB ||
			  (in->pairs[i].barred && !in->pairs[i].held),
		.required = in->pairs[i].pin == MESH_PIN_DIRECT,
	};
	return true;
}

int64_t
verify_hub(const struct pair *p)
{
	if (p->hub_us == PLAN_UNKNOWN)
		return -1;
	return p->hub_lo_us > 0 ? p->hub_lo_us : p->hub_us;
}

int64_t
verify_rtt(const struct instance *in, uint32_t a, uint32_t b)
{
	struct tunnel t;
	size_t i;

	if (!find(in, a, b, &t))
		return -1;
	if (!t.required && (t.direct_us <= 0 || !t.reachable || t.denied))
		return -1;
	if (t.direct_us > 0)
		return t.direct_us;
	/* Required and never measured: it counts as the hub's path. */
	i = instance_pair(in, a, b);
	if (i != SIZE_MAX && in->pairs[i].weight > 0 && verify_hub(&in->pairs[i]) > 0)
		return verify_hub(&in->pairs[i]);
	return 1;
}

uint32_t
verify_tunnel_cost(const struct instance *in, uint32_t a, uint32_t b)
{
	struct tunnel t = { .cost = 1 };

	(void)find(in, a, b, &t); /* the caller knows that it is there */
	return t.cost;
}

int64_t
verify_cost(const struct instance *in, int64_t us)
{
	return in->goal == GOAL_SLO ? us > in->limit_us : us;
}

int64_t
verify_change(const struct instance *in)
{
	__int128 total = 0;

	if (in->goal != GOAL_MEAN || in->n_pairs == 0)
		return 0;
	for (size_t i = 0; i < in->n_pairs; i++)
		total += in->pairs[i].weight;
	return (int64_t)(in->change_us * total / (int64_t)in->n_pairs);
}

/* A bonus for what is kept is counted as a cost of what is dropped. */
int64_t
verify_bias(const struct pair *p, bool stands)
{
	int64_t kept = p->present && p->bias > 0 ? p->bias : 0;

	return (stands ? p->bias : 0) - kept;
}

static uint64_t
key_of(uint32_t a, uint32_t b)
{
	return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

static int
by_key(const void *x, const void *y)
{
	const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

/* The tunnels that the plan leaves standing, for look-ups. */
struct standing {
	uint64_t *keys;
	size_t n;
};

static bool
stands(const struct standing *s, uint32_t a, uint32_t b)
{
	uint64_t key = key_of(a, b);

	return s->n && bsearch(&key, s->keys, s->n, sizeof(key), by_key);
}

static int
check_tunnels(const struct instance *in, const struct verify_claim *claim,
    struct standing *s, struct verify_verdict *out, struct err *err)
{
	uint32_t *degree = mem_array(in->n_nodes, sizeof(*degree));
	uint64_t spent = 0;
	int r = 0;

	s->keys = mem_array(claim->n_tunnels + 1, sizeof(*s->keys));
	for (size_t i = 0; i < claim->n_tunnels && r == 0; i++) {
		const struct verify_tunnel *t = &claim->tunnels[i];
		const char *a = in->nodes[t->a].name, *b = in->nodes[t->b].name;

		if (t->dropped)
			continue;
		if (t->a == t->b || verify_rtt(in, t->a, t->b) < 0)
			r = err_set(err, "tunnel %s-%s: the instance does not allow it",
			    a, b);
		else if (++degree[t->a] > in->nodes[t->a].max_tunnels)
			r = err_set(err, "%s has more than its %u tunnels", a,
			    in->nodes[t->a].max_tunnels);
		else if (++degree[t->b] > in->nodes[t->b].max_tunnels)
			r = err_set(err, "%s has more than its %u tunnels", b,
			    in->nodes[t->b].max_tunnels);
		spent += verify_tunnel_cost(in, t->a, t->b);
		s->keys[s->n++] = key_of(t->a, t->b);
	}
	free(degree);
	if (r < 0)
		return r;
	qsort(s->keys, s->n, sizeof(*s->keys), by_key);
	for (size_t i = 1; i < s->n; i++)
		if (s->keys[i] == s->keys[i - 1])
			return err_set(err, "tunnel %s-%s is there twice",
			    in->nodes[s->keys[i] >> 32].name,
			    in->nodes[(uint32_t)s->keys[i]].name);
	if (spent > in->budget)
		return err_set(err, "the tunnels cost %llu, the budget is %u",
		    (unsigned long long)spent, in->budget);
	out->tunnels = s->n;
	out->spent = (size_t)spent;
	return 0;
}

static int
check_required(const struct instance *in, const struct standing *s, struct err *err)
{
	for (size_t i = 0; i < in->n_tunnels; i++) {
		const struct tunnel *t = &in->tunnels[i];

		if (t->required && !stands(s, t->a, t->b))
			return err_set(err, "tunnel %s-%s is required, and not there",
			    in->nodes[t->a].name, in->nodes[t->b].name);
	}
	return 0;
}

/* The shortest path by rule C1, and by which relay; the hub on a tie. */
static int64_t
best_path(const struct instance *in, const struct standing *s, const struct pair *p,
    uint32_t *via)
{
	int64_t best = verify_hub(p);

	*via = UINT32_MAX;
	for (uint32_t q = 0; q < in->n_nodes; q++) {
		int64_t us;

		if (!in->nodes[q].relay || q == in->hub || !stands(s, p->a, q) ||
		    !stands(s, p->b, q))
			continue;
		us = verify_rtt(in, p->a, q) + verify_rtt(in, p->b, q) + in->hop_us;
		if (us < best) {
			best = us;
			*via = q;
		}
	}
	return best;
}

/* One route against rule C1; its length, by the limits that decide, into *us. */
static int
check_route(const struct instance *in, const struct standing *s, size_t i,
    const struct verify_route *route, int64_t *us, struct err *err)
{
	const struct pair *p = &in->pairs[i];
	const char *a = in->nodes[p->a].name, *b = in->nodes[p->b].name;
	bool own = stands(s, p->a, p->b), loads = false, counts;
	uint32_t via;

	for (size_t v = 0; v < in->n_nodes; v++)
		loads |= in->nodes[v].max_load != INSTANCE_NO_LOAD;
	if (own != (route->path == VERIFY_DIRECT))
		return err_set(err,
		    own ? "%s-%s has a tunnel and does not use it"
			: "%s-%s goes direct without a tunnel",
		    a, b);
	*us = verify_hub(p);
	if (own) {
		*us = verify_rtt(in, p->a, p->b);
		return 0;
	}
	counts = verify_hub(p) > 0 && p->weight > 0 && p->pin != MESH_PIN_HUB;
	if (route->path == VERIFY_RELAY) {
		uint32_t q = route->via;

		if (!in->nodes[q].relay || q == in->hub || !stands(s, p->a, q) ||
		    !stands(s, p->b, q))
			return err_set(err,
			    "%s-%s goes through %s, which may not relay or lacks a "
			    "tunnel to one of them",
			    a, b, in->nodes[q].name);
		if (!counts)
			return err_set(err, "%s-%s must go by the hub", a, b);
		*us = verify_rtt(in, p->a, q) + verify_rtt(in, p->b, q) + in->hop_us;
	}
	if (counts && !loads && best_path(in, s, p, &via) != *us)
		return err_set(err, "%s-%s does not take its shortest path, %s%s", a, b,
		    via == UINT32_MAX ? "the hub" : "through ",
		    via == UINT32_MAX ? "" : in->nodes[via].name);
	return 0;
}

static int
check_loads(const struct instance *in, const struct verify_claim *claim,
    struct err *err)
{
	int64_t *load = mem_array(in->n_nodes, sizeof(*load));
	int r = 0;

	for (size_t i = 0; i < claim->n_routes; i++)
		if (claim->routes[i].path == VERIFY_RELAY)
			load[claim->routes[i].via] += in->pairs[i].weight;
	for (size_t v = 0; v < in->n_nodes && r == 0; v++)
		if (in->nodes[v].max_load != INSTANCE_NO_LOAD &&
		    load[v] > in->nodes[v].max_load)
			r = err_set(err,
			    "%s relays a weight of %lld; %lld is its limit",
			    in->nodes[v].name, (long long)load[v],
			    (long long)in->nodes[v].max_load);
	free(load);
	return r;
}

/* Routes stand in the order of the pairs; their value by the definition. */
static int
check_routes(const struct instance *in, const struct verify_claim *claim,
    const struct standing *s, struct verify_verdict *out, struct err *err)
{
	__int128 value = 0;
	int64_t change = verify_change(in);

	if (claim->n_routes != in->n_pairs)
		return err_set(err, "%zu routes for %zu pairs", claim->n_routes,
		    in->n_pairs);
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct verify_route *route = &claim->routes[i];
		const struct pair *p = &in->pairs[i];
		int64_t us = 0;

		if (route->a != p->a || route->b != p->b)
			return err_set(err, "%s-%s has no route", in->nodes[p->a].name,
			    in->nodes[p->b].name);
		if (check_route(in, s, i, route, &us, err) < 0)
			return -EINVAL;
		out->relayed += route->path == VERIFY_RELAY;
		if (verify_hub(p) > 0 && p->pin != MESH_PIN_HUB)
			value += (__int128)p->weight *
				 (verify_cost(in, verify_hub(p)) - verify_cost(in, us));
	}
	for (size_t i = 0; i < in->n_tunnels; i++)
		if (in->tunnels[i].present !=
		    stands(s, in->tunnels[i].a, in->tunnels[i].b))
			value -= change;
	for (size_t i = 0; !in->tunnels && i < in->n_pairs; i++) {
		bool there = stands(s, in->pairs[i].a, in->pairs[i].b);

		value += verify_bias(&in->pairs[i], there);
		if (in->pairs[i].present != there)
			value -= change;
	}
	out->value = (int64_t)value;
	return check_loads(in, claim, err);
}

int
verify(const struct instance *in, const struct verify_claim *claim,
    struct verify_verdict *out, struct err *err)
{
	struct standing s = { 0 };
	int r;

	memset(out, 0, sizeof(*out));
	r = check_tunnels(in, claim, &s, out, err);
	if (r == 0)
		r = check_required(in, &s, err);
	if (r == 0)
		r = check_routes(in, claim, &s, out, err);
	free(s.keys);
	if (r == 0)
		r = verify_forwarding(in, claim, &out->delivered, err);
	if (r == 0 && in->goal == GOAL_QUANTILE)
		r = verify_quantile(in, claim, out, err);
	if (r == 0 && out->value != claim->value)
		r = err_set(err, "value: claimed %lld, found %lld",
		    (long long)claim->value, (long long)out->value);
	if (r == 0 && claim->value > claim->bound)
		r = err_set(err, "value %lld above the bound %lld",
		    (long long)claim->value, (long long)claim->bound);
	if (r < 0 || !claim->has_prices)
		return r;
	out->has_bound = true;
	if (in->goal != GOAL_QUANTILE)
		r = verify_bound(in, claim, &out->bound, err);
	if (r == 0 && out->bound > claim->prices_bound)
		r = err_set(err, "bound: %lld claimed by the prices, they prove %lld",
		    (long long)claim->prices_bound, (long long)out->bound);
	if (r == 0 && !claim->by_search && claim->bound < out->bound)
		r = err_set(err, "bound: claimed %lld, the prices prove only %lld",
		    (long long)claim->bound, (long long)out->bound);
	return r;
}
