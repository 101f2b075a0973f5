/* SPDX-License-Identifier: MIT */
/*
 * The plan as AllowedIPs: for each node the peer that each other node is reached by and
 * accepted from, since WireGuard's table is both.  A packet is then sent along, from
 * every node of a pair to the other, and must arrive.
 */
#include <stdlib.h>

#include "common/mem.h"
#include "optimizer/verify/verify.h"

#define HOPS_MAX 4

/* next[x * n + y]: the peer by which x reaches y. */
static void
fill_table(const struct instance *in, const struct verify_claim *claim, uint32_t *next)
{
	size_t n = in->n_nodes;

	for (size_t x = 0; x < n; x++)
		for (size_t y = 0; y < n; y++)
			next[x * n + y] =
			    x == in->hub ? (uint32_t)y : (uint32_t)in->hub;
	for (size_t i = 0; i < claim->n_tunnels; i++) {
		const struct verify_tunnel *t = &claim->tunnels[i];

		if (t->dropped)
			continue;
		next[t->a * n + t->b] = t->b;
		next[t->b * n + t->a] = t->a;
	}
	for (size_t i = 0; i < claim->n_routes; i++) {
		const struct verify_route *r = &claim->routes[i];

		if (r->path != VERIFY_RELAY)
			continue;
		next[r->a * n + r->b] = r->via;
		next[r->b * n + r->a] = r->via;
	}
}

/* From src to dst; each receiver's table must name the sender for the source. */
static int
send_one(const struct instance *in, const uint32_t *next, uint32_t src, uint32_t dst,
    struct err *err)
{
	size_t n = in->n_nodes;
	uint32_t at = src;

	for (int hop = 0; hop < HOPS_MAX && at != dst; hop++) {
		uint32_t to = next[at * n + dst];

		if (to == at || next[to * n + src] != at)
			return err_set(err,
			    "%s to %s: %s would drop what %s sends it: next hops are "
			    "not symmetric",
			    in->nodes[src].name, in->nodes[dst].name,
			    in->nodes[to].name, in->nodes[at].name);
		at = to;
	}
	if (at != dst)
		return err_set(err, "%s to %s: still at %s after %d hops",
		    in->nodes[src].name, in->nodes[dst].name, in->nodes[at].name,
		    HOPS_MAX);
	return 0;
}

int
verify_forwarding(const struct instance *in, const struct verify_claim *claim,
    size_t *delivered, struct err *err)
{
	uint32_t *next = mem_array(in->n_nodes * in->n_nodes, sizeof(*next));
	int r = 0;

	fill_table(in, claim, next);
	for (size_t i = 0; i < in->n_pairs && r == 0; i++) {
		r = send_one(in, next, in->pairs[i].a, in->pairs[i].b, err);
		if (r == 0)
			r = send_one(in, next, in->pairs[i].b, in->pairs[i].a, err);
		*delivered += r == 0 ? 2 : 0;
	}
	free(next);
	return r;
}
