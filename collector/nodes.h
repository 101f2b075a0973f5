/* SPDX-License-Identifier: MIT */
/*
 * What the collector knows of each node as a reporter: its last report, and what of its
 * reports is missing, came twice or was refused.  Answers "why does this node show
 * nothing?".  Since the start of the collector, but for what the store gives back.
 */
#ifndef COLLECTOR_NODES_H
#define COLLECTOR_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/report.h"

#define NODE_REASON_MAX	 256
#define NODE_VERSION_MAX 32

struct node_state {
	bool seen; /* the fields down to missing are set */
	uint64_t boot;
	uint64_t first_seq, last_seq; /* seen of this boot */
	struct wall start;	      /* of the newest report */
	uint32_t length_ms;
	enum stamp stamp;
	int64_t skew_ns;  /* received minus end of window, of the newest one: transport
			     and spool, or the two clocks apart */
	uint64_t missing; /* sequence numbers of this boot between first and last */

	uint64_t gaps;	    /* the same of former boots */
	uint64_t gaps_seen; /* as they were seen first: what came later included */
	char version[NODE_VERSION_MAX]; /* of its prober; "" = not said */
	uint64_t accepted, duplicates, refused;
	uint64_t spoofed, local_drop; /* sums over the accepted */
	char reason[NODE_REASON_MAX]; /* why the last one was refused; "" = none was */
	struct wall refused_at;
	struct mono events_full; /* when it may tell as many events at once as ever */
};

/* A report that is new to the store. */
void nodes_accepted(struct node_state *node, const struct report *r, int64_t skew_ns);
void nodes_duplicate(struct node_state *node);
void nodes_refused(struct node_state *node, const char *reason, struct wall now);

/* What a prober says of itself: "meshopt-prober/1.0". Anything else, or NULL, is
 * nothing. */
void nodes_version(struct node_state *node, const char *user_agent);

/* Reports that a node has made and that never came. */
uint64_t nodes_gaps(const struct node_state *node);

/* "never", "reporting", or "late": no report for three windows after its last. */
const char *nodes_state_name(const struct node_state *node, struct wall now);

/*
 * Why nothing is heard of a node, and what to do, in words.  False if it reports.
 */
bool nodes_why_silent(const struct node_state *node, struct wall now, struct err *why);

#endif
