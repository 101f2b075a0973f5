/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/greedy.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/bundle.h"

/*
 * Bundles of all relays are looked for anew after this share of the budget; in between
 * only the best one is checked again.  Each search costs n^2 a relay.
 */
#define BUNDLE_REFRESH_SHARE 20

/*
 * From this many nodes on, bundles are refreshed less often, and after a look at them
 * that found none better than a single tunnel, greedy goes on with singles for a while.
 */
#define BUNDLE_LARGE	       200
#define BUNDLE_REFRESH_LARGE   4
#define BUNDLE_COOL_DOWN_SHARE 50

struct greedy {
	const struct model *m;
	int64_t *key;	 /* a tunnel: its gain is no more than this */
	float *scale;	 /* a tunnel: noise / cost */
	uint32_t *heap;	 /* tunnels, the largest key x scale first */
	uint32_t *place; /* a tunnel: where it stands in the heap, or MODEL_NONE */
	size_t n;
	struct bundle_scratch *scratch;
	struct bundle *bundles; /* one a relay */
};

struct greedy *
greedy_new(const struct model *m)
{
	struct greedy *g = mem_alloc(sizeof(*g));

	g->m = m;
	g->key = mem_array(m->n_tunnels, sizeof(*g->key));
	g->scale = mem_array(m->n_tunnels, sizeof(*g->scale));
	g->heap = mem_array(m->n_tunnels, sizeof(*g->heap));
	g->place = mem_array(m->n_tunnels, sizeof(*g->place));
	g->scratch = bundle_scratch_new(m);
	g->bundles = mem_array(m->n_relays, sizeof(*g->bundles));
	for (size_t i = 0; i < m->n_relays; i++)
		g->bundles[i].tunnels = mem_array(m->n, sizeof(uint32_t));
	return g;
}

void
greedy_free(struct greedy *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->m->n_relays; i++)
		free(g->bundles[i].tunnels);
	free(g->bundles);
	bundle_scratch_free(g->scratch);
	free(g->key);
	free(g->scale);
	free(g->heap);
	free(g->place);
	free(g);
}

static double
density(const struct greedy *g, uint32_t t)
{
	return (double)g->key[t] * (double)g->scale[t];
}

static bool
before(const struct greedy *g, uint32_t x, uint32_t y)
{
	double p = density(g, x), q = density(g, y);

	return p > q || (p == q && x < y);
}

static void
put(struct greedy *g, size_t i, uint32_t t)
{
	g->heap[i] = t;
	g->place[t] = (uint32_t)i;
}

static void
sift_up(struct greedy *g, size_t i)
{
	uint32_t t = g->heap[i];

	for (; i > 0 && before(g, t, g->heap[(i - 1) / 2]); i = (i - 1) / 2)
		put(g, i, g->heap[(i - 1) / 2]);
	put(g, i, t);
}

static void
sift_down(struct greedy *g, size_t i)
{
	uint32_t t = g->heap[i];
	size_t child;

	for (; (child = 2 * i + 1) < g->n; i = child) {
		if (child + 1 < g->n && before(g, g->heap[child + 1], g->heap[child]))
			child++;
		if (!before(g, g->heap[child], t))
			break;
		put(g, i, g->heap[child]);
	}
	put(g, i, t);
}

static void
pop(struct greedy *g)
{
	g->place[g->heap[0]] = MODEL_NONE;
	if (--g->n > 0) {
		put(g, 0, g->heap[g->n]);
		sift_down(g, 0);
	}
}

static void
raise_key(struct greedy *g, uint32_t t, int64_t by)
{
	if (by <= 0 || !(g->scale[t] > 0))
		return; /* a tunnel that has been added, or must not be */
	g->key[t] += by;
	if (g->place[t] != MODEL_NONE) {
		sift_up(g, g->place[t]);
	} else if (g->key[t] > 0) {
		put(g, g->n++, t);
		sift_up(g, g->n - 1);
	}
}

/* Relay-leaf has come: a tunnel relay-t would now also serve the pair leaf-t. */
static void
raise_keys(struct greedy *g, const struct network *net, size_t relay, size_t leaf)
{
	const struct model *m = g->m;
	int32_t leg = m->rtt[relay * m->n + leaf] + m->hop_us;

	for (size_t t = 0; t < m->n; t++) {
		uint32_t tunnel = m->at[relay * m->n + t];
		int32_t us, now = net->us[leaf * m->n + t];

		if (tunnel == MODEL_NONE || net->on[tunnel])
			continue;
		us = leg + m->rtt[relay * m->n + t];
		if (us < now)
			raise_key(g, tunnel,
			    m->weight[leaf * m->n + t] *
				(model_cost(m, now) - model_cost(m, us)));
	}
}

static void
add(struct greedy *g, struct network *net, uint32_t tunnel)
{
	const struct model_tunnel *t = &g->m->tunnels[tunnel];

	network_add(net, tunnel);
	if (g->place[tunnel] != MODEL_NONE) {
		/* Not at the top, so make it: no key is above infinity. */
		g->key[tunnel] = INT64_MAX;
		sift_up(g, g->place[tunnel]);
		pop(g);
	}
	g->scale[tunnel] = 0; /* it never comes back in this run */
	if (g->m->relay[t->u])
		raise_keys(g, net, t->u, t->v);
	if (g->m->relay[t->v])
		raise_keys(g, net, t->v, t->u);
}

