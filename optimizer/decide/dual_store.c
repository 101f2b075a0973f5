/* SPDX-License-Identifier: MIT */
/*
 * What the dual keeps: for each demand the relays of most worth, and the best prices.
 */
#include "optimizer/decide/dual.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Worth of an entry stays below, so that prices and their sums have room. */
#define WORTH_BITS 29

static int64_t
units(const struct dual *u, int64_t value)
{
	return (value + (INT64_C(1) << u->shift) - 1) >> u->shift; /* rounded up */
}

static int64_t
relay_worth(const struct model *m, const struct model_demand *d, size_t relay)
{
	int32_t x = m->rtt[d->s * m->n + relay], y = m->rtt[d->t * m->n + relay];

	return x < 0 || y < 0 ? 0 : model_value(m, d->s, d->t, x + y + m->hop_us);
}

static unsigned
shift_for(const struct model *m)
{
	int64_t most = 0, worth;
	unsigned shift = 0;

	for (size_t i = 0; i < m->n_demands; i++) {
		const struct model_demand *d = &m->demands[i];
		size_t at = d->s * m->n + d->t;

		worth = m->weight[at] * model_cost(m, m->hub_us[at]);
		most = worth > most ? worth : most;
	}
	while (most >> shift >= INT64_C(1) << WORTH_BITS)
		shift++;
	return shift;
}

/*
 * The best relays of one demand into best[], by falling worth, equals by number; at
 * most `most` of them.  Returns how many.
 */
static size_t
gather(const struct dual *u, const struct model_demand *d, struct dual_entry *best,
    size_t most)
{
	const struct model *m = u->m;
	size_t n = 0;

	for (size_t r = 0; r < m->n_relays; r++) {
		int64_t worth = units(u, relay_worth(m, d, m->relays[r]));
		size_t at = n;

		if (worth <= 0 || (n == most && worth <= best[n - 1].worth))
			continue;
		for (at = n < most ? n++ : n - 1; at > 0 && best[at - 1].worth < worth;
		     at--)
			best[at] = best[at - 1];
		best[at] = (struct dual_entry){
			.worth = (int32_t)worth,
			.relay = (uint16_t)r,
		};
	}
	return n;
}

static void
store_entries(struct dual *u, uint32_t kept)
{
	const struct model *m = u->m;
	struct dual_entry *all = mem_array(kept + 1, sizeof(*all));
	size_t used = 0, cap = 0;

	for (size_t i = 0; i < m->n_demands; i++) {
		size_t n = gather(u, &m->demands[i], all, kept + 1);
		struct dual_demand *h = &u->demands[i];

		h->rest = n > kept ? all[kept].worth : 0;
		n = n > kept ? kept : n;
		if (used + n > cap) {
			/* The first demands foretell the others: rarely grown twice. */
			cap = (used + n) * m->n_demands / (i + 1) + n + 1024;
			u->entries = mem_grow(u->entries, cap, sizeof(*u->entries));
		}
		if (n > 0)
			memcpy(&u->entries[used], all, n * sizeof(*all));
		h->first = (uint32_t)used;
		h->n = (uint16_t)n;
		h->best = DUAL_NONE;
		used += n;
	}
	free(all);
}

/*
 * A star cut can bind only where a relay may have fewer other tunnels than there are
 * nodes to have them with.
 */
static void
set_stars(struct dual *u)
{
	const struct model *m = u->m;
	bool binds = false;

	u->star = mem_array(m->n_relays, sizeof(*u->star));
	for (size_t r = 0; r < m->n_relays; r++) {
		int64_t most = model_cap(m, m->relays[r]), links = 0;
		int64_t cheapest = INT64_MAX;

		for (size_t v = 0; v < m->n; v++) {
			uint32_t t = m->at[m->relays[r] * m->n + v];

			if (t == MODEL_NONE)
				continue;
			links++;
			if (m->tunnels[t].cost < cheapest)
				cheapest = m->tunnels[t].cost;
		}
		if (links && m->budget / cheapest < most)
			most = m->budget / cheapest;
		binds |= most < links;
		most = most < links ? most : links;
		u->star[r] = most > 0 ? (int32_t)most - 1 : 0;
	}
	if (!binds)
		return;
	u->sigma = mem_array(m->n * m->n_relays, sizeof(*u->sigma));
	u->served = mem_array(m->n * m->n_relays, sizeof(*u->served));
}

static void
set_tunnels(struct dual *u)
{
	const struct model *m = u->m;
	size_t legs = m->n * m->n_relays;

	u->own = mem_array(m->n_tunnels, sizeof(*u->own));
	u->price = mem_array(m->n_tunnels, sizeof(*u->price));
	u->scratch = mem_array(m->n_tunnels, sizeof(*u->scratch));
	if (!m->unit_costs)
		u->order = mem_array(m->n_tunnels, sizeof(*u->order));
	u->x = mem_array(m->n_tunnels, sizeof(*u->x));
	u->mean_x = mem_array(m->n_tunnels, sizeof(*u->mean_x));
	u->fix = mem_array(m->n_tunnels, sizeof(*u->fix));
	u->dir_x = mem_array(m->n_tunnels, sizeof(*u->dir_x));
	u->leg_x = mem_array(legs, sizeof(*u->leg_x));
	for (unsigned i = 0; i < u->threads; i++)
		u->legs[i] = mem_array(legs, sizeof(*u->legs[i]));
	for (size_t t = 0; t < m->n_tunnels; t++) {
		u->own[t] = units(u, model_own(m, &m->tunnels[t]));
		u->fix[t] = m->tunnels[t].required ? DUAL_IN : DUAL_FREE;
	}
}

