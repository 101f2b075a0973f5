/* SPDX-License-Identifier: MIT */
/*
 * An instance as the relay solver wants it: square tables by node, the tunnels that may
 * be had, the pairs whose path is worth something.  A tunnel's path or a relay's is
 * compared with the hub's by model_cost(), which is all that the solver knows of the
 * objective.
 */
#ifndef OPTIMIZER_DECIDE_MODEL_H
#define OPTIMIZER_DECIDE_MODEL_H

#include "optimizer/decide/instance.h"

#define MODEL_NONE UINT32_MAX

struct model_tunnel {
	uint16_t u, v; /* u < v */
	bool required, present;
	uint32_t cost;
	uint32_t demand; /* of its own two ends, or MODEL_NONE */
};

struct model_demand {
	uint16_t s, t;	 /* s < t */
	uint32_t tunnel; /* of its own two ends, or MODEL_NONE */
};

struct model {
	const struct instance *in;
	size_t n;
	struct model_tunnel *tunnels; /* candidates and required ones, by (u, v) */
	size_t n_tunnels;
	struct model_demand *demands; /* weight > 0 and the hub RTT known, by (s, t) */
	size_t n_demands;
	int32_t *rtt;	  /* n x n, of the tunnel, or -1 where none may be */
	int32_t *hub_us;  /* n x n, 0 without a demand */
	int64_t *weight;  /* n x n, 0 without a demand */
	uint32_t *at;	  /* n x n, index of the tunnel or MODEL_NONE */
	bool *relay;	  /* a node */
	uint16_t *relays; /* their indices */
	size_t n_relays;
	int64_t budget; /* at most what all tunnels cost */
	int32_t hop_us;
	int32_t slo_us;	  /* 0: the mean */
	int64_t change;	  /* cost of adding or dropping a tunnel */
	int64_t constant; /* value of nothing built: the cost of all that is dropped */
	bool unit_costs, has_caps, has_loads;
};

struct model *model_new(const struct instance *in);
void model_free(struct model *m);

/* What a path of this length costs a pair per weight. */
static inline int64_t
model_cost(const struct model *m, int32_t us)
{
	return m->slo_us ? us > m->slo_us : us;
}

/* Value over the hub's path of a demand that goes by a path of this length. */
static inline int64_t
model_value(const struct model *m, size_t s, size_t t, int32_t us)
{
	size_t at = s * m->n + t;

	return m->weight[at] * (model_cost(m, m->hub_us[at]) - model_cost(m, us));
}

static inline uint32_t
model_cap(const struct model *m, size_t node)
{
	return m->in->nodes[node].max_tunnels;
}

/* Added to the value when this tunnel is there. */
static inline int64_t
model_change(const struct model *m, const struct model_tunnel *t)
{
	return t->present ? m->change : -m->change;
}

/* Value of a tunnel to its own ends, over the hub, with what changing it costs. */
int64_t model_own(const struct model *m, const struct model_tunnel *t);

#endif
