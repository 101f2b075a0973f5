/* SPDX-License-Identifier: MIT */
/*
 * The bound, from the prices alone.  For any prices that are not negative no plan is
 * worth more than
 *
 *	theta x budget + sum of mu x limit + sum of nu x load / 2^20
 *	  + sum over pairs of m + sum over tunnels of max(0, p - theta x cost)
 *
 * where m is the best of a pair's relays at its price (0 if none is worth it) and p
 *what a tunnel is worth at its own: to its ends over m, to the legs that pay for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/verify/verify.h"

#define NU_ONE (INT64_C(1) << 20)

struct sums {
	const struct instance *in;
	const struct verify_claim *claim;
	__int128 *legs; /* n x n, symmetric: what relay paths pay for a tunnel */
	int64_t *sigma; /* n x n: leaf, relay */
	int64_t *mu, *nu;
	int64_t *m; /* a pair */
};

static void
sums_free(struct sums *s)
{
	free(s->legs);
	free(s->sigma);
	free(s->mu);
	free(s->nu);
	free(s->m);
}

static bool
in_range(int64_t price)
{
	return price >= 0 && price <= INT64_MAX / 4;
}

/* Every price where it belongs; one that is negative proves nothing. */
static int
take_prices(struct sums *s, struct err *err)
{
	const struct verify_claim *c = s->claim;
	size_t n = s->in->n_nodes;
	bool ok = in_range(c->theta);

	for (size_t i = 0; i < c->n_mu; i++) {
		ok = ok && in_range(c->mu[i].x) &&
		     s->in->nodes[c->mu[i].a].max_tunnels != MESH_NO_LIMIT;
		s->mu[c->mu[i].a] = c->mu[i].x;
	}
	for (size_t i = 0; i < c->n_nu; i++) {
		ok = ok && in_range(c->nu[i].x) &&
		     s->in->nodes[c->nu[i].a].max_load != INSTANCE_NO_LOAD;
		s->nu[c->nu[i].a] = c->nu[i].x;
	}
	for (size_t i = 0; i < c->n_sigma; i++) {
		ok = ok && in_range(c->sigma[i].x);
		s->sigma[c->sigma[i].a * n + c->sigma[i].q] = c->sigma[i].x;
	}
	for (size_t i = 0; i < c->n_rho; i++) {
		const struct verify_price *p = &c->rho[i];

		ok = ok && in_range(p->x) && in_range(p->y) && p->a < p->b &&
		     p->q != p->a && p->q != p->b &&
		     (i == 0 || c->rho[i - 1].a < p->a ||
			 (c->rho[i - 1].a == p->a && c->rho[i - 1].b <= p->b));
		if (!ok)
			break;
		s->legs[p->a * n + p->q] += p->x;
		s->legs[p->q * n + p->a] += p->x;
		s->legs[p->b * n + p->q] += p->y;
		s->legs[p->q * n + p->b] += p->y;
	}
	return ok ? 0
		  : err_set(err,
			"certificate: a price is negative, of something that has no "
			"limit, or out of order");
}

/* What a path by relay q is worth to a pair, before prices; 0 if it cannot be. */
static int64_t
worth(const struct instance *in, const struct pair *p, uint32_t q)
{
	int64_t x = verify_rtt(in, p->a, q), y = verify_rtt(in, p->b, q);

	if (x < 0 || y < 0 || q == p->a || q == p->b)
		return 0;
	return p->weight *
	       (verify_cost(in, verify_hub(p)) - verify_cost(in, x + y + in->hop_us));
}

/* m of each pair: its rho stand together, in the order of the pairs. */
static __int128
price_pairs(struct sums *s)
{
	const struct instance *in = s->in;
	const struct verify_claim *c = s->claim;
	size_t n = in->n_nodes, at = 0;
	int64_t *paid = mem_array(n, sizeof(*paid));
	__int128 sum = 0;

	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		size_t from = at;

		while (at < c->n_rho && c->rho[at].a == p->a && c->rho[at].b == p->b) {
			paid[c->rho[at].q] += c->rho[at].x + c->rho[at].y;
			at++;
		}
		for (uint32_t q = 0; q < n; q++) {
			__int128 left;

			if (!in->nodes[q].relay || q == in->hub || p->weight <= 0 ||
			    verify_hub(p) < 0 || p->pin == MESH_PIN_HUB)
				continue;
			left = worth(in, p, q);
			left -= paid[q];
			left -= s->sigma[p->a * n + q] + s->sigma[p->b * n + q];
			left -= (__int128)s->nu[q] * p->weight / NU_ONE;
			if (left > s->m[i])
				s->m[i] = (int64_t)left;
		}
		sum += s->m[i];
		for (size_t k = from; k < at; k++)
			paid[c->rho[k].q] = 0;
	}
	free(paid);
	return at == c->n_rho ? sum : -1;
}

