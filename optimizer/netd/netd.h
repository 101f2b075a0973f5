/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of meshopt-agent say to each other: fixed-size messages of one
 * version over a SOCK_SEQPACKET socketpair, in the byte order of the machine.
 *
 * The unprivileged half asks, one request at a time; netd answers each with one struct
 * netd_reply, and STATE with records before it.  Nodes are named by their place in the
 * mesh file, which both halves read for themselves: no key, name or prefix is ever told
 * to netd.  Every message is checked for size, version, ranges and padding by the one
 * who receives it; netd trusts nothing else about its sender either, see policy.h.
 */
#ifndef OPTIMIZER_NETD_NETD_H
#define OPTIMIZER_NETD_NETD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/mesh.h"

#define NETD_VERSION	 1
#define NETD_NONE	 UINT32_MAX /* no node: direct in `via`, nobody elsewhere */
#define NETD_TEXT_MAX	 256
#define NETD_FOREIGN_MAX 192
#define NETD_VERDICT_MAX 512

#define NETD_LEASE_MIN_S 5
#define NETD_LEASE_S	 60 /* what the agent asks for, renewed every 15 s */
#define NETD_LEASE_MAX_S 120
#define NETD_DIRECT_MAX	 64 /* peers on the direct interface */

/*
 * The requests.  `node` is an index into mesh->nodes for all but HELLO, STATE, PANIC,
 * where it is NETD_NONE, and ADOPT, where it may be (all nodes).  Fields that a verb
 * does not name are 0, or NETD_NONE for node and via.
 */
enum netd_verb {
	/*
	 * hash = netd_roster_hash() of the asker's mesh file.  If netd's differs it
	 * reads the file again, compares once more, and takes away what the file does
	 * not give; as long as that fails HELLO does.  Every other verb but WITHDRAW
	 * and PANIC needs a HELLO before it.
	 */
	NETD_HELLO = 1,
	/* A struct netd_node for each node with something to tell, then netd_self. */
	NETD_STATE,
	/*
	 * Interface and peer, with the node's own prefixes and link-local address.  The
	 * initiator (mesh_initiator()) also sets the endpoint and a keepalive of 25 s.
	 * addr and port: a hint, or family 0; taken only by the initiator, and only for
	 * a node whose Endpoint is missing or a name, else ignored.  Moves prefixes
	 * that a relay's peer holds back to the node's own, while no route for them is
	 * there.
	 */
	NETD_STAGE,
	/*
	 * The peer of `via` takes the node's prefixes too, while no route for them is
	 * there.  via must be staged.
	 */
	NETD_STAGE_RELAY,
	/*
	 * Routes that the kernel itself takes away after `seconds`; the same again
	 * renews them.  via: as staged, NETD_NONE = direct.  flags: NETD_EMERGENCY.
	 * Success, and nothing done, when the path is committed already.
	 */
	NETD_LEASE,
	NETD_COMMIT,   /* the lease becomes permanent, without a gap */
	NETD_WITHDRAW, /* every route of the node, leased or not; needs no HELLO */
	/*
	 * The node's own peer goes, or with via: the node's prefixes go back to its own
	 * peer, if that is there.  No route may be left, and nothing may have arrived
	 * by it for two leases.
	 */
	NETD_UNSTAGE,
	NETD_PANIC, /* every route of ours; needs no HELLO */
	/* What an operator took, or a second flush froze, is ours again. */
	NETD_ADOPT,
	/*
	 * A peer without any prefix, by which the hub sees where a node behind NAT is:
	 * at the hub for such a node, at such a node for the hub.  It carries nothing.
	 */
	NETD_REFLECT,
	NETD_VERBS /* their number + 1 */
};

/*
 * LEASE while the hub does not answer: charged to a budget of its own, since every pair
 * needs it at once; it cannot be committed before an ordinary token is there.
 */
#define NETD_EMERGENCY 1u

struct netd_request {
	uint32_t magic; /* netd_request_init() */
	uint16_t version;
	uint16_t verb;
	uint32_t id; /* the reply has it too */
	uint32_t node;
	uint32_t via;
	uint32_t seconds;
	uint32_t flags;
	uint16_t port; /* host byte order */
	uint8_t family;
	uint8_t zero;
	uint8_t addr[16];
	uint64_t hash;
	uint64_t reserved;
};

enum netd_kind { NETD_REPLY = 1, NETD_NODE, NETD_SELF, NETD_KINDS };

/* How every answer begins. */
struct netd_head {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
	uint32_t id; /* of the request */
};

/*
 * error is 0 or
 *   -EBADMSG	     no message of this version, or an unknown verb: a bug of the asker
 *   -ESTALE	     no HELLO, or another mesh file
 *   -EPERM	     policy: never for this node, this relay, this prefix
 *   -EINVAL	     a field out of its range
 *   -ENETDOWN	     preflight: the text says what to mend
 *   -ENOENT	     not staged, or nothing to commit
 *   -ENOTCONN	     no handshake in the last 180 s
 *   -EEXIST	     a prefix would move while a route for it is there: withdraw first
 *   -EBUSY	     too soon: the text says when
 *   -EROFS	     the freeze file is there
 *   -EACCES	     an operator changed this pair by hand: it is theirs
 *   -ECANCELED	     frozen after a second flush in ten minutes
 *   -ENOSPC, -EIO   the journal cannot be written: only withdrawals are possible
 *   -EUCLEAN	     read back, it was not as asked; what was done is undone
 *   -ENOTRECOVERABLE  likewise, and undoing failed too
 * or what the kernel answered.  Nothing has changed but for the last two.
 */
