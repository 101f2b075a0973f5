/* SPDX-License-Identifier: MIT */
/*
 * What the keeper*.c share.  Nobody else includes it.
 */
#ifndef OPTIMIZER_NETD_KEEPER_CORE_H
#define OPTIMIZER_NETD_KEEPER_CORE_H

#include "optimizer/netd/keeper.h"

/* A peer's signs of life, of which the kernel tells only how they stand. */
struct keeper_seen {
	bool known;
	struct wall handshake;
	struct mono alive; /* when it last shook hands, on the clock that never jumps */
	struct mono noticed;	/* when we saw that: never before we were there */
	uint64_t alive_tx;	/* what had been sent to it then */
	uint64_t tx, rx;	/* at the last look */
	uint64_t mark_rx;	/* at `mark` */
	struct mono mark, busy; /* busy: when traffic, not mere probes, last arrived */
	struct addr endpoint;
	uint16_t port;
};

struct keeper {
	struct keeper_opts opts;
	struct keeper_now now;
	struct mesh *mesh; /* owned */
	size_t self;
	struct book book;
	struct policy_limit limit[BOOK_BUCKETS];
	struct journal *journal;
	int journal_rc;		  /* of the last record */
	struct keeper_seen *seen; /* owned, one a node */
	struct state state;	  /* as last read; scene is of it */
	struct scene scene;
	unsigned ifindex[2];
	unsigned watched;      /* the direct interface at the last look of the watch */
	struct mono roster_at; /* since when this mesh file is what we go by */
	bool greeted, damaged;
	bool blind; /* the last look failed: state and scene are empty */
	struct err words;
};

/* --- keeper_look.c: read the kernel anew --- */

int keeper_look(struct keeper *k, struct err *err);

/* --- keeper.c --- */

/* Put on disk what the book says of this node, with what is being done (0 = done). */
int keeper_note(struct keeper *k, uint32_t node, unsigned doing);
/* Is this machine, and with a node this pair, fit?  The first fault in err. */
int keeper_preflight(struct keeper *k, uint32_t node, struct err *err);

/* --- keeper_tell.c --- */

void keeper_tell_node(struct keeper *k, uint32_t id, uint32_t node);
void keeper_tell_self(struct keeper *k, uint32_t id);
void keeper_tell_reply(struct keeper *k, uint32_t id, int rc, const char *text);

/* --- keeper_peer.c, keeper_route.c: judged before, journalled here; 0 or as netd_reply
 * says --- */

/* NETD_STAGE, or NETD_STAGE_RELAY by its via. */
int keeper_stage(struct keeper *k, const struct netd_request *req, struct err *err);
int keeper_lease(struct keeper *k, uint32_t node, uint32_t seconds, struct err *err);
int keeper_commit(struct keeper *k, uint32_t node, struct err *err);
int keeper_withdraw(struct keeper *k, uint32_t node, struct err *err);
int keeper_unstage(struct keeper *k, uint32_t node, uint32_t via, struct err *err);
/*
 * In no journal: what carries nothing is not missed, and is made again when asked.  But
 * one that was taken away only once in ten minutes.
 */
int keeper_reflect(struct keeper *k, uint32_t node, struct err *err);
/* Every route of ours, even of nobody. */
int keeper_panic(struct keeper *k, struct err *err);
/* Those of nobody only. */
int keeper_orphans(struct keeper *k, struct err *err);
/* The direct interface with all its addresses, where it lacks something. */
int keeper_interface(struct keeper *k, struct err *err);

/*
 * Is what this peer is to hold free for it, or with a peer that we made?  Others' are
 * never taken from, and a peer that holds more than it should is no work of ours.
 */
int keeper_peer_taken(struct keeper *k, uint32_t node, struct err *err);
/* One message with what this peer lacks by the book; none if it lacks nothing. */
int keeper_peer_complete(struct keeper *k, uint32_t node,
    const struct netd_request *hint, struct err *err);
/* Does the kernel show this peer as the book has it? */
int keeper_peer_check(struct keeper *k, uint32_t node, struct err *err);

/* --- keeper_place.c: the same arrows in place --- */

void keeper_place_open(struct keeper *k);
int keeper_place_lease(struct keeper *k, uint32_t node, uint32_t seconds,
    struct err *err);
int keeper_place_commit(struct keeper *k, uint32_t node, struct err *err);
/* Its prefixes fall back to the hub's wider one. */
int keeper_place_give_back(struct keeper *k, uint32_t node, struct err *err);
void keeper_place_settle(struct keeper *k, uint32_t node);
/*
 * Was its way back gone while the freeze file is there, as `meshopt panic` does?  Then
 * the book has that, and nobody is blamed.
 */
bool keeper_place_panicked(struct keeper *k, uint32_t node, const struct scene_node *s);
/* Leases that nobody renewed, or all of them. */
void keeper_place_expire(struct keeper *k, bool all);

/* On disk first: what cannot be written is not begun. */
int keeper_begin(struct keeper *k, uint32_t node, enum netd_verb verb, struct err *err);
/* Done, and `stage` is what there is. */
void keeper_end(struct keeper *k, uint32_t node, enum book_stage stage);
/* "nrt: what: strerror" */
int keeper_failed(const struct keeper *k, uint32_t node, int rc, const char *what,
    struct err *err);

static inline const struct mesh_node *
keeper_who(const struct keeper *k, uint32_t node)
{
	return &k->mesh->nodes[node];
}

/* --- keeper_roster.c --- */

/*
 * After a look: what the mesh file does not give goes, and peers of ours become what it
 * gives.  A second call goes on with what failed, and does nothing if nothing is to do.
 */
int keeper_follow(struct keeper *k, struct err *err);
/* Does the mesh file give it something else than when its peer was last right? */
bool keeper_is_stale(const struct keeper *k, uint32_t node);
/* ... and so that its packets must go by the hub? */
bool keeper_is_astray(const struct keeper *k, uint32_t node,
    const struct scene_node *s);
/* It has just been given what it has now; NETD_NONE = nobody has. */
void keeper_regive(struct keeper *k, uint32_t node);
bool keeper_is_former(const struct keeper *k, const struct kernel_peer *peer);
/* A revoked key must not stay: it has no address to be known by afterwards. */
void keeper_reflectors_drop(struct keeper *k, const struct mesh *mesh);
/* Those that have what this node's peer is to have; NETD_NONE = all. */
int keeper_former_remove(struct keeper *k, uint32_t node, struct err *err);

/* --- keeper_watch.c --- */

void keeper_converge(struct keeper *k);
/*
 * What others took is put back once in ten minutes, and then frozen: true, and noted in
 * the book, if it may be.
 */
bool keeper_may_assert(struct keeper *k, uint32_t node, const char *cause);
/* After a look: is the interface gone, and what stood on it nobody's any more? */
bool keeper_gone(struct keeper *k);
/* The book takes what the kernel has for what we made. */
void keeper_settle(struct keeper *k, uint32_t node);

#endif
