/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/network.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct network *
network_new(const struct model *m)
{
	struct network *net = mem_alloc(sizeof(*net));
	size_t n = m->n;

	net->m = m;
	net->words = (n + 63) / 64;
	net->on = mem_array(m->n_tunnels, sizeof(*net->on));
	net->peers = mem_array(n * net->words, sizeof(*net->peers));
	net->relays = mem_array(net->words, sizeof(*net->relays));
	net->degree = mem_array(n, sizeof(*net->degree));
	net->load = mem_array(n, sizeof(*net->load));
	net->us = mem_array(n * n, sizeof(*net->us));
	net->via = mem_array(n * n, sizeof(*net->via));
	for (size_t i = 0; i < m->n_relays; i++)
		net->relays[m->relays[i] / 64] |= UINT64_C(1) << (m->relays[i] % 64);
	network_clear(net);
	return net;
}

void
network_clear(struct network *net)
{
	const struct model *m = net->m;
	size_t n = m->n;

	memset(net->on, 0, m->n_tunnels * sizeof(*net->on));
	memset(net->peers, 0, n * net->words * sizeof(*net->peers));
	memset(net->degree, 0, n * sizeof(*net->degree));
	memset(net->load, 0, n * sizeof(*net->load));
	memcpy(net->us, m->hub_us, n * n * sizeof(*net->us));
	memset(net->via, 0xff, n * n * sizeof(*net->via)); /* NETWORK_HUB */
	net->value = m->constant;
	net->spent = 0;
	net->n_on = 0;
}

void
network_free(struct network *net)
{
	if (!net)
		return;
	free(net->on);
	free(net->peers);
	free(net->relays);
	free(net->degree);
	free(net->load);
	free(net->us);
	free(net->via);
	free(net);
}

void
network_copy(struct network *to, const struct network *from)
{
	const struct model *m = from->m;
	size_t n = m->n;

	memcpy(to->on, from->on, m->n_tunnels * sizeof(*to->on));
	memcpy(to->peers, from->peers, n * from->words * sizeof(*to->peers));
	memcpy(to->degree, from->degree, n * sizeof(*to->degree));
	memcpy(to->load, from->load, n * sizeof(*to->load));
	memcpy(to->us, from->us, n * n * sizeof(*to->us));
	memcpy(to->via, from->via, n * n * sizeof(*to->via));
	to->value = from->value;
	to->spent = from->spent;
	to->n_on = from->n_on;
}

bool
network_fits(const struct network *net, size_t tunnel)
{
	const struct model_tunnel *t = &net->m->tunnels[tunnel];

	return net->spent + t->cost <= net->m->budget &&
	       net->degree[t->u] < model_cap(net->m, t->u) &&
	       net->degree[t->v] < model_cap(net->m, t->v);
}

/* Has the relay room for this much more? */
static bool
has_room(const struct network *net, size_t relay, int64_t weight)
{
	int64_t most = net->m->in->nodes[relay].max_load;

	return most == INSTANCE_NO_LOAD || net->load[relay] + weight <= most;
}

/* Weight x cost of a path of a demand; us is the real length. */
static int64_t
path_cost(const struct model *m, size_t at, int32_t us)
{
	return m->weight[at] * model_cost(m, us);
}

static void
set_path(struct network *net, size_t s, size_t t, uint16_t via, int32_t us)
{
	size_t n = net->m->n, at = s * n + t, back = t * n + s;
	uint16_t old = net->via[at];

	if (old < NETWORK_DIRECT)
		net->load[old] -= net->m->weight[at];
	if (via < NETWORK_DIRECT)
		net->load[via] += net->m->weight[at];
	net->value += path_cost(net->m, at, network_path_us(net, s, t)) -
		      path_cost(net->m, at, us);
	net->via[at] = net->via[back] = via;
	net->us[at] = net->us[back] = via == NETWORK_DIRECT ? 0 : us;
}

