/* SPDX-License-Identifier: MIT */
/*
 * When a change is worth making: thresholds, dwell, flap damping and the cost of a
 * change in one object, so that any recorded week can be run through another one.
 * Pure: the time is an argument, and what must be remembered of a pair is a struct of
 * the caller's.
 */
#ifndef OPTIMIZER_DECIDE_POLICY_H
#define OPTIMIZER_DECIDE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "optimizer/decide/instance.h"

struct policy {
	/* A new tunnel must be faster by gain_us and take at most num/den of the hub.
	 */
	int64_t gain_us;
	uint32_t ratio_num, ratio_den;
	/* One that exists stays while it is faster by both of these. */
	int64_t keep_gain_us;
	uint32_t keep_gain_pct;
	bool both;	     /* the newest figures and the smoothed ones must agree */
	uint32_t smooth_num; /* weight of a new figure, of SMOOTH_DEN */
	int64_t dwell_ns;    /* after a change the pair is left alone */
	int64_t change_cost_us; /* per tunnel, at the mean weight of a pair */
	int64_t interval_ns;	/* between two plans */
	/* Damping: RFC 2439 with the defaults that FRR and others ship. */
	uint32_t penalty, suppress, reuse;
	int64_t half_life_ns, suppress_max_ns;
	/* What the limits are made with, evidence.h. */
	unsigned conf_pct;
	uint32_t samples_min, loss_packets;
};

#define POLICY_SMOOTH_DEN 256

/* What is remembered of a pair; all zero is a pair that was never looked at. */
struct policy_state {
	int64_t hub_us, direct_us; /* smoothed; 0 = none yet */
	struct wall changed;	   /* when its tunnel came or went */
	bool has_changed;
	bool suppressed;
	double penalty; /* at the time it was last changed */
	struct wall penalty_at;
};

/* What decided; in the order in which the rules are asked. */
enum policy_rule {
	POLICY_FREE,	  /* no rule: its worth decides */
	POLICY_DWELL,	  /* changed a moment ago */
	POLICY_DAMPED,	  /* changed too often */
	POLICY_THRESHOLD, /* a new tunnel would not be faster enough now */
	POLICY_SMOOTHED,  /* now it would, but not on average */
	POLICY_SILENT,	  /* its tunnel's figures are missing: nothing changes */
	POLICY_NO_GAIN,	  /* its tunnel is not faster any more, now and on average */
};

struct policy_verdict {
	enum policy_rule rule;
	bool held;   /* the tunnel stays */
	bool barred; /* there is none, or it goes */
};

/* The defaults of meshopt-policy(5). */
struct policy policy_default(void);

/* 0, or -EINVAL and what does not fit together. */
int policy_check(const struct policy *policy, struct err *err);

/* New figures of a pair, unknown ones PLAN_UNKNOWN: the smoothed ones follow. */
void policy_observe(const struct policy *policy, struct policy_state *state,
    const struct pair *p);

/* The pair's tunnel came or went. */
void policy_changed(const struct policy *policy, struct policy_state *state,
    struct wall now);

/* The penalty as it has decayed until now. */
double policy_penalty(const struct policy *policy, const struct policy_state *state,
    struct wall now);

struct policy_verdict policy_weigh(const struct policy *policy, const struct pair *p,
    struct policy_state *state, struct wall now);

/*
 * Set held, barred (which stays set where it is) and bias of every pair; states: one a
 * pair, NULL = nothing is remembered.  With relays the tunnels are told instead: the
 * cost of a change, denied while a pair dwells or is damped, required while it is held
 * and there is room.  Thresholds are then not asked, since a tunnel may be worth more
 * to others than to its own ends.
 */
void policy_apply(const struct policy *policy, struct instance *in,
    struct policy_state *states, struct wall now);

const char *policy_rule_text(enum policy_rule rule); /* for a person */

#endif