struct netd_reply {
	struct netd_head head;
	int32_t error;
	char text[NETD_TEXT_MAX]; /* one sentence; "" = nothing to say */
};

enum netd_path { NETD_HUB, NETD_LEASED, NETD_DIRECT, NETD_PATHS };
enum netd_peer { NETD_ABSENT, NETD_RIGHT, NETD_DIFFERS, NETD_PEERS };

/* Of a node. */
#define NETD_OPERATOR	1u /* changed by hand: theirs, see foreign */
#define NETD_FROZEN	2u /* flushed twice: see foreign */
#define NETD_PARTIAL	4u /* some of its prefixes only */
#define NETD_NODE_FLAGS 7u

/* What the kernel has for one node.  Nodes without peer, route or flag have none. */
struct netd_node {
	struct netd_head head;
	uint32_t node;
	uint32_t
	    via; /* whose peer its routes lead to: NETD_NONE = its own; path != HUB */
	uint32_t holder; /* whose peer holds its prefixes, itself included; NETD_NONE */
	uint32_t lease_s; /* left; path LEASED */
	uint8_t path;	  /* enum netd_path: what its packets take now */
	uint8_t peer;	  /* enum netd_peer: its own peer */
	uint8_t family;	  /* observed endpoint; 0 = none */
	uint8_t zero;
	uint16_t port;
	uint16_t flags;
	uint32_t reserved;
	int64_t handshake_age_ms; /* of its own peer; -1 = never */
	uint64_t rx_bytes, tx_bytes;
	uint8_t addr[16];
	char foreign[NETD_FOREIGN_MAX]; /* who did what; "" */
};

/* Of this node as a whole. */
#define NETD_HUB_UP	 1u
#define NETD_DIRECT_MADE 2u
#define NETD_DIRECT_UP	 4u
#define NETD_FREEZE_FILE 8u
#define NETD_READ_ONLY	 16u /* the journal cannot be written */
#define NETD_RESTARTED	 32u /* the journal was damaged: set aside, started afresh */
#define NETD_SELF_FLAGS	 63u

struct netd_self {
	struct netd_head head;
	uint32_t flags;
	uint64_t hash;		      /* of the mesh file that netd works by */
	int64_t hub_handshake_age_ms; /* of the hub's peer; -1 = never or unknown */
	uint64_t hub_rx_bytes, hub_tx_bytes;
	uint64_t
	    changes; /* messages to the kernel that change something, since start */
	uint32_t n_peers;  /* on the direct interface */
	uint32_t n_routes; /* of ours, leased or not */
	uint32_t tokens;   /* path changes that are allowed now */
	uint32_t next_s;   /* until the next token; 0 = none is owed */
	/* The first fault of preflight, also one that stops no change; "" = fit. */
	char verdict[NETD_VERDICT_MAX];
};

union netd_answer {
	struct netd_head head;
	struct netd_reply reply;
	struct netd_node node;
	struct netd_self self;
};

/* All fields set to nothing, but magic, version, verb. */
void netd_request_init(struct netd_request *req, enum netd_verb verb);

/* 0, -EBADMSG, or -EINVAL for a field out of its range that a verb does name. */
int netd_request_check(const void *buf, size_t len, struct netd_request *out);

/* kind, id and zeroes; texts are to be filled to their end with zeroes. */
void netd_answer_init(union netd_answer *answer, enum netd_kind kind, uint32_t id);
size_t netd_answer_size(enum netd_kind kind); /* 0 = no such kind */

/* n_nodes: of the mesh, to check indices against.  0 or -EBADMSG. */
int netd_answer_check(const void *buf, size_t len, size_t n_nodes,
    union netd_answer *out);

/*
 * What decides about a switch in a mesh: equal for two files that differ in comments,
 * order of keys or settings of the prober.  Not against forgery: both files are root's.
 */
uint64_t netd_roster_hash(const struct mesh *mesh);

/* --- the asker's end; fd is its end of the socketpair, and stays the caller's --- */

struct netd_client {
	int fd;
	size_t n_nodes;
	uint32_t last_id;
	bool waiting; /* for a reply */
};

void netd_client_init(struct netd_client *c, int fd, size_t n_nodes);

/* Sets req->id.  -EBUSY while a reply is awaited, else as send(2). */
int netd_client_send(struct netd_client *c, struct netd_request *req);

/*
 * 1: *out is a record, more will come; 0: *out is the reply.  -EAGAIN on a socket that
 * does not block, -EPIPE when netd is gone, -EBADMSG for what is no answer to this.
 */
int netd_client_receive(struct netd_client *c, union netd_answer *out);

#endif
