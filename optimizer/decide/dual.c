/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/dual.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define STALLS_MAX    20 /* iterations without a better bound; then a smaller step */
#define LAMBDA_SHRINK 0.75
#define LAMBDA_MIN    1e-4 /* below this the bound stands still */
#define LAMBDA_ROUGH  3e-3 /* and here it serves a search of branches as well */
#define MEAN_BITS     5	   /* x is smoothed over about 2^5 iterations */

static void *
price_thread(void *pass)
{
	dual_pass_price(pass);
	return NULL;
}

static void *
count_thread(void *pass)
{
	dual_pass_count(pass);
	return NULL;
}

/* Over all demands, by two threads where that pays; sums are of whole numbers. */
static void
run_pass(struct dual *u, struct dual_pass sum[static 1], void *(*work)(void *))
{
	size_t n = u->m->n_demands, half = n / 2;
	struct dual_pass other = *sum; /* the same orders */
	pthread_t thread;

	sum->lo = 0;
	sum->hi = n;
	sum->legs = u->legs[0];
	if (u->threads < 2) {
		(void)work(sum); /* always NULL */
		return;
	}
	sum->hi = other.lo = half;
	other.hi = n;
	other.legs = u->legs[1];
	if (pthread_create(&thread, NULL, work, &other) != 0) {
		(void)work(&other); /* as above */
		(void)work(sum);    /* as above */
	} else {
		(void)work(sum);		  /* as above */
		(void)pthread_join(thread, NULL); /* it was started */
	}
	sum->worth += other.worth;
	sum->norm += other.norm;
}

/* Both threads' tables into the first. */
static void
merge_legs(struct dual *u)
{
	size_t legs = u->m->n * u->n_relays;

	if (u->threads < 2)
		return;
	for (size_t i = 0; i < legs; i++) {
		u->legs[0][i].rho += u->legs[1][i].rho;
		u->legs[0][i].served += u->legs[1][i].served;
	}
	memset(u->legs[1], 0, legs * sizeof(*u->legs[1])); /* counted once */
}

static void
clear_legs(struct dual *u)
{
	for (unsigned i = 0; i < u->threads; i++)
		memset(u->legs[i], 0, u->m->n * u->n_relays * sizeof(*u->legs[i]));
}

/* x by leg, for the passes: one small table instead of one look-up a tunnel. */
static void
spread_x(struct dual *u)
{
	const struct model *m = u->m;

	for (size_t v = 0; v < m->n; v++) {
		for (size_t r = 0; r < u->n_relays; r++) {
			uint32_t t = m->at[v * m->n + m->relays[r]];
			bool never = t == MODEL_NONE || u->fix[t] == DUAL_OUT;

			u->leg_x[dual_leg(u, v, r)] = never ? -1 : u->dir_x[t];
		}
	}
}

/* Reduced worth of each tunnel, from what the pass gathered. */
static void
price_tunnels(struct dual *u)
{
	const struct model *m = u->m;

	for (size_t t = 0; t < m->n_tunnels; t++)
		u->price[t] = u->own[t];
	for (size_t r = 0; r < u->n_relays; r++) {
		for (size_t v = 0; v < m->n; v++) {
			uint32_t t = m->at[v * m->n + m->relays[r]];
			size_t leg = dual_leg(u, v, r);

			if (t == MODEL_NONE)
				continue;
			u->price[t] += u->legs[0][leg].rho;
			if (u->sigma)
				u->price[t] += (int64_t)u->star[r] * u->sigma[leg];
		}
	}
	for (size_t t = 0; t < m->n_tunnels; t++) {
		const struct model_tunnel *x = &m->tunnels[t];

		if (x->demand != MODEL_NONE)
			u->price[t] -= u->demands[x->demand].worth;
		if (u->mu)
			u->price[t] -= u->mu[x->u] + u->mu[x->v];
	}
}

/* What the limits contribute to the bound: price times what is allowed. */
static int64_t
limits_worth(const struct dual *u)
{
	const struct model *m = u->m;
	int64_t sum = 0;

	for (size_t v = 0; u->mu && v < m->n; v++)
		if (u->mu[v])
			sum += u->mu[v] * model_cap(m, v);
	for (size_t r = 0; u->nu && r < u->n_relays; r++)
		if (u->nu[r])
			sum += (int64_t)(((__int128)u->nu[r] *
						 m->in->nodes[m->relays[r]].max_load +
					     (1 << DUAL_NU_BITS) - 1) >>
					 DUAL_NU_BITS);
	return sum;
}

