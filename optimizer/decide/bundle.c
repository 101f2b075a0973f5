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

/*
 * Gains of pairs are kept from the setting up for the peeling, where they fit a cache;
 * beyond they are computed again.
 */
#define TABLE_LEAVES 400

struct bundle_scratch {
	uint16_t *leaf;	 /* vertices still in */
	uint16_t *slot;	 /* of each of those: its row in gain, in the order of names */
	uint16_t *order; /* those taken away, in that order */
	uint16_t *base;	 /* peers of the relay */
	int64_t *worth;	 /* a node: what taking it away would lose */
	int64_t *gain;	 /* leaves x leaves, or NULL */
	int64_t *row;	 /* a node: gains of one vertex's pairs */
	size_t n_leaf, n_order, n_base, n_rows;
};

struct bundle_scratch *
bundle_scratch_new(const struct model *m)
{
	struct bundle_scratch *s = mem_alloc(sizeof(*s));

	s->leaf = mem_array(m->n, sizeof(*s->leaf));
	s->slot = mem_array(m->n, sizeof(*s->slot));
	s->order = mem_array(m->n, sizeof(*s->order));
	s->base = mem_array(m->n, sizeof(*s->base));
	s->worth = mem_array(m->n, sizeof(*s->worth));
	s->row = mem_array(m->n, sizeof(*s->row));
	if (m->n <= TABLE_LEAVES)
		s->gain = mem_array(m->n * m->n, sizeof(*s->gain));
	return s;
}

void
bundle_scratch_free(struct bundle_scratch *s)
{
	if (!s)
		return;
	free(s->leaf);
	free(s->slot);
	free(s->order);
	free(s->base);
	free(s->worth);
	free(s->row);
	free(s->gain);
	free(s);
}

/* Gains by way of the relay of the pairs of v with the nodes of a list. */
static void
gains(const struct network *net, size_t relay, size_t v, const uint16_t *list, size_t n,
    int64_t *out)
{
	const struct model *m = net->m;
	const int32_t *now = &net->us[v * m->n], *rtt = &m->rtt[relay * m->n];
	const int64_t *weight = &m->weight[v * m->n];
	const int32_t leg = rtt[v] + m->hop_us, slo = m->slo_us;

	/* Without branches: which of two paths is shorter cannot be foretold. */
	for (size_t k = 0; !slo && k < n; k++) {
		int64_t less = now[list[k]] - (leg + rtt[list[k]]);

		out[k] = weight[list[k]] * (less > 0 ? less : 0);
	}
	for (size_t k = 0; slo && k < n; k++) {
		bool less = now[list[k]] > slo && leg + rtt[list[k]] <= slo;

		out[k] = less ? weight[list[k]] : 0;
	}
}

static void
take_sides(const struct network *net, size_t relay, const bool *banned,
    struct bundle_scratch *s)
{
	const struct model *m = net->m;

	s->n_leaf = s->n_order = s->n_base = 0;
	for (size_t v = 0; v < m->n; v++) {
		uint32_t t = m->at[relay * m->n + v];

		if (t == MODEL_NONE)
			continue;
		if (net->on[t]) {
			s->base[s->n_base++] = (uint16_t)v;
		} else if (!(banned && banned[t]) && net->degree[v] < model_cap(m, v)) {
			s->slot[s->n_leaf] = (uint16_t)s->n_leaf;
			s->leaf[s->n_leaf++] = (uint16_t)v;
		}
	}
	s->n_rows = s->n_leaf;
}

/* Vertices, their own worth and that of their pairs; returns the worth of all. */
static int64_t
set_up(const struct network *net, size_t relay, const bool *banned,
    struct bundle_scratch *s)
{
	const struct model *m = net->m;
	int64_t total = 0;

	take_sides(net, relay, banned, s);
	for (size_t i = 0; i < s->n_leaf; i++) {
		size_t v = s->leaf[i], at = relay * m->n + v;
		const struct model_tunnel *t = &m->tunnels[m->at[at]];
		int64_t *row = s->gain ? &s->gain[i * s->n_rows] : s->row, g;

		g = model_change(m, t);
		if (t->demand != MODEL_NONE)
			g += m->weight[at] *
			     (model_cost(m, net->us[at]) - model_cost(m, m->rtt[at]));
		gains(net, relay, v, s->base, s->n_base, s->row);
		for (size_t k = 0; k < s->n_base; k++)
			g += s->row[k];
		total += g;
		gains(net, relay, v, s->leaf, i, row);
		for (size_t k = 0; k < i; k++) {
			s->worth[s->leaf[k]] += row[k];
			g += row[k];
			total += row[k];
			if (s->gain)
				s->gain[k * s->n_rows + i] = row[k];
		}
		s->worth[v] = g;
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

	for (size_t i = 1; m->unit_costs && i < s->n_leaf; i++)
		if (s->worth[s->leaf[i]] < s->worth[s->leaf[best]])
			best = i;
	for (size_t i = 1; !m->unit_costs && i < s->n_leaf; i++) {
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
	size_t v = s->leaf[i], from = s->slot[i];

	s->n_leaf--;
	s->leaf[i] = s->leaf[s->n_leaf];
	s->slot[i] = s->slot[s->n_leaf];
	s->order[s->n_order++] = (uint16_t)v;
	if (s->gain) {
		const int64_t *row = &s->gain[from * s->n_rows];

		for (size_t k = 0; k < s->n_leaf; k++)
			s->worth[s->leaf[k]] -= row[s->slot[k]];
		return;
	}
	gains(net, relay, v, s->leaf, s->n_leaf, s->row);
	for (size_t k = 0; k < s->n_leaf; k++)
		s->worth[s->leaf[k]] -= s->row[k];
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
