/* SPDX-License-Identifier: MIT */
/*
 * The way from this node to one other, as a state machine:
 *
 *	HUB -> STAGED -> VERIFIED -> LEASED -> DIRECT, and back to HUB from any of them
 *
 * STAGED: the peer (or, for a relay path, the far node's prefixes at the relay's peer)
 * is set.  VERIFIED: the tests of apply/pair.h passed and the far end takes our
 *packets. LEASED: the kernel has routes that it takes away by itself.  DIRECT:
 *permanent routes. Each end decides alone; either may be first, and nothing is lost in
 *between.
 *
 * Pure: it is told what the kernel shows, what became of probes and what time it is,
 *and says which one request it wants next.
 */
#ifndef OPTIMIZER_AGENT_WAY_H
#define OPTIMIZER_AGENT_WAY_H

#include "common/addr.h"
#include "common/err.h"
#include "common/wgkey.h"
#include "optimizer/agent/live.h"
#include "optimizer/apply/pair.h"

#define WAY_LEASE_S	 60
#define WAY_RENEW_NS	 (15 * NS_PER_S)
#define WAY_ROUND_NS	 (20 * NS_PER_S)  /* between two rounds of a lease */
#define WAY_ROUNDS	 3		  /* good ones, then the routes are permanent */
#define WAY_HOLD_NS	 (900 * NS_PER_S) /* dwell after a demotion */
#define WAY_RETRY_NS	 (60 * NS_PER_S)  /* after a failed test; doubles ... */
#define WAY_RETRY_MAX_NS (900 * NS_PER_S) /* ... until here */
#define WAY_RETRY_RELAY_NS \
	(10 * NS_PER_S)			  /* the same; its far end is often not ready */
#define WAY_BUSY_NS	  (15 * NS_PER_S) /* after a refusal by the rate limit */
#define WAY_BACK_NS	  (60 * NS_PER_S) /* the hub answers again for so long */
#define WAY_SLOW_NS	  (300 * NS_PER_S) /* longer than 1.1 x the hub's */
#define WAY_SLOW_PERCENT  110
#define WAY_LOSS_PERMILLE 20
#define WAY_LOSS_NEW	  11 /* while it is leased: more than 1 % is no promotion */
#define WAY_PROOFS	  3  /* tests in a row: 5 % each way pass 60 probes 1 in 500 */
#define WAY_RETIRE_NS	  (150 * NS_PER_S)  /* two leases and a good deal */
#define WAY_SHAKE_NS	  (15 * NS_PER_S)   /* then its absence is told */
#define WAY_LEAD_NS	  (500 * NS_PER_MS) /* the end that starts waits so long */
#define WAY_PUNCH_NS	  (20 * NS_PER_S)   /* NATs forget in 30 s what got no answer */
#define WAY_DEAF	  10		    /* acceptance probes missed in a row */
#define WAY_FAR_NS	  (10 * NS_PER_S) /* the far end answers by the hub for so long */
#define WAY_QUIET_NS	  (20 * NS_PER_S)  /* and sends nothing by its tunnel ... */
#define WAY_QUIET_BYTES	  512		   /* ... but what keeps it alive */
#define WAY_ACCEPTS	  3		   /* answers by its overlay address */
#define WAY_HUB_ANSWERS	  3		   /* and by the hub, for its RTT */
#define WAY_NEAR_US	  1000		   /* of the hub's RTT: everything is near */
#define WAY_HANDSHAKE_NS  (180 * NS_PER_S) /* REJECT_AFTER_TIME of WireGuard */

/*
 * Of two ends that a plan sends back to the hub the one that starts goes first, and the
 * other when it has seen that for so long, or has waited so long in vain. Both at once
 * would make TCP's RTT longer by the whole difference in one step, which is beyond its
 * timeout: of 49 ms the least is 249, and the way back to 492 is silent for 443.
 */
#define WAY_PART_NS	(1 * NS_PER_S)
#define WAY_PART_MAX_NS (10 * NS_PER_S)

/* In place: see way_place.c. */
#define WAY_PLACE_LEASE_S 30 /* a program that hangs holds up a pair so long */
#define WAY_FOLLOW_NS	  (2 * NS_PER_S) /* the other end moves in it, or we go back */
#define WAY_WORD_NS	  (3 * NS_PER_S) /* a word is believed so long */

/* What an end says of itself to the other, by the tunnel. */
enum way_word { WAY_AWAY, WAY_READY, WAY_MOVED, WAY_WORDS };

