/* SPDX-License-Identifier: MIT */
/*
 * Random small instances for the tests of the optimizer, and what any set of tunnels is
 * worth in them, written from the definition and sharing nothing with the solver.
 */
#ifndef TESTS_UNIT_RANDOM_INSTANCE_H
#define TESTS_UNIT_RANDOM_INSTANCE_H

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/instance.h"

static inline uint32_t
random_below(uint64_t *state, uint32_t n)
{
	/* xorshift64*, Vigna 2016: the same numbers on every machine. */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 33) % n;
}

struct random_opts {
	uint32_t nodes;
	bool costs, loads, caps, slo, change;
};

static inline void
random_pairs(struct instance *in, const struct random_opts *o, uint64_t *rng)
{
	size_t n = in->n_nodes;
	int64_t leg[64];

	in->pairs = mem_array(n * n, sizeof(*in->pairs));
	in->tunnels = mem_array(n * n, sizeof(*in->tunnels));
	for (size_t i = 0; i < n; i++)
		leg[i] = 1 + random_below(rng, 300);
	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = a + 1; b < n; b++) {
			struct tunnel *t = &in->tunnels[in->n_tunnels];
			struct pair *p = &in->pairs[in->n_pairs];

			if (a == in->hub || b == in->hub)
				continue;
			*t = (struct tunnel){ .a = (uint16_t)a, .b = (uint16_t)b };
			t->direct_us = 1 + (int32_t)random_below(rng, 40) * 10;
			t->cost = o->costs ? 1 + random_below(rng, 5) : 1;
			t->reachable = in->nodes[a].reachable || in->nodes[b].reachable;
			t->present = random_below(rng, 4) == 0;
			t->denied = random_below(rng, 12) == 0;
			t->required = !t->denied && random_below(rng, 40) == 0;
			if (random_below(rng, 15) == 0)
				t->direct_us = MATRIX_UNKNOWN;
			in->n_tunnels++;
			if (random_below(rng, 4) == 0)
				continue;
			*p = (struct pair){ .a = a, .b = b };
			p->hub_us =
			    random_below(rng, 20) ? leg[a] + leg[b] : PLAN_UNKNOWN;
			p->direct_us = t->direct_us;
			p->weight = random_below(rng, 6);
			p->cost = t->cost;
			p->present = t->present;
			p->reachable = t->reachable;
			p->pin = t->required ? MESH_PIN_DIRECT : MESH_FREE;
			in->n_pairs++;
		}
	}
}

static inline struct instance *
random_instance(const struct random_opts *o, uint64_t *rng)
{
	struct instance *in = mem_alloc(sizeof(*in));
	size_t n = o->nodes;

	in->n_nodes = n;
	in->nodes = mem_array(n, sizeof(*in->nodes));
	for (size_t i = 0; i < n; i++) {
		struct node *x = &in->nodes[i];

		x->name[0] = (char)('a' + i % 26);
		x->name[1] = (char)('a' + i / 26);
		x->role = random_below(rng, 2) ? MESH_POP : MESH_BACKEND;
		x->reachable = random_below(rng, 4) > 0;
		x->relay = random_below(rng, 3) > 0;
		x->weight = 1;
		x->max_tunnels = MESH_NO_LIMIT;
		if (o->caps && random_below(rng, 2))
			x->max_tunnels = random_below(rng, 4);
		if (o->loads && random_below(rng, 2))
			x->max_load = 1 + random_below(rng, 12);
	}
	in->hub = random_below(rng, (uint32_t)n);
	in->nodes[in->hub].role = MESH_HUB;
	in->nodes[(in->hub + 1) % n].relay = true;
	in->hop_us = (int32_t)random_below(rng, 30);
	in->budget = random_below(rng, o->costs ? 20 : 9);
	if (o->slo) {
		in->goal = GOAL_SLO;
		in->limit_us = 50 + random_below(rng, 400);
	}
	if (o->change)
		in->change_us = random_below(rng, 60);
	random_pairs(in, o, rng);
	return in;
}

static inline bool
oracle_usable(const struct tunnel *t)
{
	return t->required || (t->direct_us > 0 && t->reachable && !t->denied);
}

static inline int64_t
oracle_rtt(const struct instance *in, const bool *on, uint32_t a, uint32_t b)
{
	size_t i = instance_tunnel(in, a, b), k;

	if (i == SIZE_MAX || !on[i])
		return -1;
	if (in->tunnels[i].direct_us > 0)
		return in->tunnels[i].direct_us;
	k = instance_pair(in, a, b); /* required, never measured: as the hub */
	return k != SIZE_MAX && in->pairs[k].hub_us > 0 && in->pairs[k].weight > 0
		   ? in->pairs[k].hub_us
		   : 1;
}

/* Rule C1, from its words. */
static inline int64_t
oracle_path(const struct instance *in, const bool *on, const struct pair *p)
{
	int64_t best = p->hub_us, x, y, direct = oracle_rtt(in, on, p->a, p->b);

	if (direct > 0)
		return direct;
	for (uint32_t q = 0; q < in->n_nodes; q++) {
		if (!in->nodes[q].relay || q == in->hub)
			continue;
		x = oracle_rtt(in, on, p->a, q);
		y = oracle_rtt(in, on, p->b, q);
		if (x > 0 && y > 0 && x + y + in->hop_us < best)
			best = x + y + in->hop_us;
	}
	return best;
}

static inline int64_t
oracle_cost(const struct instance *in, int64_t us)
{
	return in->goal == GOAL_SLO ? us > in->limit_us : us;
}

/* Value of a set of tunnels, or INT64_MIN where it breaks a limit. */
static inline int64_t
oracle_value(const struct instance *in, const bool *on)
{
	uint32_t degree[64] = { 0 };
	int64_t value = 0, cost = 0, total = 0, change = 0;

	for (size_t i = 0; i < in->n_pairs; i++)
		total += in->pairs[i].weight;
	if (in->n_pairs && in->goal == GOAL_MEAN)
		change = in->change_us * total / (int64_t)in->n_pairs;
	for (size_t i = 0; i < in->n_tunnels; i++) {
		const struct tunnel *t = &in->tunnels[i];

		if (t->required && !on[i])
			return INT64_MIN;
		if (on[i] != t->present)
			value -= change;
		if (!on[i])
			continue;
		cost += t->cost;
		if (++degree[t->a] > in->nodes[t->a].max_tunnels ||
		    ++degree[t->b] > in->nodes[t->b].max_tunnels)
			return INT64_MIN;
	}
	if (cost > in->budget)
		return INT64_MIN;
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];

		if (p->hub_us != PLAN_UNKNOWN && p->weight > 0)
			value +=
			    p->weight * (oracle_cost(in, p->hub_us) -
					    oracle_cost(in, oracle_path(in, on, p)));
	}
	return value;
}

/* The optimum over all sets of usable tunnels; INT64_MIN if there is no plan at all. */
static inline int64_t
oracle_best(const struct instance *in)
{
	size_t usable[32], n = 0;
	int64_t best = INT64_MIN, value;
	bool *on = mem_array(in->n_tunnels, sizeof(*on));

	for (size_t i = 0; i < in->n_tunnels; i++)
		if (oracle_usable(&in->tunnels[i]))
			usable[n++] = i;
	for (uint32_t set = 0; set < 1u << n; set++) {
		for (size_t i = 0; i < n; i++)
			on[usable[i]] = set >> i & 1;
		value = oracle_value(in, on);
		best = value > best ? value : best;
	}
	free(on);
	return best;
}

#endif
