/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/exact.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define NODE_ITERATIONS 30 /* of the dual in each branch */
/* After this many branches, and again and again, look whether the limit will do: the
 * share of the tree that is done tells, since each half of it looks like the other. */
#define LOOK_EVERY 20
#define HOPE	   0.1 /* of the tree, at the limit, at this pace */

#define NODE_LAMBDA 0.7 /* inherited prices are near their place already */

/* The dual's state as a branch found it. */
struct saved {
	struct dual_entry *entries;
	struct dual_demand *demands;
	int32_t *sigma;
	int64_t *mu;
	int32_t *mean_x;
	bool *x;
};

struct search {
	struct improve *im;
	struct dual *u;
	uint64_t branches, most;
	double share, done; /* of the tree: of this branch, of all that are closed */
	size_t n_entries;
	uint32_t *trail; /* tunnels fixed, in order */
	size_t n_trail;
	bool gave_up, hopeful;
};

static void *
copy_of(const void *from, size_t n, size_t size)
{
	void *to = NULL;

	if (from) {
		to = mem_array(n + 1, size);
		memcpy(to, from, n * size);
	}
	return to;
}

static void
put_back(void *to, const void *from, size_t bytes)
{
	if (to)
		memcpy(to, from, bytes);
}

static void
save(const struct search *s, struct saved *to)
{
	const struct dual *u = s->u;
	const struct model *m = u->m;

	to->entries = copy_of(u->entries, s->n_entries, sizeof(*u->entries));
	to->demands = copy_of(u->demands, m->n_demands, sizeof(*u->demands));
	to->sigma = copy_of(u->sigma, m->n * u->n_relays, sizeof(*u->sigma));
	to->mu = copy_of(u->mu, m->n, sizeof(*u->mu));
	to->mean_x = copy_of(u->mean_x, m->n_tunnels, sizeof(*u->mean_x));
	to->x = copy_of(u->x, m->n_tunnels, sizeof(*u->x));
}

static void
restore(struct search *s, const struct saved *from)
{
	struct dual *u = s->u;
	const struct model *m = u->m;

	put_back(u->entries, from->entries, s->n_entries * sizeof(*u->entries));
	put_back(u->demands, from->demands, m->n_demands * sizeof(*u->demands));
	put_back(u->sigma, from->sigma, m->n * u->n_relays * sizeof(*u->sigma));
	put_back(u->mu, from->mu, m->n * sizeof(*u->mu));
	put_back(u->mean_x, from->mean_x, m->n_tunnels * sizeof(*u->mean_x));
	put_back(u->x, from->x, m->n_tunnels * sizeof(*u->x));
	dual_afresh(u);
}

static void
saved_free(struct saved *x)
{
	free(x->entries);
	free(x->demands);
	free(x->sigma);
	free(x->mu);
	free(x->mean_x);
	free(x->x);
}

static int64_t
best_value(const struct search *s)
{
	return s->im->best->value - s->im->m->constant;
}

static void
fix(struct search *s, uint32_t tunnel, int8_t how)
{
	s->u->fix[tunnel] = how;
	s->trail[s->n_trail++] = tunnel;
}

static void
unfix(struct search *s, size_t to)
{
	while (s->n_trail > to)
		s->u->fix[s->trail[--s->n_trail]] = DUAL_FREE;
}

/* Budget and limits after what is fixed in: what cannot fit any more is out. */
static bool
propagate(struct search *s)
{
	const struct model *m = s->im->m;
	struct network *net = s->im->work; /* only its counters */
	bool fits = true;

	memset(net->degree, 0, m->n * sizeof(*net->degree));
	net->spent = 0;
	for (size_t t = 0; t < m->n_tunnels; t++) {
		if (s->u->fix[t] != DUAL_IN)
			continue;
		fits = fits && network_fits(net, t);
		net->degree[m->tunnels[t].u]++;
		net->degree[m->tunnels[t].v]++;
		net->spent += m->tunnels[t].cost;
	}
	for (uint32_t t = 0; fits && t < m->n_tunnels; t++)
		if (s->u->fix[t] == DUAL_FREE && !network_fits(net, t))
			fix(s, t, DUAL_OUT);
	return fits;
}

