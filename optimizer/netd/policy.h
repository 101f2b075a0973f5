/* SPDX-License-Identifier: MIT */
/*
 * May it be done?  netd's own answer, whatever asks: no system call filter can look
 * into a netlink message, so this is the sandbox.  Pure; every branch is covered by a
 * test, and a build without any one of these guards must fail the suite.
 */
#ifndef OPTIMIZER_NETD_POLICY_H
#define OPTIMIZER_NETD_POLICY_H

#include "common/err.h"
#include "optimizer/netd/scene.h"

/* WireGuard rejects a session after this long (REJECT_AFTER_TIME). */
#define POLICY_SESSION (180 * NS_PER_S)

/* What a far end may still send before its own lease has run out. */
#define POLICY_SETTLE (2 * NETD_LEASE_S * NS_PER_S)

/* What others took is put back once in this time, and adopted once. */
#define POLICY_ASSERT (600 * NS_PER_S)

/* So many changes at once, and so many in the window. */
struct policy_limit {
	uint32_t burst;
	int64_t window_ns;
};

/* A bucket is the time at which it will be full again (GCRA): one number to persist. */
uint32_t policy_tokens(struct mono full, struct mono now, struct policy_limit limit);
/* Until there is one more; 0 when it is full. */
static inline int64_t
policy_next_ns(struct mono full, struct mono now, struct policy_limit limit)
{
	int64_t each = limit.window_ns / limit.burst;
	int64_t owed = mono_diff(full, now);

	return owed <= 0 ? 0
			 : owed - (int64_t)(limit.burst -
					    policy_tokens(full, now, limit) - 1) *
				      each;
}
static inline struct mono
policy_take(struct mono full, struct mono now, struct policy_limit limit)
{
	return mono_add(full.ns > now.ns ? full : now, limit.window_ns / limit.burst);
}

struct policy_facts {
	const struct mesh *mesh;
	size_t self;
	const struct book *book;
	struct policy_limit limit[BOOK_BUCKETS];
	struct mono now;
	bool greeted;		     /* HELLO with this mesh file */
	bool freeze;		     /* the file is there */
	int journal;		     /* 0, or why it cannot be written */
	struct scene_node node, via; /* of the request's */
	bool via_right;		     /* the relay's own peer is as it should be */
	size_t n_peers;		     /* on the direct interface */
	int64_t handshake_age_ns; /* of the peer that would carry it; below 0 = never */
	int64_t quiet_ns;	  /* nothing has arrived by its own peer for so long */
};

struct policy_verdict {
	int rc; /* 0 or as netd_reply says */
	bool charge;
	enum book_bucket bucket; /* with charge */
};

/* err is filled in when rc is not 0. */
struct policy_verdict policy_judge(const struct policy_facts *facts,
    const struct netd_request *req, struct err *err);

/* Will this hint be used, or is there nothing to hint at? */
bool policy_takes_hint(const struct mesh *mesh, size_t self, uint32_t node);

/*
 * May a committed path stay, without anybody's asking?  Not when packets go into it and
 * its session has been dead for longer than a session lives, while the hub answers.
 */
bool policy_dead(int64_t handshake_age_ns, bool tx_grew, int64_t hub_age_ns);

#endif
