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
pair_is_candidate(const struct pair *p)
{
	return p->reachable && p->pin == MESH_FREE && !p->barred && !p->held &&
	       pair_merit(p) > 0;
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

/* RTTs are below 2^27 us; what a sum of weights may be before us x weight overflows. */
#define WEIGHT_SUM_MAX (INT64_MAX >> 28)

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
			*p = (struct pair){ .a = a, .b = b };
			p->hub_us = hub_estimate(measured, a, b, in->hub);
			p->direct_us = direct_estimate(measured, a, b);
			p->hub_lo_us = p->hub_us;
			p->direct_hi_us = p->direct_us;
			p->pin = said ? said->pin : MESH_FREE;
			p->reachable = in->nodes[a].reachable || in->nodes[b].reachable;
			p->present = known(measured->direct, a, b) != MATRIX_UNKNOWN;
			p->weight = weight_of(p, in->nodes, said, opts);
			if (p->weight > WEIGHT_SUM_MAX - sum) {
				r = err_code(err, EOVERFLOW,
				    "the weights are too large: their sum passes %lld "
				    "at "
				    "%s-%s; divide them all by one number",
				    (long long)WEIGHT_SUM_MAX, in->nodes[a].name,
				    in->nodes[b].name);
				break;
			}
			sum += p->weight;
		}
	}
	free(in_mesh);
	return r;
}
