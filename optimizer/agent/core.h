/* SPDX-License-Identifier: MIT */
/*
 * All ways of this node together: whose turn it is to ask netd, which probes go out on
 * the next beat, and what is worth an event.  Pure: every call is told the time.
 *
 * Order of what is asked: routes that must go, then leases, then a look at the kernel
 * when it is due, then everything else; one request is under way at a time.
 *
 * Liveness beats every 200 ms, on all paths at the same moment: when a path has missed
 * three in a row, the hub has been asked at those very moments.
 */
#ifndef OPTIMIZER_AGENT_CORE_H
#define OPTIMIZER_AGENT_CORE_H

#include "common/mesh.h"
#include "optimizer/agent/way.h"

#define CORE_BEAT_NS	  (200 * NS_PER_MS)
#define CORE_SLOW	  5		    /* beats to a second */
#define CORE_RARE	  50		    /* and to ten */
#define CORE_LOOK_NS	  (5 * NS_PER_S)    /* between two looks at the kernel */
#define CORE_LOOK_SOON_NS (250 * NS_PER_MS) /* while a handshake is awaited */
#define CORE_EVENTS_MAX	  256		    /* then the oldest goes */

enum core_verb {
	CORE_LOOK, /* STATE */
	CORE_STAGE,
	CORE_LEASE,
	CORE_COMMIT,
	CORE_WITHDRAW,
	CORE_UNSTAGE,
	CORE_ADOPT,  /* what operators changed is the plan's again */
	CORE_REFLECT /* the hub sees where a node behind NAT is */
};

struct core_ask {
	enum core_verb verb;
	size_t node;
	size_t via;	/* SIZE_MAX = direct */
	bool emergency; /* LEASE: the hub is silent */
	struct addr hint;
	uint16_t hint_port;
};

enum core_probe_kind {
	CORE_LIVE,
	CORE_SMALL,
	CORE_FULL,
	CORE_ACCEPT, /* by the tunnel to its overlay address: does it take that? */
	CORE_FAR,    /* by the hub: which way does it answer, and how soon? */
	CORE_KINDS
};

/*
 * A probe to send.  link_local: to the node's link-local address on the direct
 * interface, else to its overlay address from ours; pinned: by the direct interface,
 * else by the hub's.
 */
struct core_probe {
	uint32_t slot; /* for core_answer(), core_lost() */
	size_t node;
	enum core_probe_kind kind;
	bool link_local, pinned;
	size_t payload;
};

enum core_event_kind {
	CORE_STAGED,
	CORE_DIRECT,
	CORE_DEMOTED,	/* for a fault */
	CORE_WITHDRAWN, /* by the plan, or as the other end or the hub came back */
	CORE_REFUSED,
	CORE_FROZEN,
	CORE_OPERATOR,
	CORE_ENDPOINT, /* text: where the hub sees the node now */
	CORE_FAULT
};

struct core_event {
	enum core_event_kind kind;
	size_t node; /* SIZE_MAX: this node as a whole */
	enum way_path path;
	size_t via;
	int64_t rtt_us; /* negative = none */
	char text[512];
};

/* What netd says of this node as a whole. */
struct core_self {
	bool frozen;
	unsigned tokens;   /* changes towards direct that netd allows now */
	char verdict[512]; /* of preflight; "" = fit */
};

struct core_opts {
	const struct mesh *mesh; /* borrowed, until core_free() */
	size_t self;
	size_t full_bytes; /* payload of a full-size probe by IPv6 */
	/*
	 * Nobody watches afterwards: routes are permanent after one more good round
	 * under their lease, and no peer is taken away, since the far end may still
	 * send by it.
	 */
	bool once;
};

struct core;

/* The MTU may have become another. */
void core_full_bytes(struct core *c, size_t payload);

struct core *core_new(const struct core_opts *opts, struct mono now);
void core_free(struct core *c);

/*
 * What the plan asks of this node: one wish a node of the roster.  fresh_until: no
 * change is started after.
 */
void core_want(struct core *c, const struct way_wish *wishes, struct mono fresh_until,
    struct mono now);

/* Of an agent before this one: nothing is begun with this node until then. */
void core_hold(struct core *c, size_t node, struct mono until);

/* The answer to CORE_LOOK: one a node of the roster. */
void core_saw(struct core *c, const struct way_seen *seen, const struct core_self *self,
    struct mono now);

/* Turn what time brings.  Call first, after the answers were handed in. */
void core_tick(struct core *c, struct mono now);

/* False: nothing to ask now, or an answer is awaited. */
bool core_ask(struct core *c, struct core_ask *out, struct mono now);
/* What became of it: rc is 0 or -errno. */
void core_told(struct core *c, int rc, const char *text, struct mono now);

/* The next probe of this moment; false when all are out. */
bool core_probe(struct core *c, struct core_probe *out, struct mono now);
/* rc: 0 or -errno of sending. */
void core_sent(struct core *c, const struct core_probe *probe, int rc, uint64_t seq,
    struct mono now);
/*
 * by_hub: it came in by the hub's interface.  Sequence numbers grow: those below the
 * first that was sent are of a core before this one, whose slots meant other nodes.
 */
void core_answer(struct core *c, uint32_t slot, uint64_t seq, int64_t rtt_us,
    bool by_hub);
void core_lost(struct core *c, uint32_t slot, uint64_t seq);

/* A datagram to open this end's NAT; false when none is due. */
struct core_punch {
	size_t node;
	struct addr to;
	uint16_t port;
};
bool core_punch(struct core *c, struct core_punch *out, struct mono now);

/* In place: a word to the other end, by the tunnel; false when none is due. */
struct core_word {
	size_t node;
	enum way_word word;
	uint32_t no;
};
bool core_word(struct core *c, struct core_word *out, struct mono now);
/* One from it.  The sender is known by the tunnel's key. */
void core_heard(struct core *c, const struct core_word *word, struct mono now);

bool core_event(struct core *c, struct core_event *out); /* oldest first */

/* When to call core_tick() again, unless something comes before. */
struct mono core_wake(const struct core *c);

/* For the status. */
const struct way *core_way(const struct core *c, size_t node);
const struct live *core_hub(const struct core *c);
bool core_hub_silent(const struct core *c);
const struct core_self *core_node(const struct core *c);

#endif
