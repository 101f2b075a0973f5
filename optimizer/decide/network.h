/* SPDX-License-Identifier: MIT */
/*
 * A set of tunnels, and the path that each pair takes through it by rule C1: the pair's
 * own tunnel if it is there, else the shortest one-hop relay whose two tunnels are (the
 * first by name among equals), else the hub.  Kept up to date as tunnels come and go.
 *
 * With limits on what a relay may carry, a pair takes the shortest relay that had room
 * when the path was chosen; so only then do paths depend on the order of events.
 */
#ifndef OPTIMIZER_DECIDE_NETWORK_H
#define OPTIMIZER_DECIDE_NETWORK_H

#include "optimizer/decide/model.h"

#define NETWORK_HUB    UINT16_MAX
#define NETWORK_DIRECT (UINT16_MAX - 1)

struct network {
	const struct model *m;
	bool *on;	  /* a tunnel */
	uint64_t *peers;  /* n rows of bits: who has a tunnel with whom */
	uint64_t *relays; /* one row: who relays */
	size_t words;	  /* of a row */
	uint32_t *degree; /* a node */
	int64_t *load;	  /* a node: weight that it relays */
	int32_t *us;	  /* n x n: path that a relay could shorten; 0 where none can */
	uint16_t *via;	  /* n x n: the path's relay, NETWORK_HUB or NETWORK_DIRECT */
	int64_t value;	  /* of the objective, against nothing built */
	int64_t spent;	  /* of the budget */
	size_t n_on;
};

/* With no tunnel at all, not even a required one. */
struct network *network_new(const struct model *m);
void network_free(struct network *net);
void network_copy(struct network *to, const struct network *from);
void network_clear(struct network *net);

/* Within the budget and both ends' limits? */
bool network_fits(const struct network *net, size_t tunnel);
void network_add(struct network *net, size_t tunnel);
void network_remove(struct network *net, size_t tunnel);
/* What adding it would add to value, and what removing it would take away. */
int64_t network_gain(const struct network *net, size_t tunnel);
int64_t network_loss(const struct network *net, size_t tunnel);

/* The best relay of a pair but for one node (or NETWORK_HUB), and its length. */
uint16_t network_relay(const struct network *net, size_t s, size_t t, size_t but,
    int32_t *us);

/* Length of the path that the pair s-t takes now; a demand, or 0. */
int32_t network_path_us(const struct network *net, size_t s, size_t t);

static inline bool
network_linked(const struct network *net, size_t a, size_t b)
{
	return net->peers[a * net->words + b / 64] >> (b % 64) & 1;
}

#endif
