/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/improve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Drop and refill begins with this share of the tunnels and halves it on failure. */
#define DROP_SHARE 4

/* Ruin and recreate goes on from plans up to this share of the value below the best. */
#define SLACK_SHARE 200

static int
add_required(struct network *net, struct err *err)
{
	const struct model *m = net->m;

	for (size_t t = 0; t < m->n_tunnels; t++) {
		const struct node *a = &m->in->nodes[m->tunnels[t].u];
		const struct node *b = &m->in->nodes[m->tunnels[t].v];

		if (!m->tunnels[t].required)
			continue;
		if (!network_fits(net, t))
			return err_set(err,
			    "%s-%s must be direct, but it does not fit: budget %u, and "
			    "at most %lld and %lld tunnels at its ends; allow more, or "
			    "require less",
			    a->name, b->name, m->in->budget, (long long)a->max_tunnels,
			    (long long)b->max_tunnels);
		network_add(net, t);
	}
	return 0;
}

int
improve_init(struct improve *im, const struct model *m, uint64_t seed, struct err *err)
{
	memset(im, 0, sizeof(*im));
	im->m = m;
	im->greedy = greedy_new(m);
	im->best = network_new(m);
	im->work = network_new(m);
	im->random = seed * 2 + 1;
	im->key = mem_array(m->n_tunnels, sizeof(*im->key));
	im->order = mem_array(m->n_tunnels, sizeof(*im->order));
	im->bundle = bundle_scratch_new(m);
	if (add_required(im->work, err) < 0)
		return -EINVAL;
	network_copy(im->best, im->work);
	return 0;
}

void
improve_fini(struct improve *im)
{
	greedy_free(im->greedy);
	network_free(im->best);
	network_free(im->work);
	network_free(im->here);
	free(im->key);
	free(im->order);
	bundle_scratch_free(im->bundle);
	memset(im, 0, sizeof(*im));
}

bool
improve_keep(struct improve *im)
{
	if (im->work->value <= im->best->value)
		return false;
	network_copy(im->best, im->work);
	return true;
}

static void
fill(struct improve *im, bool shaken)
{
	struct greedy_opts opts = {
		.bundles = im->bundles,
		.noise = shaken ? &im->random : NULL,
		.banned = im->banned,
	};

	greedy_fill(im->greedy, im->work, &opts);
}

