/* SPDX-License-Identifier: MIT */
/*
 * The question that plan answers and why explains: what was measured (input.h), the
 * limits, how sure one must be, and the policy.
 */
#ifndef OPTIMIZER_ASK_H
#define OPTIMIZER_ASK_H

#include "optimizer/decide/evidence.h"
#include "optimizer/decide/policy.h"
#include "optimizer/input.h"

/*
 * What is remembered of former plans, told before the limits and the policy are asked:
 * states, one a pair or NULL, stay the teller's.
 */
struct ask_memory {
	int (*recall)(void *ctx, const struct mesh *mesh, struct instance *in,
	    struct policy_state **states, struct err *err);
	void *ctx;
	struct wall now;
};

struct ask_opts {
	struct input_opts input;
	const char **caps; /* owned; --cap [NODE=]N as given */
	size_t n_caps;
	uint32_t budget; /* --budget; has_budget */
	bool has_budget;
	bool no_relays;	       /* --no-relays */
	uint32_t conf_pct;     /* --conf; 0 = the policy's */
	uint32_t samples_min;  /* --min-samples; 0 = the policy's */
	uint32_t loss_packets; /* --loss; has_loss */
	bool has_loss;
	const char *policy;		 /* --policy FILE or "default"; NULL = none */
	const struct ask_memory *memory; /* borrowed; NULL = nothing is remembered */
};

#define ASK_OPTION_FIRST 1100
#define ASK_OPTIONS                                                \
	INPUT_OPTIONS, { "budget", required_argument, NULL, 'b' }, \
	    { "cap", required_argument, NULL, 1100 },              \
	    { "no-relays", no_argument, NULL, 1101 },              \
	    { "conf", required_argument, NULL, 1102 },             \
	    { "min-samples", required_argument, NULL, 1103 },      \
	    { "loss", required_argument, NULL, 1104 },             \
	    { "relays", required_argument, NULL, 1106 },           \
	{                                                          \
		"policy", required_argument, NULL, 1105            \
	}

/* For the verbs' usage(); ends in a newline. */
extern const char ask_usage[];

/* 1: taken; 0: not one of ours; -EINVAL: ours, and err says what is wrong with it. */
int ask_option(struct ask_opts *opts, int option, const char *value, struct err *err);
void ask_opts_fini(struct ask_opts *opts);

struct ask {
	struct input in;
	struct evidence_pair *evidence; /* owned, one a pair; NULL until asked for */
	struct evidence_opts how;
	struct policy policy;
	bool has_policy;
};

/*
 * Everything, into an instance that is ready to be solved.  ask_fini() is right after a
 * failure too.  The budget may still be PLAN_NO_BUDGET.
 */
int ask_load(const struct ask_opts *opts, struct ask *ask, struct err *err);
/* Its budget and caps alone. */
int ask_limits(const struct ask_opts *opts, struct instance *in, struct err *err);
void ask_fini(struct ask *ask);

/* The evidence of every pair, gathered at the first call. */
const struct evidence_pair *ask_evidence(struct ask *ask);

#endif
