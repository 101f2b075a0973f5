/* SPDX-License-Identifier: MIT */
#include "collector/nodes.h"

#include <stdio.h>
#include <string.h>

/* A report may be a window late by its nature, and one may be lost. */
#define LATE_WINDOWS 3

static void
new_boot(struct node_state *node, const struct report *r)
{
	node->gaps += node->missing;
	node->missing = 0;
	node->boot = r->boot;
	node->first_seq = node->last_seq = r->seq;
}

/*
 * A prober that was cut off sends its newest report first and then the ones before it:
 * what looked like a gap is filled from the far end.
 */
static void
count_seq(struct node_state *node, const struct report *r)
{
	if (r->seq > node->last_seq) {
		node->missing += r->seq - node->last_seq - 1;
		node->gaps_seen += r->seq - node->last_seq - 1;
		node->last_seq = r->seq;
	} else if (r->seq < node->first_seq) {
		node->missing += node->first_seq - r->seq - 1;
		node->gaps_seen += node->first_seq - r->seq - 1;
		node->first_seq = r->seq;
	} else if (node->missing > 0) {
		node->missing--;
	}
}

void
nodes_accepted(struct node_state *node, const struct report *r, int64_t skew_ns)
{
	bool newest = !node->seen || r->start.ns > node->start.ns;

	if (!node->seen || (newest && r->boot != node->boot))
		new_boot(node, r);
	else if (r->boot == node->boot)
		count_seq(node, r);
	/* else from the spool of a former boot, whose numbers are no longer kept */
	node->seen = true;
	if (newest) {
		node->start = r->start;
		node->length_ms = r->length_ms;
		node->stamp = r->stamp;
		node->skew_ns = skew_ns;
	}
	node->accepted++;
	node->spoofed += r->spoofed;
	node->local_drop += r->local_drop;
}

void
nodes_duplicate(struct node_state *node)
{
	node->duplicates++;
}

void
nodes_refused(struct node_state *node, const char *reason, struct wall now)
{
	node->refused++;
	node->refused_at = now;
	(void)snprintf(node->reason, sizeof(node->reason), "%s",
	    reason); /* may be cut */
}

uint64_t
nodes_gaps(const struct node_state *node)
{
	return node->gaps + node->missing;
}

static bool
is_late(const struct node_state *node, struct wall now)
{
	int64_t length_ns = node->length_ms * NS_PER_MS;

	return now.ns - (node->start.ns + length_ns) > LATE_WINDOWS * length_ns;
}

const char *
nodes_state_name(const struct node_state *node, struct wall now)
{
	if (!node->seen)
		return "never";
	return is_late(node, now) ? "late" : "reporting";
}

void
nodes_version(struct node_state *node, const char *user_agent)
{
	static const char program[] = "meshopt-prober/";
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~_-";
	const char *version;
	size_t n;

	if (!user_agent || strncmp(user_agent, program, strlen(program)) != 0)
		return;
	version = user_agent + strlen(program);
	n = strspn(version, set);
	if (n == 0 || n >= sizeof(node->version))
		return;
	memcpy(node->version, version, n);
	node->version[n] = '\0';
}

bool
nodes_why_silent(const struct node_state *node, struct wall now, struct err *why)
{
	bool refused = node->refused && node->refused_at.ns > node->start.ns;

	if (node->seen && !is_late(node, now))
		return false;
	if (refused)
		(void)err_set(why, "its reports are refused: %s", node->reason);
	else if (!node->seen)
		(void)err_set(why,
		    "no report of it is known: is meshopt-prober running there, and "
		    "can it reach this collector?");
	else
		(void)err_set(why,
		    "no report for %lld s: is meshopt-prober running there, and its "
		    "way to this collector up?",
		    (long long)((now.ns - node->start.ns) / NS_PER_S) -
			(long long)(node->length_ms / 1000));
	return true;
}