static void
fill_heap(struct greedy *g, const struct network *net, const struct greedy_opts *opts)
{
	const struct model *m = g->m;

	g->n = 0;
	for (uint32_t t = 0; t < m->n_tunnels; t++) {
		g->place[t] = MODEL_NONE;
		g->scale[t] = 0;
		g->key[t] = 0;
		if (net->on[t] || (opts->banned && opts->banned[t]))
			continue;
		g->scale[t] = 1.0F / (float)m->tunnels[t].cost;
		if (opts->noise)
			g->scale[t] *=
			    0.5F + (float)greedy_random(opts->noise, 1024) / 1024.0F;
		g->key[t] = network_gain(net, t);
		if (g->key[t] > 0)
			put(g, g->n++, t);
	}
	for (size_t i = g->n / 2; i-- > 0;)
		sift_down(g, i);
}

/* The tunnel at the top whose key is its gain, or MODEL_NONE. */
static uint32_t
best_single(struct greedy *g, const struct network *net)
{
	while (g->n > 0) {
		uint32_t t = g->heap[0];
		int64_t gain;

		if (!network_fits(net, t)) {
			pop(g);
			g->scale[t] = 0; /* budget and limits only get tighter */
			continue;
		}
		gain = network_gain(net, t);
		if (gain >= g->key[t])
			return t;
		g->key[t] = gain;
		if (gain <= 0)
			pop(g);
		else
			sift_down(g, 0);
	}
	return MODEL_NONE;
}

static bool
denser(const struct bundle *x, const struct bundle *y)
{
	return (__int128)x->gain * y->cost > (__int128)y->gain * x->cost;
}

static bool
bundle_beats(const struct greedy *g, const struct bundle *b, uint32_t single)
{
	return single == MODEL_NONE || (__int128)b->gain * g->m->tunnels[single].cost >
					   (__int128)g->key[single] * b->cost;
}

/*
 * Index of the relay whose bundle is the densest and denser than the best single, or
 * SIZE_MAX.  A bundle that looks so is looked for again: gains have changed since.
 */
static size_t
best_bundle(struct greedy *g, const struct network *net, const struct greedy_opts *opts,
    uint32_t single)
{
	const struct model *m = g->m;

	for (size_t tries = 0; tries <= m->n_relays; tries++) {
		size_t best = SIZE_MAX;
		struct bundle was;

		for (size_t i = 0; i < m->n_relays; i++)
			if (g->bundles[i].n > 0 &&
			    (best == SIZE_MAX ||
				denser(&g->bundles[i], &g->bundles[best])))
				best = i;
		if (best == SIZE_MAX || !bundle_beats(g, &g->bundles[best], single))
			return SIZE_MAX;
		was = g->bundles[best];
		bundle_find(net, m->relays[best], opts->banned, g->scratch,
		    &g->bundles[best]);
		if (g->bundles[best].n > 0 && !denser(&was, &g->bundles[best]))
			return best;
	}
	return SIZE_MAX;
}

static void
refresh_bundles(struct greedy *g, const struct network *net,
    const struct greedy_opts *opts)
{
	for (size_t i = 0; i < g->m->n_relays; i++)
		bundle_find(net, g->m->relays[i], opts->banned, g->scratch,
		    &g->bundles[i]);
}

void
greedy_fill(struct greedy *g, struct network *net, const struct greedy_opts *opts)
{
	const struct model *m = g->m;
	bool large = m->n >= BUNDLE_LARGE;
	int64_t refresh_at = net->spent, look_at = net->spent;
	int64_t share = large ? BUNDLE_REFRESH_LARGE : BUNDLE_REFRESH_SHARE;

	fill_heap(g, net, opts);
	for (;;) {
		uint32_t single;
		size_t b = SIZE_MAX;

		if (opts->bundles && net->spent >= refresh_at) {
			refresh_bundles(g, net, opts);
			refresh_at = net->spent + m->budget / share + 1;
		}
		single = best_single(g, net);
		if (opts->bundles && net->spent >= look_at)
			b = best_bundle(g, net, opts, single);
		if (large && b == SIZE_MAX && net->spent >= look_at)
			look_at = net->spent + m->budget / BUNDLE_COOL_DOWN_SHARE;
		if (b != SIZE_MAX) {
			for (size_t i = 0; i < g->bundles[b].n; i++)
				add(g, net, g->bundles[b].tunnels[i]);
			g->bundles[b].n = 0;
			bundle_find(net, m->relays[b], opts->banned, g->scratch,
			    &g->bundles[b]);
		} else if (single != MODEL_NONE) {
			add(g, net, single);
		} else {
			return;
		}
	}
}

int64_t
greedy_next(const struct network *net, size_t *tunnel)
{
	const struct model *m = net->m;
	int64_t best = 0, gain;

	*tunnel = SIZE_MAX;
	for (size_t t = 0; t < m->n_tunnels; t++) {
		const struct model_tunnel *x = &m->tunnels[t];

		if (net->on[t] || net->degree[x->u] >= model_cap(m, x->u) ||
		    net->degree[x->v] >= model_cap(m, x->v))
			continue;
		gain = network_gain(net, t);
		if (gain > best) {
			best = gain;
			*tunnel = t;
		}
	}
	return best;
}
