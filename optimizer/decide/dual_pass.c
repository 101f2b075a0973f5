/* SPDX-License-Identifier: MIT */
/*
 * The two loops over all demands, where the time goes.  Only the entries that carry a
 * price are touched, and the first after them: entries stand by falling worth, so the
 * others cannot be the best.  Each thread has its own table of legs.
 */
#include "optimizer/decide/dual.h"

/* What it costs this demand to take this entry, besides rho. */
static int64_t
surcharge(const struct dual *u, const struct model_demand *d,
    const struct dual_entry *e)
{
	int64_t sum = 0;

	if (u->sigma)
		sum += (int64_t)u->sigma[dual_leg(u, d->s, e->relay)] +
		       u->sigma[dual_leg(u, d->t, e->relay)];
	if (u->nu && u->nu[e->relay])
		sum += (int64_t)(((__int128)u->nu[e->relay] *
				     u->m->weight[d->s * u->m->n + d->t]) >>
				 DUAL_NU_BITS);
	return sum;
}

static bool
is_served(const struct dual *u, size_t demand)
{
	const struct model_demand *d = &u->m->demands[demand];
	const struct dual_demand *h = &u->demands[demand];

	return h->best != DUAL_NONE && h->worth > 0 &&
	       !(d->tunnel != MODEL_NONE && u->x[d->tunnel]);
}

static int32_t
moved(int32_t price, int32_t step, int gradient)
{
	int64_t p = (int64_t)price - (int64_t)step * gradient;

	return p < 0 ? 0 : p > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)p;
}

static void
price_demand(struct dual_pass *p, size_t i)
{
	struct dual *u = p->u;
	const struct model_demand *d = &u->m->demands[i];
	struct dual_demand *h = &u->demands[i];
	struct dual_entry *e = &u->entries[h->first];
	const int8_t *xs = &u->leg_x[dual_leg(u, d->s, 0)];
	const int8_t *xt = &u->leg_x[dual_leg(u, d->t, 0)];
	struct dual_leg *ls = &p->legs[dual_leg(u, d->s, 0)];
	struct dual_leg *lt = &p->legs[dual_leg(u, d->t, 0)];
	bool extra = u->sigma || u->nu;
	int64_t best = h->rest;
	unsigned served = is_served(u, i) ? h->best : DUAL_NONE, k, last = 0;

	h->best = DUAL_NONE;
	if (d->tunnel != MODEL_NONE && u->fix[d->tunnel] == DUAL_IN) {
		h->worth = 0; /* it goes direct: no relay has anything to offer */
		return;
	}
	if (served != DUAL_NONE && served >= h->active)
		h->active = (uint16_t)(served + 1);
	for (k = 0; k < h->active; k++) {
		unsigned q = e[k].relay;
		int64_t worth;

		if (xs[q] < 0 || xt[q] < 0)
			continue; /* fixed out: what prices it has count for nothing */
		if (p->step) {
			e[k].rho_s = moved(e[k].rho_s, p->step, xs[q] - (k == served));
			e[k].rho_t = moved(e[k].rho_t, p->step, xt[q] - (k == served));
		}
		if (e[k].rho_s) {
			ls[q].rho += e[k].rho_s;
			ls[q].positive++;
			last = k + 1;
		}
		if (e[k].rho_t) {
			lt[q].rho += e[k].rho_t;
			lt[q].positive++;
			last = k + 1;
		}
		worth = (int64_t)e[k].worth - e[k].rho_s - e[k].rho_t;
		if (extra && worth > best)
			worth -= surcharge(u, d, &e[k]);
		if (worth > best) {
			best = worth;
			h->best = (uint16_t)k;
		}
	}
	h->active = (uint16_t)last;
	for (; k < h->n && e[k].worth > best; k++) {
		int64_t worth = e[k].worth;

		if (xs[e[k].relay] < 0 || xt[e[k].relay] < 0)
			continue;
		if (extra)
			worth -= surcharge(u, d, &e[k]);
		if (worth > best) {
			best = worth;
			h->best = (uint16_t)k;
		}
	}
	h->worth = (int32_t)best;
	p->worth += best;
}

void
dual_pass_price(struct dual_pass *p)
{
	p->worth = 0;
	for (size_t i = p->lo; i < p->hi; i++)
		price_demand(p, i);
}

/* One leg of a served demand: what it adds to the norm of the subgradient. */
static void
count_leg(struct dual_pass *p, size_t leg, int32_t rho)
{
	p->legs[leg].served++;
	if (p->u->leg_x[leg] <= 0)
		p->norm++;
	else if (rho > 0)
		p->norm--; /* it is among the leg's positive ones, but is in balance */
}

void
dual_pass_count(struct dual_pass *p)
{
	const struct dual *u = p->u;

	p->norm = 0;
	for (size_t i = p->lo; i < p->hi; i++) {
		const struct model_demand *d = &u->m->demands[i];
		const struct dual_demand *h = &u->demands[i];
		const struct dual_entry *e;

		if (!is_served(u, i))
			continue;
		e = &u->entries[h->first + h->best];
		count_leg(p, dual_leg(u, d->s, e->relay), e->rho_s);
		count_leg(p, dual_leg(u, d->t, e->relay), e->rho_t);
	}
}
