/* SPDX-License-Identifier: MIT */
/*
 * From the plan in force to the plan wanted, a few pairs at a time.  The first new pair
 * is the canary and goes alone; then three at most, then a tenth of all pairs at most,
 * and a further stage only when both ends of every pair of the stages before have said
 * that it is good: that nothing was heard of a pair is no verdict.  (A push went on
 * because the canary's bad verdict got lost: status.cloud.google.com, incident 16007.)
 * What did not stand goes back, and for a day comes after all others: the canary is the
 * pair of the least worth, and one that never comes up would be it for ever.
 * Pure.
 */
#ifndef OPTIMIZER_DECIDE_STAGE_H
#define OPTIMIZER_DECIDE_STAGE_H

#include "common/clock.h"
#include "optimizer/decide/plan.h"

#define STAGE_CANARY	  1
#define STAGE_SECOND	  3
#define STAGE_PAIRS_PCT	  10 /* of all pairs, in any stage; 1 at least */
#define STAGE_DROPS_PCT	  25 /* of the pairs off the hub, in any stage; 1 at least */
#define STAGE_SILENT_NS	  (30 * 60 * NS_PER_S)	    /* without a word a pair is bad */
#define STAGE_LEFT_OUT_NS (60 * 60 * NS_PER_S)	    /* a bad pair, from planning */
#define STAGE_REMEMBER_NS (24 * 60 * 60 * NS_PER_S) /* one is the last to come */
#define STAGE_CLOCKS_NS	  (60 * NS_PER_S) /* an end's clock may be behind by so much */

#define STAGE_REPORTING_PCT 80 /* of the nodes, or nothing is published */
#define STAGE_WORSE_PCT	    20 /* of the pairs at once: the observer's fault, likely */

enum stage_kind {
	STAGE_OTHER,
	STAGE_STAGED,
	STAGE_DIRECT,
	STAGE_DEMOTED,
	STAGE_WITHDRAWN, /* by the plan: no fault, and no longer direct */
	STAGE_REFUSED
};

/* What an agent has said of a pair that it is an end of. */
struct stage_event {
	char node[MESH_NAME_MAX], peer[MESH_NAME_MAX];
	enum stage_kind kind;
	struct wall at;
	size_t order; /* stage_events_settle()'s own */
};

/* What is asked of them is asked of settled ones. */
struct stage_events {
	struct stage_event *event; /* owned */
	size_t n;
};

/* "staged", "direct", "demoted" and so on; STAGE_OTHER for anything else. */
enum stage_kind stage_kind_parse(const char *text);
void stage_events_fini(struct stage_events *events);
/*
 * Keep the last word of each node about each other one, to be found by their names; of
 * two at the same time the later in the list.
 */
void stage_events_settle(struct stage_events *events);

enum stage_verdict { STAGE_UNHEARD, STAGE_GOOD, STAGE_BAD };

/*
 * The last word of either end, but for those of before this path, which came at since
 * (0 = all of them): good if both say direct, bad if one says demoted or refused; *at
 * is when the newest bad one was said, 0 if none.
 */
enum stage_verdict stage_verdict(const struct stage_events *events,
    const char *const ends[2], struct wall since, struct wall *at);

struct stage {
	size_t added, removed; /* pairs that change their path in this stage */
	size_t later;	       /* pairs of the target that are left for later stages */
	char waits[256];       /* what the next stage waits for; "" = for nothing */
};

/*
 * Make of target the plan to be issued: what must wait goes as it goes now, and its
 * tunnels have PLAN_WAIT.  present: the issued plan in force, or NULL.  A relay path
 * needs its two tunnels to be in force, and well, first.
 */
void stage_make(struct plan *target, const struct plan *present,
    const struct stage_events *events, struct wall now, struct stage *out);

/* Pairs of the plan that leave the hub; plan may be NULL. */
size_t stage_off_hub(const struct plan *plan);

/* Do enough of the nodes report for a plan to be made of what they say? */
bool stage_sees(size_t reporting, size_t nodes);

/* Is the hub's way longer than it was when the plan in force was made, not by noise? */
bool stage_slower(int64_t was_us, int64_t is_us);

/* Are so many of the pairs in force slower at once that one doubts the figures? */
bool stage_doubts(size_t slower, size_t pairs);

/* What there is to judge by when the next plan is made. */
struct stage_past {
	const struct plan *present; /* the issued plan in force, or NULL */
	const struct stage_events *events;
	struct wall now;
};

/*
 * Should planning leave out this pair, a before b in the alphabet, for now?  In force:
 * if it went bad since it came by its path, however long ago, or has been there for
 * half an hour without a word from both ends.  Else, for an hour after it went bad, by
 * what was said or by what the plan in force remembers.  *failed: when it did so, 0 =
 * it did not.
 */
bool stage_left_out(const struct stage_past *past, const char *a, const char *b,
    struct wall *failed);

#endif
