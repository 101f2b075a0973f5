/* SPDX-License-Identifier: MIT */
/*
 * Judging a plan, whoever made it: value, bound, budget, limits, rule C1, and whether
 * AllowedIPs can realise it.  Written from docs/planning.md; it shares nothing with the
 * solver but the instance.
 */
#ifndef OPTIMIZER_VERIFY_VERIFY_H
#define OPTIMIZER_VERIFY_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "optimizer/decide/instance.h"

enum verify_path { VERIFY_HUB, VERIFY_DIRECT, VERIFY_RELAY };

struct verify_route {
	uint32_t a, b, via;
	enum verify_path path;
	int64_t us; /* as claimed; -1 = not said */
};

struct verify_tunnel {
	uint32_t a, b;
	bool dropped;
};

/* Prices by node: of a leg's demand a-b through q, of a star, of a node. */
struct verify_price {
	uint32_t a, b, q;
	int64_t x, y;
};

struct verify_claim {
	char objective[48];
	int64_t value, bound;
	bool by_search; /* the bound rests on a search, not on prices */
	bool has_prices;
	int64_t prices_bound, theta;
	int64_t prices_slo;	       /* of a quantile's prices: us; 0 = none */
	struct verify_tunnel *tunnels; /* owned, like all that follow */
	struct verify_route *routes;
	struct verify_price *mu, *nu, *sigma, *rho;
	size_t n_tunnels, n_routes, n_mu, n_nu, n_sigma, n_rho;
};

struct verify_verdict {
	int64_t value;
	int64_t bound; /* by the prices; only with has_bound */
	bool has_bound;
	size_t tunnels, spent;
	size_t delivered; /* ordered pairs that simulated forwarding delivered */
	size_t relayed;	  /* routes through a relay */
};

/* Names as in the instance.  -EINVAL and err at the first thing that is wrong. */
int verify_claim_read(const char *text, size_t len, const struct instance *in,
    struct verify_claim *out, struct err *err);
void verify_claim_fini(struct verify_claim *claim);

int verify(const struct instance *in, const struct verify_claim *claim,
    struct verify_verdict *out, struct err *err);

/* verify()'s parts. */
int verify_bound(const struct instance *in, const struct verify_claim *claim,
    int64_t *bound, struct err *err);
/* A quantile: its value, and the bound where there are prices. */
int verify_quantile(const struct instance *in, const struct verify_claim *claim,
    struct verify_verdict *out, struct err *err);
int verify_forwarding(const struct instance *in, const struct verify_claim *claim,
    size_t *delivered, struct err *err);

/* RTT of a tunnel that may be had, by the limit that decides, or -1. */
int64_t verify_rtt(const struct instance *in, uint32_t a, uint32_t b);
/* RTT of the hub's path likewise, or -1. */
int64_t verify_hub(const struct pair *p);
/* What a path of this length costs, per weight. */
int64_t verify_cost(const struct instance *in, int64_t us);
/* us x weight for adding or dropping one tunnel. */
int64_t verify_change(const struct instance *in);
/* What a policy adds to it for one pair's tunnel being there. */
int64_t verify_bias(const struct pair *p, bool stands);
uint32_t verify_tunnel_cost(const struct instance *in, uint32_t a, uint32_t b);

#endif
