/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/exact.h"

/* A proof that needs more is given up; 18 nodes, any pair, take some dozens. */
#define BRANCHES_MAX	   200000
#define BRANCHES_MAX_LARGE 300 /* beyond RELAY_EXACT_NODES: worth a try */
#define BRANCHES_FIRST	   100
#define TRY_NODES	   32

/* Relays stored a demand: all of a small mesh; of a large one what memory allows. */
static uint32_t
relays_kept(const struct model *m)
{
	size_t n = m->n_demands;

	return n <= 40000 ? 64 : n <= 150000 ? 32 : n <= 600000 ? 24 : 5;
}

/* Work by default: small meshes settle long before, large ones get what a minute and a
 * half holds on a machine of 2020. */
#define ITERATIONS	 3000
#define ROUNDS		 2500
#define SMALL_ROUNDS	 250   /* the search that follows is surer */
#define LARGE_TUNNELS	 20000 /* from here on */
#define LARGE_ITERATIONS 400
#define HUGE_TUNNELS	 2000000
#define HUGE_ITERATIONS	 100
#define LARGE_ROUNDS	 0
#define LARGE_DROPS	 2 /* rounds of drop and refill after each better plan */

/* Ruin and recreate cools down over so many rounds, then begins again. */
#define ROUNDS_AT_ONCE 250

struct run {
	struct improve im;
	struct dual *dual;
	const struct relay_opts *opts;
	struct relay_result *r;
};

static bool
closed(const struct run *run)
{
	return run->dual->best.bound <= run->im.best->value - run->im.m->constant;
}

static void
first_plans(struct run *run)
{
	struct improve *im = &run->im;
	struct network *start = im->work;

	im->bundles = false;
	greedy_fill(im->greedy, start, &(struct greedy_opts){ .bundles = false });
	(void)improve_keep(im); /* whatever it is worth */
	if (run->opts->iterations == 1)
		return; /* the first plan, and no more */
	network_clear(im->work);
	for (size_t t = 0; t < im->m->n_tunnels; t++)
		if (im->m->tunnels[t].required)
			network_add(im->work, t);
	im->bundles = true;
	greedy_fill(im->greedy, im->work, &(struct greedy_opts){ .bundles = true });
	(void)improve_keep(im); /* the better of the two */
	im->bundles = im->most == 0;
	improve_drop_refill(im);
}

static void
run_dual(struct run *run, unsigned iterations, unsigned every)
{
	struct improve *im = &run->im;
	struct dual *u = run->dual;
	unsigned turn = 0;

	for (unsigned i = 1; i <= iterations && !closed(run); i++) {
		(void)dual_step(u); /* the best bound stays in u */
		run->r->iterations++;
		if (i % every == 0) {
			improve_round(im, u, turn++);
			if (improve_keep(im))
				improve_drop_refill(im);
			u->target = im->best->value - im->m->constant;
		}
		if (dual_settled(u))
			break;
	}
}

static void
search_rounds(struct run *run, unsigned rounds)
{
	for (unsigned i = 0; i < rounds && !closed(run); i += ROUNDS_AT_ONCE) {
		improve_ruin(&run->im, ROUNDS_AT_ONCE);
		improve_drop_refill(&run->im);
		run->r->rounds += ROUNDS_AT_ONCE;
	}
}

/* Up to so many branches; true when nothing is left to look for. */
static bool
prove(struct run *run, uint64_t branches)
{
	const struct model *m = run->im.m;
	struct exact_opts how = {
		.branches = branches,
		.hopeful = m->n > RELAY_EXACT_NODES,
	};
	uint64_t done = 0;

	if (closed(run) || run->r->proven)
		return true;
	if (run->opts->no_search || m->has_loads || m->n > TRY_NODES)
		return false;
	run->r->proven = exact_search(&run->im, run->dual, &how, &done);
	run->r->branches += done;
	return run->r->proven;
}

int
relay_solve(const struct instance *in, const struct relay_opts *opts,
    struct relay_result **out, struct err *err)
{
	struct relay_result *r = mem_alloc(sizeof(*r));
	struct run run = { .opts = opts, .r = r };
	struct dual_opts how = { .threads = opts->threads };
	unsigned iterations, rounds;
	bool large, small;

	*out = NULL;
	r->m = model_new(in);
	if (improve_init(&run.im, r->m, opts->seed, err) < 0) {
		improve_fini(&run.im);
		relay_free(r);
		return -EINVAL;
	}
	large = r->m->n_tunnels >= LARGE_TUNNELS;
	small = r->m->n <= RELAY_EXACT_NODES;
	run.im.most = large ? LARGE_DROPS : 0;
	iterations = opts->iterations		       ? opts->iterations
		     : r->m->n_tunnels >= HUGE_TUNNELS ? HUGE_ITERATIONS
		     : large			       ? LARGE_ITERATIONS
						       : ITERATIONS;
	rounds = opts->rounds ? opts->rounds
		 : large      ? LARGE_ROUNDS
		 : small      ? SMALL_ROUNDS
			      : ROUNDS;
	first_plans(&run);
	how.relays_kept = relays_kept(r->m);
	how.rough = r->m->n <= TRY_NODES;
	run.dual = r->dual = dual_new(r->m, &how);
	dual_start(run.dual, run.im.best);
	run_dual(&run, iterations, large ? 50 : 25);
	/* Most small ones are proven in a few branches: no need to search for better.
	 */
	if (opts->iterations != 1 &&
	    !prove(&run, small ? BRANCHES_FIRST : BRANCHES_MAX_LARGE)) {
		search_rounds(&run, rounds);
		(void)prove(&run, small ? BRANCHES_MAX : BRANCHES_MAX_LARGE);
	}
	r->bound_by_prices = r->dual->best.bound + r->m->constant;
	r->bound = r->proven ? run.im.best->value : r->bound_by_prices;
	r->net = run.im.best;
	run.im.best = NULL;
	improve_fini(&run.im);
	r->proven |= r->bound <= r->net->value;
	*out = r;
	return 0;
}

void
relay_free(struct relay_result *r)
{
	if (!r)
		return;
	network_free(r->net);
	dual_free(r->dual);
	model_free(r->m);
	free(r);
}
