/* SPDX-License-Identifier: MIT */
/*
 * The prices of the limits: of a node's tunnels (mu), of what a relay carries (nu), of
 * star cuts (sigma).  They move beside those of the legs, which move in the pass.
 */
#include "optimizer/decide/dual.h"

#include <stdlib.h>

#include "common/mem.h"

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

double
dual_limits_move(struct dual *u, double step)
{
	double norm = 0;

	if (u->sigma)
		norm += move_sigma(u, step);
	if (u->mu)
		norm += move_mu(u, step);
	if (u->nu)
		norm += move_nu(u, step);
	return norm;
}