enum way_path { WAY_BY_HUB, WAY_BY_TUNNEL, WAY_BY_RELAY };
enum way_state { WAY_HUB, WAY_STAGED, WAY_VERIFIED, WAY_LEASED, WAY_DIRECT };
enum way_route { WAY_NO_ROUTE, WAY_LEASE_ROUTE, WAY_FIRM_ROUTE };

enum way_act {
	WAY_REST,
	WAY_STAGE, /* by the way's wish: own peer, or prefixes at the relay's */
	WAY_LEASE, /* by what is staged; also the renewal */
	WAY_COMMIT,
	WAY_WITHDRAW,
	WAY_UNSTAGE
};

/* By tunnel, or by way of the relay `via` (an index of the roster). */
struct way_wish {
	enum way_path path;
	size_t via;
	int64_t promise_us, hub_us; /* by the plan; negative = unknown */
	struct addr hint;	    /* of a node without an endpoint; family 0 = none */
	uint16_t hint_port;
	uint16_t own_port; /* where this node itself is seen; 0 = unknown */
	bool leg;	   /* of relay paths: it is there for others, too */
	bool leave;	   /* not spoken of: it stays as it is, unwatched */
};

/* What netd says of a node. */
struct way_seen {
	enum way_path staged; /* WAY_BY_HUB: nothing is set for it */
	enum way_route route;
	size_t via;		  /* of what is staged or routed by a relay */
	int64_t handshake_age_ns; /* of the peer that carries it; negative = never */
	uint64_t rx_bytes;	  /* by its own tunnel; 0 by a relay */
	bool there;		  /* its own peer, whatever it carries ... */
	struct addr at;		  /* ... and where it was heard; family 0 = never */
	uint16_t at_port;
	bool foreign;	 /* somebody else changed it: hands off */
	char words[192]; /* then who did what */
};

/* What is true of the node as a whole. */
struct way_view {
	struct mono now;
	const struct live *hub;
	bool hub_silent;
	struct mono hub_back; /* since when it answers without a silence */
	bool fresh;	      /* the plan may start changes */
	bool frozen;
	bool relay_ready; /* this way's wish: the tunnel to its relay is permanent */
};

/* What the far end answers by the hub: see way_hub.c. */
struct way_hub {
	struct live live;
	int64_t rtt_us;	     /* of the pair by the hub, or LIVE_UNKNOWN */
	int64_t skew_us;     /* what answers by the tunnel make too little of it ... */
	unsigned settled;    /* ... by so many of them */
	unsigned n;	     /* answers since the tests were passed, ... */
	struct mono since;   /* ... which was then */
	struct mono lost_at; /* 0 = never */
};

struct way {
	const char *name, *listener; /* borrowed; the end whose UDP port must be open */
	char key[WGKEY_SHORT_MAX];   /* of the far end, by the mesh file */
	uint16_t port;
	size_t full_bytes;
	bool starts;	 /* this end sends the first handshake */
	bool both_nat;	 /* neither end has an Endpoint */
	bool named;	 /* the far end's is a DNS name: the hint is what it says now */
	bool in_place;	 /* the tunnel takes the prefixes from the hub */
	bool by_overlay; /* its overlay address can be asked by the tunnel (IPv4) */
	bool pinned;	 /* by the mesh file, to its tunnel */
	bool once;	 /* see struct core_opts */

	struct way_wish wish;
	struct way_wish asked; /* at the last WAY_STAGE: the wish may move on */
	struct way_seen seen;
	struct mono seen_at;

	struct pair test;
	bool testing;
	bool proved;   /* was verified once since it was staged */
	bool verified; /* and nothing spoke against it since */
	struct live live, accept;
	struct way_hub hub;
	bool emergency; /* leased, or to be, because the hub was silent */
	bool urgent;	/* that was so when the lease was asked for */
	struct mono hold_until, retry_at, leave_at; /* not before */
	int64_t retry_ns;
	struct mono staged_at, leased_at, renewed_at, round_at;
	unsigned rounds; /* good tests in a row: before the lease, and again in it */
	struct mono slow_since; /* 0 = not slow */
	struct mono idle_since; /* staged, without route, and not wished; 0 = not so */
	struct mono part_since; /* routed, and no longer wished; 0 = not so */
	/* The far end answers by the hub: it has left this path, too.  0 = not seen. */
	struct mono far_since, far_at;
	struct mono punched, lead_from; /* 0 = not yet */
	struct addr told;		/* the hint that netd was given */
	uint16_t told_port;
	struct mono quiet_since;
	uint64_t quiet_bytes;
	/* In place: what the far end said, and whether it has been where we are. */
	enum way_word heard;
	struct mono heard_at; /* 0 = never */
	uint32_t heard_no;
	bool together;
	enum way_word said;
	struct mono said_at, turned_at; /* turned: to another word */
	struct err why; /* why it is not as wished, or why it left; "" = no reason */
	struct err
	    refused; /* what was told of netd's refusals since the last success */
};

