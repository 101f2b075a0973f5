/* SPDX-License-Identifier: MIT */
/*
 * Why one pair goes the way it goes, and what would change it: found by asking the
 * solver again with one figure changed, so it is as exact as the solver is.
 */
#ifndef OPTIMIZER_DECIDE_WHY_H
#define OPTIMIZER_DECIDE_WHY_H

#include "optimizer/decide/evidence.h"
#include "optimizer/decide/policy.h"

/* What decided, the first that applies. */
enum why_rule {
	WHY_PINNED_HUB,
	WHY_PINNED_DIRECT,
	WHY_NO_ENDPOINT,
	WHY_NO_HUB_RTT,
	WHY_NO_DIRECT_RTT,
	WHY_THIN,   /* too few samples */
	WHY_POLICY, /* see verdict */
	WHY_SLOWER, /* a tunnel is not faster than the hub */
	WHY_CHOSEN, /* it is worth its place */
	WHY_LEG,    /* built for other pairs, which its ends relay */
	WHY_RELAY,  /* two tunnels that exist for others as well will do */
	WHY_LIMIT,  /* a node has as many tunnels as it may */
	WHY_BUDGET, /* others are worth more */
};

/* in: as it was solved. */
struct why_question {
	const struct instance *in;
	size_t pair; /* index */
	const struct evidence_pair *evidence;
	uint32_t samples_min;
	const struct policy *policy; /* NULL = none was applied */
};

struct why {
	enum plan_path path;
	uint32_t via; /* PLAN_RELAY */
	int64_t us;   /* RTT by this path */
	enum why_rule rule;
	struct policy_verdict verdict; /* WHY_POLICY */
	uint32_t full;		       /* WHY_LIMIT: the node */
	size_t rank, candidates;       /* by merit; rank 0 = no candidate */
	/*
	 * The direct RTT in us at which the answer turns: below it the pair is direct,
	 * from there on it is not.  PLAN_UNKNOWN: no RTT turns it.
	 */
	int64_t turn_us;
	/* Direct from this budget on; PLAN_NO_BUDGET: no budget does it. */
	uint32_t turn_budget;
};

int why(const struct why_question *q, struct why *out, struct err *err);

const char *why_rule_name(enum why_rule rule); /* for a program: "pinned-hub" */

#endif
