/* SPDX-License-Identifier: MIT */
/*
 * What is in force for one pair, beside what would be planned now: the published plan,
 * and what the agents of both ends said last.
 */
#ifndef OPTIMIZER_INFORCE_H
#define OPTIMIZER_INFORCE_H

#include <stdio.h>

#include "optimizer/decide/plan.h"
#include "optimizer/feed_json.h"
#include "optimizer/input.h"

struct inforce {
	const char *ends[2]; /* borrowed */
	struct wall now;
	uint64_t epoch;	    /* 0 = no plan was published */
	struct wall issued; /* of it */
	enum plan_path path;
	char via[MESH_NAME_MAX]; /* PLAN_RELAY only */
	struct wall since;	 /* by this path; 0 = not said */
	bool good;		 /* both ends have said that it stands */
	struct feed_word said[2];
	int64_t left_out_ns; /* as its tunnel did not stand: from plans, so long yet */
};

/*
 * False if nothing is known: figures of a file, a mesh without a PlanKey, or a
 * collector that does not tell, which is said.
 */
bool inforce_ask(const struct input_opts *input, const struct mesh *mesh,
    const char *const ends[2], struct inforce *out);
void inforce_print(const struct inforce *f, FILE *out);

#endif
