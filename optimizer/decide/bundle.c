/* SPDX-License-Identifier: MIT */
/*
 * Nodes with a tunnel to the relay are there at no cost; each other node that could
 * have one is a vertex, worth its own pair with the relay, and an edge is a pair that
 * the relay would shorten.  Take away the vertex of least worth per cost, again and
 * again, and keep the densest set met on the way.
 */
#include "optimizer/decide/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct bundle_scratch {
	uint16_t *leaf;	 /* vertices still in */
	uint16_t *order; /* those taken away, in that order */
	uint16_t *base;	 /* peers of the relay */
	int64_t *worth;	 /* a node: what taking it away would lose */
	int64_t *one;	 /* a node: what it gains alone, over the base */
	size_t n_leaf, n_order, n_base;
};

struct bundle_scratch *
bundle_scratch_new(const struct model *m)
{
	struct bundle_scratch *s = mem_alloc(sizeof(*s));

	s->leaf = mem_array(m->n, sizeof(*s->leaf));
	s->order = mem_array(m->n, sizeof(*s->order));
	s->base = mem_array(m->n, sizeof(*s->base));
	s->worth = mem_array(m->n, sizeof(*s->worth));
	s->one = mem_array(m->n, sizeof(*s->one));
	return s;
}

void
bundle_scratch_free(struct bundle_scratch *s)
{
	if (!s)
		return;
	free(s->leaf);
	free(s->order);
	free(s->base);
	free(s->worth);
	free(s->one);
	free(s);
}

/* Gain of the pair s-t by way of the relay. */
static int64_t
pair_gain(const struct network *net, size_t relay, size_t s, size_t t)
{
	const struct model *m = net->m;
	size_t at = s * m->n + t;
	int32_t us = m->rtt[relay * m->n + s] + m->rtt[relay * m->n + t] + m->hop_us;

	if (us >= net->us[at])
		return 0;
	return m->weight[at] * (model_cost(m, net->us[at]) - model_cost(m, us));
}

/* Vertices, their own worth and that of their pairs; returns the worth of all. */
static int64_t
set_up(const struct network *net, size_t relay, const bool *banned,
    struct bundle_scratch *s)
{
	const struct model *m = net->m;
	int64_t total = 0, g;

	s->n_leaf = s->n_order = s->n_base = 0;
	for (size_t v = 0; v < m->n; v++) {
		uint32_t t = m->at[relay * m->n + v];

		if (t == MODEL_NONE)
			continue;
		if (net->on[t])
			s->base[s->n_base++] = (uint16_t)v;
		else if (!(banned && banned[t]) && net->degree[v] < model_cap(m, v))
			s->leaf[s->n_leaf++] = (uint16_t)v;
	}
	for (size_t i = 0; i < s->n_leaf; i++) {
		size_t v = s->leaf[i], at = relay * m->n + v;
		const struct model_tunnel *t = &m->tunnels[m->at[at]];

		g = t->change;
		if (t->demand != MODEL_NONE)
			g += m->weight[at] *
			     (model_cost(m, net->us[at]) - model_cost(m, m->rtt[at]));
		for (size_t k = 0; k < s->n_base; k++)
			g += pair_gain(net, relay, v, s->base[k]);
		s->worth[v] = s->one[v] = g;
		total += g;
	}
	for (size_t i = 0; i < s->n_leaf; i++) {
		for (size_t k = 0; k < i; k++) {
			g = pair_gain(net, relay, s->leaf[i], s->leaf[k]);
			s->worth[s->leaf[i]] += g;
			s->worth[s->leaf[k]] += g;
			total += g;
		}
	}
	return total;
}

static uint32_t
cost_of(const struct model *m, size_t relay, size_t leaf)
{
	return m->tunnels[m->at[relay * m->n + leaf]].cost;
}

/* Index of the vertex of least worth per cost. */
static size_t
least(const struct model *m, size_t relay, const struct bundle_scratch *s)
{
	size_t best = 0;

	for (size_t i = 1; i < s->n_leaf; i++) {
		__int128 x =
		    (__int128)s->worth[s->leaf[i]] * cost_of(m, relay, s->leaf[best]);
		__int128 y =
		    (__int128)s->worth[s->leaf[best]] * cost_of(m, relay, s->leaf[i]);

		if (x < y)
			best = i;
	}
	return best;
}

static void
take_away(const struct network *net, size_t relay, size_t i, struct bundle_scratch *s)
{
	size_t v = s->leaf[i];

	s->leaf[i] = s->leaf[--s->n_leaf];
	s->order[s->n_order++] = (uint16_t)v;
	for (size_t k = 0; k < s->n_leaf; k++)
		s->worth[s->leaf[k]] -= pair_gain(net, relay, v, s->leaf[k]);
}

static void
take_out(const struct network *net, size_t relay, const struct bundle_scratch *s,
    struct bundle *out)
{
	const struct model *m = net->m;

	for (size_t i = 0; i < s->n_leaf; i++)
		out->tunnels[out->n++] = m->at[relay * m->n + s->leaf[i]];
}

void
bundle_find(const struct network *net, size_t relay, const bool *banned,
    struct bundle_scratch *s, struct bundle *out)
{
	const struct model *m = net->m;
	int64_t total = set_up(net, relay, banned, s), cost = 0;
	int64_t most_cost = m->budget - net->spent;
	size_t room = model_cap(m, relay) > net->degree[relay]
			  ? model_cap(m, relay) - net->degree[relay]
			  : 0;
	size_t keep = 0;

	out->n = 0;
	out->gain = out->cost = 0;
	for (size_t i = 0; i < s->n_leaf; i++)
		cost += cost_of(m, relay, s->leaf[i]);
	while (s->n_leaf > 0) {
		size_t i;

		if (cost <= most_cost && s->n_leaf <= room && total > 0 &&
		    (out->cost == 0 ||
			(__int128)total * out->cost > (__int128)out->gain * cost)) {
			out->gain = total;
			out->cost = cost;
			keep = s->n_leaf;
		}
		i = least(m, relay, s);
		total -= s->worth[s->leaf[i]];
		cost -= cost_of(m, relay, s->leaf[i]);
		take_away(net, relay, i, s);
	}
	/* The last `keep` that were taken away are the set. */
	for (size_t i = 0; i < keep; i++)
		s->leaf[i] = s->order[s->n_order - 1 - i];
	s->n_leaf = keep;
	take_out(net, relay, s, out);
}