int32_t
network_path_us(const struct network *net, size_t s, size_t t)
{
	size_t at = s * net->m->n + t;

	if (net->via[at] == NETWORK_DIRECT)
		return net->m->rtt[at];
	return net->us[at];
}

uint16_t
network_relay(const struct network *net, size_t s, size_t t, size_t but, int32_t *us)
{
	const struct model *m = net->m;
	const uint64_t *x = &net->peers[s * net->words], *y;
	size_t n = m->n;
	uint16_t best = NETWORK_HUB;

	*us = m->hub_us[s * n + t];
	y = &net->peers[t * net->words];
	for (size_t w = 0; w < net->words; w++) {
		uint64_t bits = x[w] & y[w] & net->relays[w];

		for (; bits; bits &= bits - 1) {
			size_t q = w * 64 + (size_t)__builtin_ctzll(bits);
			int32_t len = m->rtt[s * n + q] + m->rtt[t * n + q] + m->hop_us;

			if (len >= *us || q == but)
				continue;
			if (m->has_loads && net->via[s * n + t] != q &&
			    !has_room(net, q, m->weight[s * n + t]))
				continue;
			*us = len;
			best = (uint16_t)q;
		}
	}
	return best;
}

/* The tunnel relay-leaf is new: pairs of the leaf with the relay's other peers. */
static void
offer_relay(struct network *net, size_t relay, size_t leaf)
{
	const struct model *m = net->m;
	const uint64_t *peers = &net->peers[relay * net->words];
	size_t n = m->n, row = leaf * n;
	int32_t leg = m->rtt[relay * n + leaf] + m->hop_us;

	for (size_t w = 0; w < net->words; w++) {
		for (uint64_t bits = peers[w]; bits; bits &= bits - 1) {
			size_t t = w * 64 + (size_t)__builtin_ctzll(bits);
			int32_t us = leg + m->rtt[relay * n + t],
				now = net->us[row + t];

			if (us > now || t == leaf)
				continue;
			if (us == now && (net->via[row + t] == NETWORK_HUB ||
					     relay >= net->via[row + t]))
				continue;
			if (m->has_loads && !has_room(net, relay, m->weight[row + t]))
				continue;
			set_path(net, leaf, t, (uint16_t)relay, us);
		}
	}
}

static void
flip(struct network *net, size_t tunnel)
{
	const struct model_tunnel *t = &net->m->tunnels[tunnel];

	net->on[tunnel] = !net->on[tunnel];
	net->peers[t->u * net->words + t->v / 64] ^= UINT64_C(1) << (t->v % 64);
	net->peers[t->v * net->words + t->u / 64] ^= UINT64_C(1) << (t->u % 64);
	if (net->on[tunnel]) {
		net->degree[t->u]++;
		net->degree[t->v]++;
		net->spent += t->cost;
		net->value += model_change(net->m, t);
		net->n_on++;
	} else {
		net->degree[t->u]--;
		net->degree[t->v]--;
		net->spent -= t->cost;
		net->value -= model_change(net->m, t);
		net->n_on--;
	}
}

void
network_add(struct network *net, size_t tunnel)
{
	const struct model *m = net->m;
	const struct model_tunnel *t = &m->tunnels[tunnel];

	flip(net, tunnel);
	if (t->demand != MODEL_NONE)
		set_path(net, t->u, t->v, NETWORK_DIRECT, m->rtt[t->u * m->n + t->v]);
	if (m->relay[t->u])
		offer_relay(net, t->u, t->v);
	if (m->relay[t->v])
		offer_relay(net, t->v, t->u);
}

/* The tunnel relay-leaf is gone: pairs that went through it look for another way. */
static void
leave_relay(struct network *net, size_t relay, size_t leaf)
{
	const uint64_t *peers = &net->peers[relay * net->words];
	size_t row = leaf * net->m->n;
	int32_t us;

	for (size_t w = 0; w < net->words; w++) {
		for (uint64_t bits = peers[w]; bits; bits &= bits - 1) {
			size_t t = w * 64 + (size_t)__builtin_ctzll(bits);
			uint16_t other;

			if (net->via[row + t] != relay)
				continue;
			other = network_relay(net, leaf, t, relay, &us);
			set_path(net, leaf, t, other, us);
		}
	}
}

