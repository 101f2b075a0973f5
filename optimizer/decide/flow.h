/* SPDX-License-Identifier: MIT */
/*
 * Maximum-value flow from a source through a bipartite graph to a sink, by successive
 * longest augmenting paths with Johnson potentials (Ahuja, Magnanti, Orlin: "Network
 * Flows", 1993, section 9.7).  After k augmentations the flow is the best of size k,
 * and the value of the next one never rises: so a budget is a number of augmentations.
 */
#ifndef OPTIMIZER_DECIDE_FLOW_H
#define OPTIMIZER_DECIDE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;

/* left and right: vertices of each side, each with a capacity; n_edges at most. */
struct flow *flow_new(size_t left, size_t right, size_t n_edges);
void flow_free(struct flow *f);

void flow_left(struct flow *f, size_t vertex, uint32_t capacity);
void flow_right(struct flow *f, size_t vertex, uint32_t capacity);
/*
 * An edge of capacity 1 and value > 0; edges are numbered from 0 in this order.  Those
 * of one left vertex come by falling value, and all before the first flow_augment().
 */
void flow_edge(struct flow *f, size_t left, size_t right, int64_t value);

/*
 * One more unit of flow, if a path of positive value is left: returns that value and
 * makes it part of the flow.  0 when there is none; then nothing changes.
 */
int64_t flow_augment(struct flow *f);

/* Arcs looked at so far: what a limit can count that must not depend on the machine. */
uint64_t flow_work(const struct flow *f);

/* Is this edge used now? */
bool flow_used(const struct flow *f, size_t edge);

#endif
