/* SPDX-License-Identifier: MIT */
/*
 * This node's tunnels now, a row a node of the mesh, and where they differ from the
 * mesh file.  Pure.
 */
#ifndef OPTIMIZER_OPERATE_STATUS_H
#define OPTIMIZER_OPERATE_STATUS_H

#include "optimizer/measure_json.h"
#include "optimizer/operate/way.h"

struct status_row {
	size_t node;
	struct way way;			  /* that traffic goes now */
	const struct kernel_peer *hub;	  /* the node as a peer of the hub interface, */
	const struct kernel_peer *direct; /* of the direct one; NULL = it is none */
	int64_t hub_us, direct_us;	  /* medians of the collector; -1 = not known */
};

struct status {
	const struct mesh *mesh; /* borrowed, as is the state */
	const struct state *state;
	size_t self;
	struct status_row *rows; /* owned; every node but this one */
	size_t n_rows;
	bool has_rtt; /* the collector answered */
};

/* ifindex: one a node of the mesh, what kernel_lookup() said; 0 = no route. */
void status_make(const struct state *state, const struct mesh *mesh, size_t self,
    const unsigned *ifindex, struct status *out);
void status_fini(struct status *st);

void status_add_rtt(struct status *st, const struct measure *measure);

/* The peer whose endpoint and handshake a row is about, or NULL: it has none here. */
const struct kernel_peer *status_peer(const struct status_row *row);

typedef void status_drift_cb(const char *text, void *ctx);

/*
 * What the kernel has and the mesh file does not say, or the other way round, in words
 * with the thing first; returns how many.
 */
size_t status_drift(const struct status *st, status_drift_cb *report, void *ctx);

#endif
