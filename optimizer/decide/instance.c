/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/instance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void
instance_free(struct instance *in)
{
	if (!in)
		return;
	free(in->nodes);
	free(in->pairs);
	free(in->tunnels);
	free(in);
}

int64_t
pair_value(const struct pair *p)
{
	if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
		return 0;
	return (p->hub_us - p->direct_us) * p->weight;
}

int64_t
pair_merit(const struct pair *p)
{
	if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
		return 0;
	return (p->hub_lo_us - p->direct_hi_us) * p->weight + p->bias;
}

bool
pair_may_change(const struct pair *p)
{
	return p->reachable && p->pin == MESH_FREE && !p->barred && !p->held;
}

bool
pair_is_candidate(const struct pair *p)
{
	return pair_may_change(p) && pair_merit(p) > 0;
}

static int32_t
known(const struct matrix *m, size_t a, size_t b)
{
	return m ? matrix_pair(m, a, b) : MATRIX_UNKNOWN;
}

/* One leg of a hub path: the overlay's own figure, else that of the public addresses.
 */
static int32_t
leg(const struct measured *in, size_t node, size_t hub)
{
	int32_t us = known(in->hub, node, hub);

	return us != MATRIX_UNKNOWN ? us : known(in->public, node, hub);
}

static int64_t
hub_estimate(const struct measured *in, size_t a, size_t b, size_t hub)
{
	int32_t us = known(in->hub, a, b), x, y;

	if (us != MATRIX_UNKNOWN)
		return us;
	x = leg(in, a, hub);
	y = leg(in, b, hub);
	if (x == MATRIX_UNKNOWN || y == MATRIX_UNKNOWN)
		return PLAN_UNKNOWN;
	return (int64_t)x + y;
}

static int64_t
direct_estimate(const struct measured *in, size_t a, size_t b)
{
	int32_t us = known(in->direct, a, b);

	if (us == MATRIX_UNKNOWN)
		us = known(in->public, a, b);
	return us == MATRIX_UNKNOWN ? PLAN_UNKNOWN : us;
}

/* Do these two talk, as far as this plan is concerned? */
static bool
is_pair(const struct instance *in, size_t a, size_t b, const struct instance_opts *opts)
{
	const struct node *x = &in->nodes[a], *y = &in->nodes[b];

	if (a == in->hub || b == in->hub)
		return false;
	if (opts->only && !opts->only[a] && !opts->only[b])
		return false;
	return opts->all_pairs || (x->role == MESH_POP) != (y->role == MESH_POP);
}

static int64_t
weight_of(const struct pair *p, const struct node *nodes, const struct mesh_pair *said,
    const struct instance_opts *opts)
{
	int32_t w;

	if (opts->weights) {
		w = matrix_pair(opts->weights, p->a, p->b);
		return w == MATRIX_UNKNOWN ? 0 : w;
	}
	if (said && said->has_weight)
		return said->weight;
	return (int64_t)nodes[p->a].weight * nodes[p->b].weight;
}

bool
instance_relays(const struct instance *in)
{
	for (size_t i = 0; i < in->n_nodes; i++)
		if (in->nodes[i].relay && i != in->hub)
			return true;
	return false;
}

/* Both lists begin each entry with nothing in common, so the ends come by callback. */
static size_t
find_ends(const void *list, size_t n, uint64_t key,
    uint64_t (*ends)(const void *list, size_t i))
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ends(list, mid) < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && ends(list, lo) == key ? lo : SIZE_MAX;
}

static uint64_t
ends_of_tunnel(const void *list, size_t i)
{
	const struct tunnel *t = (const struct tunnel *)list + i;

	return (uint64_t)t->a << 32 | t->b;
}

static uint64_t
ends_of_pair(const void *list, size_t i)
{
	const struct pair *p = (const struct pair *)list + i;

	return (uint64_t)p->a << 32 | p->b;
}