void
network_remove(struct network *net, size_t tunnel)
{
	const struct model *m = net->m;
	const struct model_tunnel *t = &m->tunnels[tunnel];
	uint16_t other;
	int32_t us;

	flip(net, tunnel);
	if (m->relay[t->u])
		leave_relay(net, t->u, t->v);
	if (m->relay[t->v])
		leave_relay(net, t->v, t->u);
	if (t->demand != MODEL_NONE) {
		other = network_relay(net, t->u, t->v, NETWORK_HUB, &us);
		set_path(net, t->u, t->v, other, us);
	}
}

static int64_t
relay_gain(const struct network *net, size_t relay, size_t leaf)
{
	const struct model *m = net->m;
	const uint64_t *peers = &net->peers[relay * net->words];
	const int32_t *now = &net->us[leaf * m->n], *rtt = &m->rtt[relay * m->n];
	const int64_t *weight = &m->weight[leaf * m->n];
	int32_t leg = rtt[leaf] + m->hop_us;
	int64_t gain = 0;

	for (size_t w = 0; w < net->words; w++) {
		for (uint64_t bits = peers[w]; bits; bits &= bits - 1) {
			size_t t = w * 64 + (size_t)__builtin_ctzll(bits);

			if (leg + rtt[t] >= now[t])
				continue;
			if (m->has_loads && !has_room(net, relay, weight[t]))
				continue;
			gain += weight[t] *
				(model_cost(m, now[t]) - model_cost(m, leg + rtt[t]));
		}
	}
	return gain;
}

int64_t
network_gain(const struct network *net, size_t tunnel)
{
	const struct model *m = net->m;
	const struct model_tunnel *t = &m->tunnels[tunnel];
	size_t at = t->u * m->n + t->v;
	int64_t gain = model_change(m, t);

	if (t->demand != MODEL_NONE)
		gain += path_cost(m, at, net->us[at]) - path_cost(m, at, m->rtt[at]);
	if (m->relay[t->u])
		gain += relay_gain(net, t->u, t->v);
	if (m->relay[t->v])
		gain += relay_gain(net, t->v, t->u);
	return gain;
}

static int64_t
relay_loss(const struct network *net, size_t relay, size_t leaf)
{
	const struct model *m = net->m;
	const uint64_t *peers = &net->peers[relay * net->words];
	size_t row = leaf * m->n;
	int64_t loss = 0;
	int32_t us;

	for (size_t w = 0; w < net->words; w++) {
		for (uint64_t bits = peers[w]; bits; bits &= bits - 1) {
			size_t t = w * 64 + (size_t)__builtin_ctzll(bits);

			if (net->via[row + t] != relay)
				continue;
			(void)network_relay(net, leaf, t, relay, &us); /* its length */
			loss += path_cost(m, row + t, us) -
				path_cost(m, row + t, net->us[row + t]);
		}
	}
	return loss;
}

int64_t
network_loss(const struct network *net, size_t tunnel)
{
	const struct model *m = net->m;
	const struct model_tunnel *t = &m->tunnels[tunnel];
	size_t at = t->u * m->n + t->v;
	int64_t loss = model_change(m, t);
	int32_t us;

	if (t->demand != MODEL_NONE) {
		(void)network_relay(net, t->u, t->v, NETWORK_HUB, &us); /* likewise */
		loss += path_cost(m, at, us) - path_cost(m, at, m->rtt[at]);
	}
	if (m->relay[t->u])
		loss += relay_loss(net, t->u, t->v);
	if (m->relay[t->v])
		loss += relay_loss(net, t->v, t->u);
	return loss;
}
