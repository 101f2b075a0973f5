/* SPDX-License-Identifier: MIT */
/*
 * What meshopt replay is asked, from its options and files.
 */
#ifndef OPTIMIZER_REPLAY_INPUT_H
#define OPTIMIZER_REPLAY_INPUT_H

#include "optimizer/decide/replay.h"

/* As given; NULL, 0 or false = not given. */
struct replay_opts {
	const char *history, *policy, *from, *to, *hub, *pops, *nodes, *budget, *relays,
	    *weights;
	const char *slice, *flaps, *once, *window;
	const char *title; /* to be shown in place of the name of history */
	bool medians, json;
};

struct replay_input {
	struct history *history; /* owned */
	struct instance *nodes;	 /* owned; the hub and the budget are in it */
	struct matrix *weights;	 /* owned; NULL = all 1 */
	struct policy policy;
	struct instance_opts how;
	struct replay_setup setup; /* refers to all of these */
	bool hub_chosen;	   /* none was named: the centre */
};

/* *in must be zeroed; replay_input_fini() is right after a failure too. */
int replay_input_load(const struct replay_opts *opts, struct replay_input *in,
    struct err *err);
void replay_input_fini(struct replay_input *in);

#endif