/* Remember the prices, which have just given the best bound. */
static void
keep(struct dual *u)
{
	const struct model *m = u->m;
	struct dual_prices *b = &u->best;
	size_t n = 0;

	b->bound = u->bound;
	for (size_t i = 0; i < m->n_demands; i++)
		n += 2 * (size_t)u->demands[i].active;
	if (n > b->cap) {
		b->cap = n + n / 4;
		b->rho = mem_grow(b->rho, b->cap, sizeof(*b->rho));
	}
	b->n_rho = 0;
	for (size_t i = 0; i < m->n_demands; i++) {
		const struct dual_entry *e = &u->entries[u->demands[i].first];

		b->active[i] = u->demands[i].active;
		for (unsigned k = 0; k < b->active[i]; k++) {
			b->rho[b->n_rho++] = e[k].rho_s;
			b->rho[b->n_rho++] = e[k].rho_t;
		}
	}
	if (u->sigma)
		memcpy(b->sigma, u->sigma, m->n * u->n_relays * sizeof(*b->sigma));
	if (u->mu)
		memcpy(b->mu, u->mu, m->n * sizeof(*b->mu));
	if (u->nu)
		memcpy(b->nu, u->nu, u->n_relays * sizeof(*b->nu));
}

/* The relaxed solution into the direction. */
static void
turn(struct dual *u)
{
	const struct model *m = u->m;

	for (size_t t = 0; t < m->n_tunnels; t++) {
		int32_t x = u->x[t] ? DUAL_ALWAYS : 0;

		u->dir_x[t] += u->sharp || u->age == 1
				   ? x - u->dir_x[t]
				   : (x - u->dir_x[t]) >> DUAL_SMOOTH;
	}
}

static void
smooth_x(struct dual *u)
{
	for (size_t t = 0; t < u->m->n_tunnels; t++)
		u->mean_x[t] += ((u->x[t] << 16) - u->mean_x[t]) >> MEAN_BITS;
}

static void
note_bound(struct dual *u, int64_t units)
{
	u->bound = units * (INT64_C(1) << u->shift);
	if (u->bound < u->best.bound) {
		keep(u);
		u->stalls = 0;
	} else if (++u->stalls >= STALLS_MAX) {
		u->lambda *= LAMBDA_SHRINK;
		u->stalls = 0;
	}
}

bool
dual_settled(const struct dual *u)
{
	return u->lambda < (u->rough ? LAMBDA_ROUGH : LAMBDA_MIN) ||
	       u->best.bound <= u->target;
}

void
dual_afresh(struct dual *u)
{
	u->age = 0;
	u->norm = 0;
	u->stalls = 0;
}

/*
 * Polyak's step, with the norm of the direction before this one: it is known, changes
 * slowly, and spares a pass over memory.
 */
static double
step_length(const struct dual *u)
{
	double step;
	int64_t most;

	if (!(u->norm > 0))
		return 0;
	most = u->best.bound > u->target ? u->best.bound : u->bound;
	step = u->lambda * (double)((most - u->target) >> u->shift) / u->norm;
	return step < 1 ? 1 : step > 1e9 ? 1e9 : step;
}

/*
 * The step is taken at the start of the next iteration, in the same pass that prices
 * the demands: memory is read once.
 */
int64_t
dual_step(struct dual *u)
{
	struct dual_pass price = { .u = u,
		.move = u->age > 0,
		.fresh = u->sharp || u->age == 1 };
	double step = step_length(u), norm = 0;
	int64_t units;

	if (price.move)
		turn(u);
	spread_x(u);
	price.step = (int32_t)step;
	if (price.move && u->sigma) {
		struct dual_pass count = { .u = u };

		run_pass(u, &count, count_thread);
		merge_legs(u);
	}
	if (price.move)
		norm = dual_limits_move(u, step);
	clear_legs(u);
	run_pass(u, &price, price_thread);
	merge_legs(u);
	u->norm = norm + (double)price.norm / 65536;
	price_tunnels(u);
	units = price.worth + limits_worth(u);
	units += dual_select(u);
	note_bound(u, units);
	smooth_x(u);
	u->age++;
	return u->bound;
}
