/* SPDX-License-Identifier: MIT */
/*
 * The kernel's state in terms of the mesh: what stands on the direct interface for
 * which node, and what its packets take.  Pure.
 */
#ifndef OPTIMIZER_NETD_SCENE_H
#define OPTIMIZER_NETD_SCENE_H

#include "optimizer/apply/state.h"
#include "optimizer/netd/book.h"

struct scene {
	const struct mesh *mesh; /* borrowed, as all here */
	const struct book *book; /* what the kernel cannot tell in place */
	struct mono now;
	const struct state *state;
	uint32_t *owner; /* owned: node of each direct peer, NETD_NONE = nobody's */
	const struct kernel_route **ours; /* owned: routes of ours, leased or not */
	size_t n_ours;
};

struct scene_node {
	const struct kernel_peer *own; /* its own peer, or NULL */
	uint32_t holder; /* whose peer holds all its prefixes; NETD_NONE = no one's */
	enum netd_path path; /* LEASED as long as a lease is there */
	bool committed;	     /* every prefix has a permanent route */
	bool leased;	     /* every prefix has a lease */
	bool partial;	     /* some have a route, or a permanent one, and some not */
	uint32_t lease_s;    /* the least that is left; 0 = no lease */
};

void scene_make(const struct book *book, const struct state *state, struct mono now,
    struct scene *out);
void scene_fini(struct scene *scene);

void scene_node(const struct scene *scene, uint32_t node, struct scene_node *out);

/* Our permanent route for this prefix, and how long a lease of it lasts (0 = none). */
const struct kernel_route *scene_route(const struct scene *scene,
    const struct prefix *prefix);
uint32_t scene_lease_s(const struct scene *scene, const struct prefix *prefix);

/*
 * What the peer of this node is to hold by the book: its own prefixes unless a relay
 * has them, those of the nodes that it is the relay of, and its link-local address.  In
 * place it holds its prefixes only while packets are to take it.  *out is for free().
 */
void scene_wanted(const struct book *book, uint32_t node, struct prefix **out,
    size_t *n);

/* Has the peer exactly that? */
bool scene_holds(const struct book *book, uint32_t node,
    const struct kernel_peer *peer);

/* ... and does it keep alive as it should? */
bool scene_right(const struct book *book, size_t self, uint32_t node,
    const struct kernel_peer *peer);

/*
 * A number for what mesh file and book give this node: in the upper half its prefixes
 * and its relay's key, in the lower what else its peer is to have: the prefixes that it
 * is the relay of, and who starts.
 */
uint64_t scene_given(const struct book *book, size_t self, uint32_t node);

/* Of whom the book knows nothing, it takes whose relay peer holds their prefixes. */
void scene_vias(const struct scene *scene, struct book *book);

bool scene_same(const struct prefix *a, const struct prefix *b);
bool scene_among(const struct prefix *list, size_t n, const struct prefix *prefix);

#endif
