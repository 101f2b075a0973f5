/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/dual.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define STALLS_MAX	   20	 /* iterations without a better bound; then a smaller step */
#define LAMBDA_SHRINK	   0.75
#define LAMBDA_MIN    1e-4 /* below this the bound stands still */
#define THREAD_DEMANDS_MIN                                               \
	50000	    /* below, starting a thread costs more than it saves \
		     */
#define MEAN_BITS 5 /* x is smoothed over about 2^5 iterations */

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
	if (u->threads < 2 || n < THREAD_DEMANDS_MIN) {
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

static double
smooth(const struct dual *u, double mean, double now)
{
	return u->sharp || u->age == 1 ? now : mean + (now - mean) / (1 << DUAL_SMOOTH);
}

static int64_t
moved(int64_t price, double by)
{
	double to = (double)price - by;

	return to <= 0 ? 0 : to > 1e15 ? (int64_t)1e15 : (int64_t)(to + 0.5);
}

/* mu: how much of each node's limit is left.  Returns what it adds to the norm. */
static double
move_mu(struct dual *u, double step)
{
	const struct model *m = u->m;
	double *left = mem_array(m->n, sizeof(*left)), norm = 0;

	for (size_t v = 0; v < m->n; v++)
		left[v] = model_cap(m, v);
	for (size_t t = 0; t < m->n_tunnels; t++) {
		left[m->tunnels[t].u] -= u->dir_x[t] / (double)DUAL_ALWAYS;
		left[m->tunnels[t].v] -= u->dir_x[t] / (double)DUAL_ALWAYS;
	}
	for (size_t v = 0; v < m->n; v++) {
		if (model_cap(m, v) == MESH_NO_LIMIT || (left[v] > 0 && !u->mu[v]))
			continue;
		norm += left[v] * left[v];
		u->mu[v] = moved(u->mu[v], step * left[v]);
	}
	free(left);
	return norm;
}

/* What each relay carries in the relaxed solution, as a share of what it may. */
static void
weigh_loads(const struct dual *u, double *load)
{
	const struct model *m = u->m;

	for (size_t i = 0; i < m->n_demands; i++) {
		const struct model_demand *d = &m->demands[i];
		const struct dual_demand *h = &u->demands[i];
		int64_t most;
		unsigned r;

		if (h->best == DUAL_NONE || h->worth <= 0 ||
		    (d->tunnel != MODEL_NONE && u->x[d->tunnel]))
			continue;
		r = u->entries[h->first + h->best].relay;
		most = m->in->nodes[m->relays[r]].max_load;
		if (most != INSTANCE_NO_LOAD)
			load[r] += (double)m->weight[d->s * m->n + d->t] / (double)most;
	}
}

static double
move_nu(struct dual *u, double step)
{
	const struct model *m = u->m;
	double *load = mem_array(u->n_relays, sizeof(*load)), norm = 0;

	weigh_loads(u, load);
	for (size_t r = 0; r < u->n_relays; r++) {
		int64_t most = m->in->nodes[m->relays[r]].max_load;
		double left;

		if (most == INSTANCE_NO_LOAD)
			continue;
		u->load[r] = smooth(u, u->load[r], load[r]);
		left = 1 - u->load[r];
		if (left > 0 && !u->nu[r])
			continue;
		norm += left * left;
		/* In the row divided by its limit, so that it is of the size of x. */
		u->nu[r] =
		    moved(u->nu[r], step * left * (1 << DUAL_NU_BITS) / (double)most);
	}
	free(load);
	return norm;
}

/* sigma: each star cut divided by its width, so that x counts once as elsewhere. */
static double
move_sigma(struct dual *u, double step)
{
	double norm = 0;

	for (size_t v = 0; v < u->m->n; v++) {
		for (size_t r = 0; r < u->n_relays; r++) {
			size_t leg = dual_leg(u, v, r);
			double slope;
			int64_t to;

			if (u->star[r] == 0 || u->leg_x[leg] < 0)
				continue;
			u->served[leg] =
			    smooth(u, u->served[leg], (double)u->legs[0][leg].served);
			slope = u->leg_x[leg] / (double)DUAL_ALWAYS -
				u->served[leg] / u->star[r];
			if (slope > 0 && !u->sigma[leg])
				continue;
			norm += slope * slope;
			to = moved(u->sigma[leg], step * slope / u->star[r]);
			u->sigma[leg] =
			    to > INT32_MAX / 4 ? INT32_MAX / 4 : (int32_t)to;
		}
	}
	return norm;
}

/*
 * Moves the prices of the limits and returns the norm that they add; the prices of the
 * legs move in the pass.
 */
static double
move_limits(struct dual *u, double step)
{
	struct dual_pass count = { .u = u };
	double norm = 0;

	if (u->sigma) {
		run_pass(u, &count, count_thread);
		merge_legs(u);
		norm += move_sigma(u, step);
	}
	if (u->mu)
		norm += move_mu(u, step);
	if (u->nu)
		norm += move_nu(u, step);
	return norm;
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
	return u->lambda < LAMBDA_MIN || u->best.bound <= u->target;
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
	if (price.move)
		norm = move_limits(u, step);
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
