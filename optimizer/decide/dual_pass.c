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

/* A price one step along: gradient in 2^-16. */
static int32_t
moved(struct dual_pass *p, int32_t price, int32_t gradient)
{
	int64_t to = price - (((int64_t)p->step * gradient) >> 16);
	int64_t g = gradient >> 8;

	if (gradient < 0 || price > 0)
		p->norm += g * g;
	return to < 0 ? 0 : to > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)to;
}

/* The legs of one demand, by relay. */
struct legs {
	const int32_t *xs, *xt;
	struct dual_leg *ls, *lt;
};

static void
move_entry(struct dual_pass *p, struct dual_entry *e, const struct legs *l, bool served)
{
	int32_t y = served ? DUAL_ALWAYS : 0;

	/* Shifting a negative number rounds down, so that a mean comes to rest at 0. */
	y = p->fresh ? y : e->mean_y + ((y - e->mean_y) >> DUAL_SMOOTH);
	e->mean_y = (uint16_t)y;
	e->rho_s = moved(p, e->rho_s, l->xs[e->relay] - y);
	e->rho_t = moved(p, e->rho_t, l->xt[e->relay] - y);
}

/* Entries after the priced ones: the first that can still be the best. */
static int64_t
scan_rest(const struct dual *u, size_t demand, const struct legs *l, int64_t best)
{
	const struct model_demand *d = &u->m->demands[demand];
	struct dual_demand *h = &u->demands[demand];
	const struct dual_entry *e = &u->entries[h->first];

	for (unsigned k = h->active; k < h->n && e[k].worth > best; k++) {
		int64_t worth = e[k].worth;

		if (l->xs[e[k].relay] < 0 || l->xt[e[k].relay] < 0)
			continue;
		if (u->sigma || u->nu)
			worth -= surcharge(u, d, &e[k]);
		if (worth > best) {
			best = worth;
			h->best = (uint16_t)k;
		}
	}
	return best;
}

static void
price_demand(struct dual_pass *p, size_t i)
{
	struct dual *u = p->u;
	const struct model_demand *d = &u->m->demands[i];
	struct dual_demand *h = &u->demands[i];
	struct dual_entry *e = &u->entries[h->first];
	const size_t s = dual_leg(u, d->s, 0), t = dual_leg(u, d->t, 0);
	const struct legs l = { &u->leg_x[s], &u->leg_x[t], &p->legs[s], &p->legs[t] };
	unsigned served = is_served(u, i) ? h->best : DUAL_NONE, last = 0;
	int64_t best = h->rest;

	h->best = DUAL_NONE;
	if (d->tunnel != MODEL_NONE && u->fix[d->tunnel] == DUAL_IN) {
		h->worth = 0; /* it goes direct: no relay has anything to offer */
		return;
	}
	if (served != DUAL_NONE && served >= h->active)
		h->active = (uint16_t)(served + 1);
	for (unsigned k = 0; k < h->active; k++) {
		unsigned q = e[k].relay;
		int64_t worth;

		if (l.xs[q] < 0 || l.xt[q] < 0)
			continue; /* fixed out: what prices it has count for nothing */
		if (p->move)
			move_entry(p, &e[k], &l, k == served);
		l.ls[q].rho += e[k].rho_s;
		l.lt[q].rho += e[k].rho_t;
		if (e[k].rho_s | e[k].rho_t | e[k].mean_y)
			last = k + 1;
		worth = (int64_t)e[k].worth - e[k].rho_s - e[k].rho_t;
		if ((u->sigma || u->nu) && worth > best)
			worth -= surcharge(u, d, &e[k]);
		if (worth > best) {
			best = worth;
			h->best = (uint16_t)k;
		}
	}
	h->active = (uint16_t)last;
	best = scan_rest(u, i, &l, best);
	h->worth = (int32_t)best;
	p->worth += best;
}

void
dual_pass_price(struct dual_pass *p)
{
	p->worth = p->norm = 0;
	for (size_t i = p->lo; i < p->hi; i++)
		price_demand(p, i);
}

void
dual_pass_count(struct dual_pass *p)
{
	const struct dual *u = p->u;

	for (size_t i = p->lo; i < p->hi; i++) {
		const struct model_demand *d = &u->m->demands[i];
		const struct dual_demand *h = &u->demands[i];
		unsigned q;

		if (!is_served(u, i))
			continue;
		q = u->entries[h->first + h->best].relay;
		p->legs[dual_leg(u, d->s, q)].served++;
		p->legs[dual_leg(u, d->t, q)].served++;
	}
}