/* Other tunnels that a relay can have, at most: the width of its star cuts. */
static int64_t
star_width(const struct instance *in, uint32_t q)
{
	int64_t links = 0, cheapest = INT64_MAX, most = in->nodes[q].max_tunnels;

	for (uint32_t v = 0; v < in->n_nodes; v++) {
		if (v == q || verify_rtt(in, v, q) < 0)
			continue;
		links++;
		if (verify_tunnel_cost(in, v, q) < cheapest)
			cheapest = verify_tunnel_cost(in, v, q);
	}
	if (links && in->budget / cheapest < most)
		most = in->budget / cheapest;
	most = most < links ? most : links;
	return most > 0 ? most - 1 : 0;
}

static __int128
price_tunnels(struct sums *s)
{
	const struct instance *in = s->in;
	size_t n = in->n_nodes, i;
	int64_t *width = mem_array(n, sizeof(*width)), change = verify_change(in);
	__int128 sum = 0;

	for (uint32_t q = 0; q < n; q++)
		width[q] = in->nodes[q].relay ? star_width(in, q) : 0;
	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = a + 1; b < n; b++) {
			int64_t us = verify_rtt(in, a, b);
			bool required = false, present = false;
			__int128 p;

			if (us < 0)
				continue;
			i = in->tunnels ? instance_tunnel(in, a, b) : SIZE_MAX;
			if (i != SIZE_MAX) {
				required = in->tunnels[i].required;
				present = in->tunnels[i].present;
			}
			p = s->legs[a * n + b] - s->mu[a] - s->mu[b] +
			    (__int128)width[b] * s->sigma[a * n + b] +
			    (__int128)width[a] * s->sigma[b * n + a];
			i = instance_pair(in, a, b);
			if (i != SIZE_MAX && !in->tunnels) {
				required = in->pairs[i].pin == MESH_PIN_DIRECT ||
					   in->pairs[i].held;
				present = in->pairs[i].present;
				p += in->pairs[i].bias;
			}
			if (i != SIZE_MAX && verify_hub(&in->pairs[i]) > 0 &&
			    in->pairs[i].pin != MESH_PIN_HUB && in->pairs[i].weight > 0)
				p += in->pairs[i].weight *
					 (verify_cost(in, verify_hub(&in->pairs[i])) -
					     verify_cost(in, us)) -
				     s->m[i];
			p += present ? change : -change;
			p -= (__int128)s->claim->theta * verify_tunnel_cost(in, a, b);
			sum += required || p > 0 ? p : 0;
		}
	}
	free(width);
	return sum;
}

int
verify_bound(const struct instance *in, const struct verify_claim *claim,
    int64_t *bound, struct err *err)
{
	size_t n = in->n_nodes;
	struct sums s = { .in = in, .claim = claim };
	__int128 sum = 0, pairs;
	uint64_t all = 0;
	int r;

	s.legs = mem_array(n * n, sizeof(*s.legs));
	s.sigma = mem_array(n * n, sizeof(*s.sigma));
	s.mu = mem_array(n, sizeof(*s.mu));
	s.nu = mem_array(n, sizeof(*s.nu));
	s.m = mem_array(in->n_pairs, sizeof(*s.m));
	r = take_prices(&s, err);
	if (r == 0) {
		pairs = price_pairs(&s);
		if (pairs < 0)
			r = err_set(err, "certificate: a price of a pair that is none");
		sum = pairs + price_tunnels(&s);
	}
	for (uint32_t a = 0; a < n; a++)
		for (uint32_t b = a + 1; b < n; b++)
			if (verify_rtt(in, a, b) >= 0)
				all += verify_tunnel_cost(in, a, b);
	if (in->budget < all)
		all = in->budget;
	sum += (__int128)claim->theta * (int64_t)all;
	for (size_t v = 0; v < n; v++) {
		if (s.mu[v])
			sum += (__int128)s.mu[v] * in->nodes[v].max_tunnels;
		if (s.nu[v])
			sum +=
			    ((__int128)s.nu[v] * in->nodes[v].max_load + NU_ONE - 1) /
			    NU_ONE;
	}
	for (size_t i = 0; i < in->n_tunnels; i++)
		sum -= in->tunnels[i].present ? verify_change(in) : 0;
	for (size_t i = 0; !in->tunnels && i < in->n_pairs; i++)
		sum += verify_bias(&in->pairs[i], false) -
		       (in->pairs[i].present ? verify_change(in) : 0);
	*bound = sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
	sums_free(&s);
	return r;
}