void way_init(struct way *w);
/* True: what is wished now, and was not before, is there for good already. */
bool way_want(struct way *w, const struct way_wish *wish, struct mono now);
enum way_state way_state(const struct way *w);
enum way_path way_path(const struct way *w); /* that its packets take */

/* The kernel's view; true if it contradicts what we believed (text in w->why). */
bool way_see(struct way *w, const struct way_seen *seen, struct mono now);

/* Turn what time brings; call before way_next(). */
void way_tick(struct way *w, const struct way_view *v);
enum way_act way_next(struct way *w, const struct way_view *v);
/* It is asked for: what is done then is this, whatever is wished meanwhile. */
void way_ask(struct way *w, enum way_act act);
/* What became of it: rc 0 or -errno and netd's words. */
void way_done(struct way *w, enum way_act act, int rc, const char *text,
    const struct way_view *v);

/* Which probes: of liveness every beat, every fifth, or none; of acceptance. */
enum way_pace { WAY_SILENT, WAY_RARE, WAY_SLOW, WAY_FAST };
enum way_pace way_pace(const struct way *w, const struct way_view *v);
bool way_asks_acceptance(const struct way *w, const struct way_view *v);

/* --- way_hub.c --- */

/* Is it to be asked by the hub, which way it answers? */
bool way_asks_far(const struct way *w, const struct way_view *v);
/* How often it is asked there, for that or for the hub's RTT. */
enum way_pace way_hub_pace(const struct way *w, const struct way_view *v);
/* It has answered; rtt_us < 0: its time was spoilt. */
void way_far(struct way *w, bool by_hub, int64_t rtt_us, struct mono now);
/* The far end sends by the hub, and nothing by this path. */
bool way_hub_left(const struct way *w, const struct way_view *v);
/* The smaller of what was measured and what the plan says; negative = unknown. */
int64_t way_hub_us(const struct way *w);
/* A tunnel that is faster than the hub, by what was measured if that can be. */
bool way_hub_allows(const struct way *w, const struct way_view *v);
/* From now on it is measured anew; or nothing was lost of it yet. */
void way_hub_begin(struct way *w, struct mono now);
void way_hub_restart(struct way *w);
/* The far end answered by the hub, and does no longer. */
bool way_hub_lost(const struct way *w);
/* Nothing was lost by the hub for long enough to go back to it. */
bool way_hub_back(const struct way *w, const struct way_view *v);
void way_hub_tick(struct way *w, const struct way_view *v);

/* --- way_nat.c --- */

/* Is a datagram to be sent to the hint now, to open this end's NAT? */
bool way_nat_punches(const struct way *w, const struct way_view *v);
void way_nat_punched(struct way *w, struct mono now);
/* The other end must be ready first: not yet. */
bool way_nat_waits(const struct way *w, const struct way_view *v);
/* Before the wish becomes this one. */
void way_nat_want(struct way *w, const struct way_wish *wish, bool other,
    struct mono now);
/* Staged, but the far end is seen elsewhere now. */
bool way_nat_again(const struct way *w, const struct way_view *v);
/* Why there is no handshake between two behind NAT; as err_set(). */
int way_nat_verdict(const struct way *w, struct err *err);

/* --- way_place.c --- */

/* What it says of this end, and whether that is due now. */
enum way_word way_place_word(const struct way *w, const struct way_view *v);
bool way_place_speaks(const struct way *w, enum way_word word,
    const struct way_view *v);
void way_place_said(struct way *w, enum way_word word, struct mono now);
/* no: grows from word to word. */
void way_place_hear(struct way *w, enum way_word word, uint32_t no, struct mono now);
/* Are both ends ready, so that this one is to move now? */
bool way_place_moves(const struct way *w, const struct way_view *v);
/* Moved, or back. */
void way_place_turn(struct way *w, struct mono now);
/* The far end is not, or no longer, where we are; why says so. */
bool way_place_alone(struct way *w, const struct way_view *v);
/* It may still be on its way. */
bool way_place_waits(const struct way *w, const struct way_view *v);

/* When it wants way_tick() at the latest, its probes apart. */
struct mono way_wake(const struct way *w);

/* After a fault it stays by the hub for a while; after a plan's word it need not. */
static inline bool
way_dwells(const struct way *w, struct mono now)
{
	return now.ns < w->hold_until.ns;
}

const char *way_state_name(enum way_state state);

#endif
