/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/model.h"

#include <stdlib.h>

#include "common/mem.h"

void
model_free(struct model *m)
{
	if (!m)
		return;
	free(m->tunnels);
	free(m->demands);
	free(m->rtt);
	free(m->hub_us);
	free(m->weight);
	free(m->at);
	free(m->relay);
	free(m->relays);
	free(m);
}

int64_t
model_own(const struct model *m, const struct model_tunnel *t)
{
	return model_change(m, t) +
	       model_value(m, t->u, t->v, m->rtt[t->u * m->n + t->v]);
}

static bool
wanted(const struct tunnel *t)
{
	return t->required || (t->direct_us > 0 && t->reachable && !t->denied);
}

static void
take_demands(struct model *m)
{
	const struct instance *in = m->in;

	m->demands = mem_array(in->n_pairs, sizeof(*m->demands));
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		size_t at = p->a * m->n + p->b, back = p->b * m->n + p->a;

		if (p->hub_us == PLAN_UNKNOWN || p->weight <= 0 ||
		    p->pin == MESH_PIN_HUB)
			continue;
		/* What decides is the lower limit, where there is one. */
		m->hub_us[at] = m->hub_us[back] =
		    (int32_t)(p->hub_lo_us > 0 ? p->hub_lo_us : p->hub_us);
		m->weight[at] = m->weight[back] = p->weight;
		m->demands[m->n_demands++] = (struct model_demand){
			.s = (uint16_t)p->a,
			.t = (uint16_t)p->b,
			.tunnel = MODEL_NONE,
		};
	}
}

/*
 * A required tunnel that nobody measured is had at the hub's RTT: it must be built, and
 * promises nothing.
 */
static int32_t
rtt_of(const struct model *m, const struct tunnel *t)
{
	int32_t hub = m->hub_us[t->a * m->n + t->b];

	return t->direct_us > 0 ? t->direct_us : hub > 0 ? hub : 1;
}

static void
take_tunnel(struct model *m, const struct tunnel *t)
{
	size_t at = t->a * m->n + t->b, back = t->b * m->n + t->a;

	if (t->present)
		m->constant -= m->change;
	if (!wanted(t))
		return;
	m->rtt[at] = m->rtt[back] = rtt_of(m, t);
	m->at[at] = m->at[back] = (uint32_t)m->n_tunnels;
	m->tunnels[m->n_tunnels++] = (struct model_tunnel){
		.u = t->a,
		.v = t->b,
		.required = t->required,
		.present = t->present,
		.cost = t->cost,
		.demand = MODEL_NONE,
	};
	m->unit_costs = m->unit_costs && t->cost == 1;
}

/* Without relays only a pair's own tunnel can be worth anything. */
static struct tunnel
tunnel_of_pair(const struct pair *p)
{
	return (struct tunnel){
		.a = (uint16_t)p->a,
		.b = (uint16_t)p->b,
		.direct_us =
		    (int32_t)(p->direct_hi_us > 0 ? p->direct_hi_us : p->direct_us),
		.cost = p->cost,
		.reachable = p->reachable,
		.present = p->present,
		.denied = p->pin == MESH_PIN_HUB || p->barred,
		.required = p->pin == MESH_PIN_DIRECT,
	};
}

static void
take_tunnels(struct model *m)
{
	const struct instance *in = m->in;
	int64_t sum = 0, total = 0;

	for (size_t i = 0; i < in->n_pairs; i++)
		total += in->pairs[i].weight;
	/* us per tunnel x mean weight of a pair */
	if (in->n_pairs && !m->slo_us)
		m->change =
		    (int64_t)((__int128)in->change_us * total / (int64_t)in->n_pairs);
	m->tunnels =
	    mem_array(in->tunnels ? in->n_tunnels : in->n_pairs, sizeof(*m->tunnels));
	for (size_t i = 0; i < in->n_tunnels; i++)
		take_tunnel(m, &in->tunnels[i]);
	for (size_t i = 0; !in->tunnels && i < in->n_pairs; i++) {
		struct tunnel t = tunnel_of_pair(&in->pairs[i]);

		take_tunnel(m, &t);
	}
	for (size_t t = 0; t < m->n_tunnels; t++)
		sum += m->tunnels[t].cost;
	m->budget = in->budget < sum ? in->budget : sum;
}

struct model *
model_new(const struct instance *in)
{
	struct model *m = mem_alloc(sizeof(*m));
	size_t n = in->n_nodes;

	m->in = in;
	m->n = n;
	m->hop_us = in->hop_us;
	m->slo_us = in->goal == GOAL_MEAN ? 0 : (int32_t)in->limit_us;
	m->unit_costs = true;
	m->rtt = mem_array(n * n, sizeof(*m->rtt));
	m->hub_us = mem_array(n * n, sizeof(*m->hub_us));
	m->weight = mem_array(n * n, sizeof(*m->weight));
	m->at = mem_array(n * n, sizeof(*m->at));
	m->relay = mem_array(n, sizeof(*m->relay));
	m->relays = mem_array(n, sizeof(*m->relays));
	for (size_t i = 0; i < n * n; i++) {
		m->rtt[i] = -1;
		m->at[i] = MODEL_NONE;
	}
	for (size_t i = 0; i < n; i++) {
		if (in->nodes[i].relay && i != in->hub) {
			m->relay[i] = true;
			m->relays[m->n_relays++] = (uint16_t)i;
		}
		m->has_caps |= in->nodes[i].max_tunnels != MESH_NO_LIMIT;
		m->has_loads |= in->nodes[i].max_load != INSTANCE_NO_LOAD;
	}
	take_demands(m);
	take_tunnels(m);
	for (size_t d = 0; d < m->n_demands; d++) {
		struct model_demand *q = &m->demands[d];

		q->tunnel = m->at[q->s * n + q->t];
		if (q->tunnel != MODEL_NONE)
			m->tunnels[q->tunnel].demand = (uint32_t)d;
	}
	return m;
}