static uint64_t
key_of(uint32_t a, uint32_t b)
{
	return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

size_t
instance_tunnel(const struct instance *in, uint32_t a, uint32_t b)
{
	return find_ends(in->tunnels, in->n_tunnels, key_of(a, b), ends_of_tunnel);
}

size_t
instance_pair(const struct instance *in, uint32_t a, uint32_t b)
{
	return find_ends(in->pairs, in->n_pairs, key_of(a, b), ends_of_pair);
}

static void
add_tunnel(struct instance *in, const struct measured *measured,
    const struct pair *ends)
{
	struct tunnel *t = &in->tunnels[in->n_tunnels];
	int64_t us = direct_estimate(measured, ends->a, ends->b);

	*t = (struct tunnel){ .a = (uint16_t)ends->a, .b = (uint16_t)ends->b };
	t->direct_us = (int32_t)us; /* PLAN_UNKNOWN and MATRIX_UNKNOWN are both -1 */
	t->cost = 1;
	t->reachable = in->nodes[ends->a].reachable || in->nodes[ends->b].reachable;
	t->present = known(measured->direct, ends->a, ends->b) != MATRIX_UNKNOWN;
	t->denied = ends->pin == MESH_PIN_HUB;
	t->required = ends->pin == MESH_PIN_DIRECT;
	in->n_tunnels += us != PLAN_UNKNOWN || t->present || t->denied || t->required;
}

/* Every two nodes but the hub, when somebody relays. */
static void
build_tunnels(struct instance *in, const struct measured *measured,
    const struct mesh *mesh, const size_t *in_mesh)
{
	size_t n = in->n_nodes;

	in->hop_us = in->hop_us ? in->hop_us : INSTANCE_HOP_US;
	if (!instance_relays(in))
		return;
	in->tunnels = mem_array(n * (n - 1) / 2, sizeof(*in->tunnels));
	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = a + 1; b < n; b++) {
			const struct mesh_pair *said = NULL;
			struct pair ends = { .a = a, .b = b };

			if (a == in->hub || b == in->hub)
				continue;
			if (mesh)
				said = mesh_pair(mesh, in_mesh[a], in_mesh[b]);
			ends.pin = said ? said->pin : MESH_FREE;
			add_tunnel(in, measured, &ends);
		}
	}
}

int
instance_build(struct instance *in, const struct measured *measured,
    const struct mesh *mesh, const struct instance_opts *opts, struct err *err)
{
	size_t *in_mesh = mem_array(in->n_nodes, sizeof(*in_mesh)), cap = 0;
	int64_t sum = 0;
	int r = 0;

	for (size_t i = 0; mesh && i < in->n_nodes; i++)
		in_mesh[i] = mesh_find(mesh, in->nodes[i].name);
	for (uint32_t a = 0; a < in->n_nodes && r == 0; a++) {
		for (uint32_t b = a + 1; b < in->n_nodes; b++) {
			const struct mesh_pair *said = NULL;
			struct pair *p;

			if (!is_pair(in, a, b, opts))
				continue;
			if (mesh)
				said = mesh_pair(mesh, in_mesh[a], in_mesh[b]);
			if (in->n_pairs == cap) {
				cap = cap ? cap * 2 : 64;
				in->pairs =
				    mem_grow(in->pairs, cap, sizeof(*in->pairs));
			}
			p = &in->pairs[in->n_pairs++];
			*p = (struct pair){ .a = a, .b = b, .cost = 1 };
			p->hub_us = hub_estimate(measured, a, b, in->hub);
			p->direct_us = direct_estimate(measured, a, b);
			p->hub_lo_us = p->hub_us;
			p->direct_hi_us = p->direct_us;
			p->pin = said ? said->pin : MESH_FREE;
			p->reachable = in->nodes[a].reachable || in->nodes[b].reachable;
			p->present = known(measured->direct, a, b) != MATRIX_UNKNOWN;
			p->weight = weight_of(p, in->nodes, said, opts);
			if (p->weight > INSTANCE_WEIGHT_SUM_MAX - sum) {
				r = err_code(err, EOVERFLOW,
				    "the weights are too large: their sum passes %lld "
				    "at "
				    "%s-%s; divide them all by one number",
				    (long long)INSTANCE_WEIGHT_SUM_MAX,
				    in->nodes[a].name, in->nodes[b].name);
				break;
			}
			sum += p->weight;
		}
	}
	if (r == 0)
		build_tunnels(in, measured, mesh, in_mesh);
	free(in_mesh);
	return r;
}
