/* SPDX-License-Identifier: MIT */
/*
 * A plan: which pairs get a direct tunnel and by which path each pair goes.  It says
 * (pair, path) and nothing of keys, endpoints or prefixes: those are the roster's.
 */
#ifndef OPTIMIZER_DECIDE_PLAN_H
#define OPTIMIZER_DECIDE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/mesh.h"

#define PLAN_UNKNOWN   INT64_C(-1) /* an RTT that nobody has measured */
#define PLAN_NO_BUDGET UINT32_MAX

/* PLAN_WAIT: wanted, but left for a later stage. */
enum plan_state { PLAN_ADD, PLAN_KEEP, PLAN_DROP, PLAN_WAIT };
enum plan_path { PLAN_HUB, PLAN_DIRECT, PLAN_RELAY };

/* a, b and via are indices into names. */
struct plan_tunnel {
	uint32_t a, b;
	enum plan_state state;
	int64_t hub_us, direct_us; /* RTT; PLAN_UNKNOWN possible for a drop */
	int64_t saves_us;	   /* hub - direct */
	int64_t value;		   /* saves_us x weight */
};

struct plan_route {
	uint32_t a, b;
	enum plan_path path;
	uint32_t via;	/* PLAN_RELAY only */
	int64_t us;	/* RTT by this path, PLAN_UNKNOWN if not known */
	int64_t hub_us; /* RTT through the hub, likewise */
	/* PLAN_RELAY only: where it goes when that relay is gone. */
	enum plan_path fallback;
	uint32_t fallback_via;
	int64_t fallback_us;
	/* Of an issued plan: */
	struct wall since; /* when it came by this path, 0 = not said; by the hub: when
			      another was seen not to stand, 0 = not lately */
	bool good;	   /* both ends have said that it stands */
};

/* One price of the certificate: of a leg (a to relay q), or of a node a. */
struct plan_price {
	uint32_t a, q;
	int64_t price;
};

/* Of a relay path's two legs, a-q and b-q; in units of 2^leg_shift.  There are millions
 * of these in a large plan. */
struct plan_leg_price {
	uint16_t a, b, q;
	int32_t price_a, price_b;
};

/*
 * From these anyone can compute a bound that no plan exceeds, whatever they are, as
 * long as none is negative: docs/planning.md says how.  us x weight.
 */
struct plan_prices {
	int64_t theta;		    /* of one unit of the budget */
	struct plan_price *node;    /* of a node's limit */
	struct plan_price *load;    /* of what a relay may carry, 2^-20 per weight */
	struct plan_price *star;    /* of a star cut */
	struct plan_leg_price *leg; /* by (a, b) */
	size_t n_node, n_load, n_star, n_leg;
	unsigned leg_shift;
};

/* What one relay carries. */
struct plan_relay {
	uint32_t node, pairs, tunnels;
	int64_t weight;
	int64_t fallback_loss; /* us x weight lost while it is down */
};

/* A pair that too few samples kept out, and what the plan may be missing by it. */
struct plan_need {
	uint32_t a, b;
	uint32_t samples; /* more of them, on the thinner of its two paths */
	int64_t could;	  /* us x weight */
};

/* Where a node behind NAT was seen, by one that it keeps a session with. */
struct plan_hint {
	uint32_t node;
	struct addr addr;
	uint16_t port;
};

#define PLAN_HINTS_MAX 10000
#define PLAN_TTL_MAX_S 86400

/*
 * What makes a plan one to be carried out: its place among others and its age.  In this
 * form a pair without a route goes by the hub.
 */
struct plan_issue {
	uint64_t epoch;		 /* above 0, grows with each plan of the mesh; < 2^53 */
	struct wall issued;	 /* whole ms */
	uint32_t ttl_s;		 /* no change is begun by a plan older than this */
	struct plan_hint *hints; /* owned */
	size_t n_hints;
};

struct plan {
	char mesh[MESH_NAME_MAX];
	char objective[48]; /* "mean", "slo 150 ms", "quantile 0.950" */
	uint32_t budget;    /* direct tunnels at most; PLAN_NO_BUDGET */
	int64_t value;	    /* us x weight saved against the hub */
	int64_t bound;	    /* no plan within the budget saves more */
	int64_t hub_sum;    /* us x weight of all pairs with a known hub RTT ... */
	int64_t weight_sum; /* ... and their weight: means are quotients of these */
	int64_t next_value; /* what a budget larger by one would add */
	bool has_next;	    /* next_a-next_b is that tunnel */
	uint32_t next_a, next_b;
	bool relayed;	      /* made with relays: relays and charged are filled in */
	bool proven;	      /* value == bound, by a search */
	int64_t saved;	      /* us x weight by the figures, whatever the objective */
	int64_t charged;      /* of value: what changing tunnels costs */
	int64_t prices_bound; /* what the prices alone prove */
	int64_t prices_slo;   /* a quantile's: of this objective in us, see solve.h */
	struct plan_prices *prices; /* owned, may be NULL */
	struct plan_relay *relays;  /* owned, by falling weight */
	size_t n_relays;
	size_t pairs;	    /* pairs considered */
	size_t unmeasured;  /* of those, without hub or direct RTT */
	size_t unreachable; /* of those, no candidate: neither end has an endpoint */
	char (*names)[MESH_NAME_MAX]; /* owned, in the order of the alphabet */
	size_t n_names;
	struct plan_tunnel *tunnels; /* owned, by falling value, drops last */
	size_t n_tunnels;
	struct plan_route *routes; /* owned, one a pair, by (a, b) */
	size_t n_routes;
	struct plan_need *needs; /* owned, the most worth first */
	size_t n_needs;
	struct plan_issue *issue; /* owned; NULL for a plan that was not published */
};

#define PLAN_NOBODY UINT32_MAX

/* Index into names, or PLAN_NOBODY. */
uint32_t plan_name(const struct plan *plan, const char *text);
/*
 * The route between these two, a before b in the alphabet, or NULL.  plan may be NULL;
 * its routes are sorted.
 */
const struct plan_route *plan_route(const struct plan *plan, const char *a,
    const char *b);
/* The same, but NULL if it goes by the hub. */
const struct plan_route *plan_route_off_hub(const struct plan *plan, const char *a,
    const char *b);

/* For qsort() and bsearch() of routes: by (a, b). */
int plan_route_order(const void *x, const void *y);
/* For qsort: by falling value, then saving, then name; drops last. */
int plan_tunnel_order(const void *x, const void *y);

/*
 * What a direct route was promised: its tunnel's own figure if there is one, as the
 * route's may be a sum of legs.  PLAN_UNKNOWN possible.
 */
int64_t plan_promise_us(const struct plan *plan, const struct plan_route *route);

void plan_prices_free(struct plan_prices *prices);
void plan_free(struct plan *plan);

#endif