static int
by_key(const void *a, const void *b, void *ctx)
{
	const int64_t *key = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (key[x] != key[y])
		return key[x] < key[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Tunnels of work that may go, into order, least loss first; returns how many. */
static size_t
order_by_loss(struct improve *im)
{
	const struct model *m = im->m;
	size_t n = 0;

	for (uint32_t t = 0; t < m->n_tunnels; t++) {
		if (!im->work->on[t] || m->tunnels[t].required)
			continue;
		im->key[t] = network_loss(im->work, t) / m->tunnels[t].cost;
		im->order[n++] = t;
	}
	if (n > 1)
		qsort_r(im->order, n, sizeof(*im->order), by_key, im->key);
	return n;
}

/* What costs more than it brings goes: a direct path can be slower than the hub's. */
static void
drop_useless(struct improve *im)
{
	const struct model *m = im->m;

	for (size_t t = 0; t < m->n_tunnels; t++)
		if (im->work->on[t] && !m->tunnels[t].required &&
		    network_loss(im->work, t) <= 0)
			network_remove(im->work, t);
}

void
improve_drop_refill(struct improve *im)
{
	size_t share = DROP_SHARE, n;

	for (unsigned round = 0; !im->most || round < im->most; round++) {
		network_copy(im->work, im->best);
		n = order_by_loss(im);
		if (n / share == 0)
			return;
		for (size_t i = 0; i < n / share; i++)
			network_remove(im->work, im->order[i]);
		fill(im, false);
		drop_useless(im);
		fill(im, false);
		if (!improve_keep(im))
			share *= 2;
	}
}

/* Best tunnel to put in work's empty place, or SIZE_MAX if none gains more than least.
 */
static size_t
best_gain(const struct improve *im, size_t but, int64_t *least)
{
	size_t best = SIZE_MAX;
	int64_t gain;

	for (size_t t = 0; t < im->m->n_tunnels; t++) {
		if (t == but || im->work->on[t] || !network_fits(im->work, t))
			continue;
		gain = network_gain(im->work, t);
		if (gain > *least) {
			*least = gain;
			best = t;
		}
	}
	return best;
}

void
improve_swap(struct improve *im, unsigned rounds)
{
	bool better = true;

	network_copy(im->work, im->best);
	for (unsigned round = 0; round < rounds && better; round++) {
		size_t n = order_by_loss(im);

		better = false;
		for (size_t i = 0; i < n; i++) {
			uint32_t out = im->order[i];
			int64_t loss = network_loss(im->work, out);
			size_t in;

			network_remove(im->work, out);
			in = best_gain(im, out, &loss);
			network_add(im->work, in == SIZE_MAX ? out : in);
			better |= in != SIZE_MAX;
		}
	}
	(void)improve_keep(im); /* it is no worse than best */
}

/* Tunnels at one node, some of them, go, and may not come back if banned is set. */
static void
ruin_star(struct improve *im, size_t node, bool *banned)
{
	const struct model *m = im->m;

	for (size_t v = 0; v < m->n; v++) {
		uint32_t t = m->at[node * m->n + v];

		if (t == MODEL_NONE || !im->work->on[t] || m->tunnels[t].required ||
		    greedy_random(&im->random, 4) == 0)
			continue;
		network_remove(im->work, t);
		if (banned)
			banned[t] = true;
	}
}

static void
ruin_some(struct improve *im, uint32_t percent)
{
	const struct model *m = im->m;

	for (size_t t = 0; t < m->n_tunnels; t++)
		if (im->work->on[t] && !m->tunnels[t].required &&
		    greedy_random(&im->random, 100) < percent)
			network_remove(im->work, t);
}

static void
ruin_least(struct improve *im, uint32_t percent)
{
	size_t n = order_by_loss(im);

	for (size_t i = 0; i < n * percent / 100; i++)
		if (greedy_random(&im->random, 4) > 0)
			network_remove(im->work, im->order[i]);
}

/* The best bundle of one relay, whether or not it is the densest of all. */
static void
open_relay(struct improve *im, size_t relay)
{
	struct bundle bundle = { .tunnels = im->order };

	bundle_find(im->work, relay, NULL, im->bundle, &bundle);
	for (size_t i = 0; i < bundle.n; i++)
		if (network_fits(im->work, bundle.tunnels[i]))
			network_add(im->work, bundle.tunnels[i]);
}

static size_t
any_relay(struct improve *im)
{
	uint32_t n = (uint32_t)im->m->n_relays;

	return im->m->relays[greedy_random(&im->random, n)];
}

/* Take work apart in one of the ways; turn chooses. */
static void
ruin(struct improve *im, unsigned turn)
{
	uint32_t percent = 5 + greedy_random(&im->random, 35);

	switch (turn % 5) {
	case 0:
		ruin_star(im, greedy_random(&im->random, (uint32_t)im->m->n), NULL);
		break;
	case 1:
		ruin_some(im, percent);
		break;
	case 2:
		ruin_least(im, percent);
		break;
	case 3:
		ruin_least(im, 2 * percent);
		open_relay(im, any_relay(im));
		break;
	default:
		im->banned = mem_array(im->m->n_tunnels, sizeof(*im->banned));
		ruin_star(im, any_relay(im), im->banned);
		break;
	}
}

/*
 * Record to record (Dueck 1993): a plan a little worse than the best is gone on from,
 * the less so the later it is.
 */
void
improve_ruin(struct improve *im, unsigned rounds)
{
	bool bundles = im->bundles;

	im->here = im->here ? im->here : network_new(im->m);
	network_copy(im->here, im->best);
	for (unsigned i = 0; i < rounds; i++) {
		int64_t slack = im->best->value / SLACK_SHARE / (int64_t)rounds *
				(int64_t)(rounds - i);

		network_copy(im->work, im->here);
		im->bundles = bundles && i % 4 == 3;
		ruin(im, i);
		fill(im, i % 2);
		free(im->banned);
		im->banned = NULL;
		drop_useless(im);
		fill(im, false);
		(void)improve_keep(im); /* a worse one may still be gone on from */
		if (im->work->value >= im->best->value - slack)
			network_copy(im->here, im->work);
	}
	im->bundles = bundles;
}

void
improve_round(struct improve *im, const struct dual *u, unsigned turn)
{
	static const int32_t least[] = { 1, 1 << 15, 1 << 14, 3 << 14 };
	const struct model *m = im->m;
	size_t n = 0;

	network_clear(im->work);
	(void)add_required(im->work, NULL); /* they fitted once */
	for (uint32_t t = 0; t < m->n_tunnels; t++) {
		if (u->mean_x[t] < least[turn % 4] || im->work->on[t] ||
		    u->fix[t] == DUAL_OUT)
			continue;
		im->key[t] = -((int64_t)u->mean_x[t] << 32);
		im->order[n++] = t;
	}
	if (n > 1)
		qsort_r(im->order, n, sizeof(*im->order), by_key, im->key);
	for (size_t i = 0; i < n; i++)
		if (network_fits(im->work, im->order[i]))
			network_add(im->work, im->order[i]);
	drop_useless(im);
	fill(im, false);
}