/* A plan from what the relaxation chose, or, with nothing left free, the plan. */
static void
try_plan(struct search *s, bool greedily)
{
	const struct model *m = s->im->m;
	struct network *net = s->im->work;

	network_clear(net);
	for (size_t t = 0; t < m->n_tunnels; t++)
		if (s->u->fix[t] == DUAL_IN)
			network_add(net, t);
	for (size_t t = 0; greedily && t < m->n_tunnels; t++)
		if (s->u->x[t] && !net->on[t] && network_fits(net, t))
			network_add(net, t);
	if (improve_keep(s->im))
		s->u->target = best_value(s);
}

/*
 * What would the bound be with this tunnel the other way round?  No more than the bound
 * less what the tunnel's price is away from theta.  Where costs differ theta is
 * rounded, and worth that rounding is added.
 */
static size_t
fix_by_price(struct search *s)
{
	struct dual *u = s->u;
	const struct model *m = u->m;
	int64_t slack = (u->bound - best_value(s)) >> u->shift;
	size_t fixed = 0;

	if (!m->unit_costs)
		slack += m->budget + 1;
	for (uint32_t t = 0; t < m->n_tunnels; t++) {
		int64_t away;

		if (u->fix[t] != DUAL_FREE)
			continue;
		away = u->price[t] - u->theta * m->tunnels[t].cost;
		if (u->x[t] && away > slack)
			fix(s, t, DUAL_IN);
		else if (!u->x[t] && -away > slack)
			fix(s, t, DUAL_OUT);
		else
			continue;
		fixed++;
	}
	return fixed;
}

/* Iterate; true if the branch holds no better plan. */
static bool
bounded(struct search *s)
{
	struct dual *u = s->u;

	u->lambda = NODE_LAMBDA;
	dual_afresh(u);
	for (int i = 0; i < NODE_ITERATIONS; i++) {
		if (dual_step(u) <= best_value(s))
			return true;
		if (fix_by_price(s) && !propagate(s))
			return true;
	}
	return false;
}

/* The free tunnel that the relaxation is least sure of, or MODEL_NONE. */
static uint32_t
split_at(const struct search *s)
{
	const struct dual *u = s->u;
	uint32_t best = MODEL_NONE;
	int32_t least = INT32_MAX;

	for (uint32_t t = 0; t < u->m->n_tunnels; t++) {
		int32_t away = abs(u->mean_x[t] - (1 << 15));

		if (u->fix[t] == DUAL_FREE && away < least) {
			least = away;
			best = t;
		}
	}
	return best;
}

static bool
is_hopeless(const struct search *s)
{
	return s->branches > s->most ||
	       (s->hopeful && s->branches % LOOK_EVERY == 0 &&
		   s->done * (double)s->most < HOPE * (double)s->branches);
}

static void
branch(struct search *s)
{
	struct saved here;
	size_t trail = s->n_trail;
	int8_t first;
	uint32_t t;

	s->branches++;
	s->gave_up = s->gave_up || is_hopeless(s);
	if (s->gave_up || !propagate(s) || bounded(s)) {
		s->done += s->share;
		unfix(s, trail);
		return;
	}
	t = split_at(s);
	try_plan(s, t != MODEL_NONE);
	if (t != MODEL_NONE) {
		size_t mine = s->n_trail;

		s->share /= 2;
		save(s, &here);
		first = s->u->mean_x[t] > 1 << 14 ? DUAL_IN : DUAL_OUT;
		fix(s, t, first);
		branch(s);
		unfix(s, mine);
		restore(s, &here);
		fix(s, t, (int8_t)-first);
		branch(s);
		unfix(s, mine);
		saved_free(&here);
		s->share *= 2;
	} else {
		s->done += s->share;
	}
	unfix(s, trail);
}

bool
exact_search(struct improve *im, struct dual *u, const struct exact_opts *opts,
    uint64_t *branches)
{
	struct search s = {
		.im = im,
		.u = u,
		.most = opts->branches,
		.hopeful = opts->hopeful,
		.share = 1,
	};
	const struct model *m = u->m;
	int64_t bound = u->best.bound;

	for (size_t d = 0; d < m->n_demands; d++)
		s.n_entries += u->demands[d].n;
	s.trail = mem_array(m->n_tunnels, sizeof(*s.trail));
	dual_recall(u);
	u->best.bound = INT64_MIN; /* nothing in a branch is a bound of the whole */
	u->target = best_value(&s);
	u->sharp = true; /* a branch has too few iterations for a smoothed direction */
	branch(&s);
	u->sharp = false;
	u->best.bound = bound;
	*branches = s.branches;
	free(s.trail);
	return !s.gave_up;
}
