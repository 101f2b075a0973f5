/* SPDX-License-Identifier: MIT */
/*
 * The upper bound.  A relay path needs both of its tunnels: y <= x(s,q), y <= x(q,t).
 * Those two conditions get prices (rho), as do the nodes' limits (mu), what a relay may
 * carry (nu), and the star cuts: a tunnel s-q serves at most as many pairs as q can
 * have other tunnels (sigma).  What is left is solved exactly, and is at least as good
 * as any plan, whatever the prices, as long as none is negative.  Projected subgradient
 * with Polyak's step looks for prices that make it small (Held, Wolfe, Crowder 1974).
 *
 * All prices are whole numbers of 2^shift us x weight: sums are exact, and two threads
 * that add in any order agree.
 */
#ifndef OPTIMIZER_DECIDE_DUAL_H
#define OPTIMIZER_DECIDE_DUAL_H

#include "optimizer/decide/network.h"

#define DUAL_NONE	  UINT16_MAX
#define DUAL_ALWAYS	  65535
#define DUAL_SMOOTH	  2   /* directions are smoothed over 2^2 iterations */
#define DUAL_LAMBDA	  0.3 /* of the first step: 1 overshoots a smoothed direction */
#define DUAL_LARGE	  20000 /* demands; from here on there is time for few steps */
#define DUAL_LAMBDA_LARGE 0.05
#define DUAL_THREADS	  50000 /* demands; with fewer a thread costs more than it saves */
#define DUAL_NU_BITS	  20	/* nu is per weight and small: in 2^-20 units */

enum dual_fix { DUAL_OUT = -1, DUAL_FREE, DUAL_IN };

/* A relay that could serve a demand, with the prices of its two legs. */
struct dual_entry {
	int32_t worth; /* b: what the relay path saves */
	int32_t rho_s, rho_t;
	uint16_t relay;	 /* index into the model's relays */
	uint16_t mean_y; /* how often it served of late, DUAL_ALWAYS = each time */
};

/* Of a leg (node, relay), gathered in each pass. */
struct dual_leg {
	int64_t rho;	/* sum of prices */
	int64_t served; /* demands that take this leg in the relaxed solution */
};

/* What a demand holds besides its entries. */
struct dual_demand {
	uint32_t first;	 /* index of its entries, by falling worth */
	int32_t rest;	 /* worth of the best relay that is not stored */
	int32_t worth;	 /* m: the best entry at its price */
	uint16_t n;	 /* entries */
	uint16_t active; /* of those, this many may have a price */
	uint16_t best;	 /* the best entry, or DUAL_NONE */
};

/* Prices worth keeping. */
struct dual_prices {
	int64_t bound;	  /* in us x weight; INT64_MAX = none yet */
	uint16_t *active; /* a demand */
	int32_t *rho;	  /* two an entry of the active ones, in order */
	size_t n_rho, cap;
	int32_t *sigma; /* a leg */
	int64_t *mu;	/* a node */
	int64_t *nu;	/* a relay */
};

struct dual {
	const struct model *m;
	unsigned shift;
	size_t n_relays;
	unsigned threads;
	struct dual_entry *entries;
	struct dual_demand *demands;
	int64_t *own;	  /* a tunnel: worth to its own ends */
	int64_t *price;	  /* a tunnel: reduced worth in the last iteration */
	int64_t *scratch; /* a tunnel */
	uint32_t *order;  /* a tunnel: scratch when costs differ */
	bool *x;	  /* a tunnel: in the last relaxed solution */
	int32_t *mean_x;  /* a tunnel: x smoothed, 1 << 16 = always */
	int8_t *fix;	  /* a tunnel: enum dual_fix */
	int32_t *dir_x;	  /* a tunnel: x in the direction, DUAL_ALWAYS = always */
	int32_t *leg_x;	  /* a leg: the same, or -1 where no tunnel may be */
	double *served;	  /* a leg: demands served, smoothed; with star cuts only */
	double *load;	  /* a relay: share of its load, smoothed */
	struct dual_leg *legs[2]; /* one table a thread */
	int32_t *sigma;		  /* a leg; NULL without star cuts */
	int32_t *star;		  /* a relay: other tunnels that it can have, at most */
	int64_t *mu;		  /* a node */
	int64_t *nu;		  /* a relay */
	int64_t theta;		  /* price of the budget in the last iteration */
	int64_t fraction; /* of the last bound: of the tunnel that fits no more */
	int64_t bound;	  /* of the last iteration, us x weight */
	int64_t target;	  /* value of the best plan known */
	double norm;	  /* square of the last direction */
	bool rough;	  /* as in dual_opts */
	bool sharp;	  /* the direction is the last solution, not smoothed */
	unsigned age;	  /* iterations since the direction began afresh */
	double lambda;
	unsigned stalls;
	struct dual_prices best;
};

struct dual_opts {
	uint32_t relays_kept; /* a demand, at most */
	unsigned threads;     /* 1 or 2 */
	bool rough;	      /* settle early: a search follows */
};

struct dual *dual_new(const struct model *m, const struct dual_opts *opts);
void dual_free(struct dual *u);

/* Prices from a plan: near what its pairs gain already. */
void dual_start(struct dual *u, const struct network *net);
/* Forget the direction: the problem has changed. */
void dual_afresh(struct dual *u);
/* One iteration.  Returns the bound, which is also kept when it is the best. */
int64_t dual_step(struct dual *u);
/* Prices from the best bound again. */
void dual_recall(struct dual *u);
/* Has the step become too small to matter? */
bool dual_settled(const struct dual *u);

/* Used by dual.c alone. */
struct dual_pass {
	struct dual *u;
	size_t lo, hi; /* demands */
	struct dual_leg *legs;
	int32_t step;
	bool move;     /* the direction takes in the last solution, and prices move */
	bool fresh;    /* and forgets what it was */
	int64_t worth; /* out: sum over the demands */
	int64_t norm;  /* out: square of the direction, in 2^-16 */
};
void dual_pass_price(struct dual_pass *p); /* moves prices, then prices each demand */
void dual_pass_count(struct dual_pass *p); /* what the relaxed solution serves */
/* Moves the prices of the limits; returns what they add to the norm. */
double dual_limits_move(struct dual *u, double step);
/* The best tunnels within the budget at their prices; returns their worth. */
int64_t dual_select(struct dual *u);

static inline size_t
dual_leg(const struct dual *u, size_t node, size_t relay)
{
	return node * u->n_relays + relay;
}

#endif
