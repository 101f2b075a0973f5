/* SPDX-License-Identifier: MIT */
/*
 * Where plan and report get the question from: the mesh file, and the collector or CSV
 * files.
 */
#ifndef OPTIMIZER_INPUT_H
#define OPTIMIZER_INPUT_H

#include <getopt.h>

#include "optimizer/decide/instance.h"
#include "optimizer/measure_json.h"

/* Options that the verbs share; NULL or false = not given. */
struct input_opts {
	const char *mesh;      /* --mesh FILE */
	const char *rtt;       /* --rtt FILE */
	const char *collector; /* --collector URL */
	const char *hub;       /* --hub NAME, without a mesh file */
	const char *pops;      /* --pops a,b,c, likewise */
	const char *pop;       /* --pop NAME[,NAME]: only pairs with such an end */
	const char *weights;   /* --weights FILE */
	const char *since;     /* --since DURATION: window of the collector's figures */
	const char *relays;    /* all, none or a,b,c; NULL: as the mesh file says */
	bool all_pairs;	       /* --all-pairs */
};

/* For the verbs' tables of struct option; values are above any character. */
#define INPUT_OPTION_FIRST 1000
#define INPUT_OPTIONS                                       \
	{ "mesh", required_argument, NULL, 1000 },          \
	    { "rtt", required_argument, NULL, 1001 },       \
	    { "collector", required_argument, NULL, 1002 }, \
	    { "hub", required_argument, NULL, 1003 },       \
	    { "pops", required_argument, NULL, 1004 },      \
	    { "pop", required_argument, NULL, 1005 },       \
	    { "weights", required_argument, NULL, 1006 },   \
	    { "since", required_argument, NULL, 1007 },     \
	{                                                   \
		"all-pairs", no_argument, NULL, 1008        \
	}

/* True if option was one of INPUT_OPTIONS, and takes it. */
bool input_option(struct input_opts *opts, int option, const char *value);

struct input {
	struct mesh *mesh;		    /* owned; NULL without a mesh file */
	struct measure *measure;	    /* owned; NULL with --rtt */
	struct instance *instance;	    /* owned; its budget is the mesh file's */
	struct matrix *by_path[PATH_COUNT]; /* owned; medians, in the order of the
					       nodes; NULL = no such path */
	size_t strangers; /* rows of the collector whose nodes the mesh lacks */
};

/* Whether the options go together: what is wrong with the command line alone. */
int input_check(const struct input_opts *opts, struct err *err);

/*
 * For options that passed input_check().  -EINVAL and err for whatever else is wrong;
 * input_fini() is right after a failure too.
 */
int input_load(const struct input_opts *opts, struct input *in, struct err *err);
/*
 * What was measured in as much time before --since, which must be given, as after it.
 * *out is for measure_free(), and NULL after a failure.
 */
int input_before(const struct input_opts *opts, const struct input *in,
    struct measure **out, struct err *err);
void input_fini(struct input *in);

#endif