struct dual *
dual_new(const struct model *m, const struct dual_opts *opts)
{
	struct dual *u = mem_alloc(sizeof(*u));

	u->m = m;
	u->n_relays = m->n_relays;
	u->rough = opts->rough;
	u->threads = opts->threads > 1 && m->n_demands >= DUAL_THREADS ? 2 : 1;
	u->shift = shift_for(m);
	u->demands = mem_array(m->n_demands, sizeof(*u->demands));
	store_entries(u, opts->relays_kept);
	set_tunnels(u);
	set_stars(u);
	if (m->has_caps)
		u->mu = mem_array(m->n, sizeof(*u->mu));
	if (m->has_loads)
		u->nu = mem_array(m->n_relays, sizeof(*u->nu));
	if (m->has_loads)
		u->load = mem_array(m->n_relays, sizeof(*u->load));
	u->lambda = m->n_demands < DUAL_LARGE ? DUAL_LAMBDA : DUAL_LAMBDA_LARGE;
	u->best.bound = INT64_MAX;
	u->best.active = mem_array(m->n_demands, sizeof(*u->best.active));
	u->best.sigma = mem_array(m->n * m->n_relays, sizeof(*u->best.sigma));
	u->best.mu = mem_array(m->n, sizeof(*u->best.mu));
	u->best.nu = mem_array(m->n_relays, sizeof(*u->best.nu));
	return u;
}

void
dual_free(struct dual *u)
{
	if (!u)
		return;
	free(u->entries);
	free(u->demands);
	free(u->own);
	free(u->price);
	free(u->scratch);
	free(u->order);
	free(u->x);
	free(u->mean_x);
	free(u->fix);
	free(u->leg_x);
	free(u->dir_x);
	free(u->served);
	free(u->load);
	free(u->legs[0]);
	free(u->legs[1]);
	free(u->sigma);
	free(u->star);
	free(u->mu);
	free(u->nu);
	free(u->best.active);
	free(u->best.rho);
	free(u->best.sigma);
	free(u->best.mu);
	free(u->best.nu);
	free(u);
}

void
dual_start(struct dual *u, const struct network *net)
{
	const struct model *m = u->m;

	for (size_t i = 0; i < m->n_demands; i++) {
		const struct model_demand *d = &m->demands[i];
		struct dual_demand *h = &u->demands[i];
		int64_t now =
		    model_value(m, d->s, d->t, network_path_us(net, d->s, d->t));
		int64_t floor = units(u, now > 0 ? now - now / 10 : 0);

		h->active = 0;
		h->best = DUAL_NONE;
		for (unsigned k = 0; k < h->n; k++) {
			struct dual_entry *e = &u->entries[h->first + k];

			e->rho_s = e->rho_t = 0;
			e->mean_y = 0;
			if (e->worth <= floor)
				continue;
			e->rho_s = e->rho_t = (int32_t)((e->worth - floor) / 2);
			h->active = (uint16_t)(k + 1);
		}
	}
	memset(u->x, 0, m->n_tunnels * sizeof(*u->x));
	for (size_t t = 0; t < m->n_tunnels; t++)
		u->mean_x[t] = net->on[t] ? 1 << 15 : 0;
	u->target = net->value - m->constant;
	u->lambda = m->n_demands < DUAL_LARGE ? DUAL_LAMBDA : DUAL_LAMBDA_LARGE;
	dual_afresh(u);
}

/* dual_keep() stands in dual.c; this is its way back. */
void
dual_recall(struct dual *u)
{
	const struct model *m = u->m;
	size_t at = 0;

	if (u->best.bound == INT64_MAX)
		return;
	for (size_t i = 0; i < m->n_demands; i++) {
		struct dual_demand *h = &u->demands[i];
		struct dual_entry *e = &u->entries[h->first];

		for (unsigned k = 0; k < h->n; k++) {
			bool had = k < u->best.active[i];

			e[k].rho_s = had ? u->best.rho[at++] : 0;
			e[k].rho_t = had ? u->best.rho[at++] : 0;
			e[k].mean_y = 0;
		}
		h->active = u->best.active[i];
		h->best = DUAL_NONE;
	}
	if (u->sigma)
		memcpy(u->sigma, u->best.sigma, m->n * m->n_relays * sizeof(*u->sigma));
	if (u->mu)
		memcpy(u->mu, u->best.mu, m->n * sizeof(*u->mu));
	if (u->nu)
		memcpy(u->nu, u->best.nu, m->n_relays * sizeof(*u->nu));
	dual_afresh(u);
}
