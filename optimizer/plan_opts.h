/* SPDX-License-Identifier: MIT */
/*
 * What plan and verify ask beyond the question itself: instance files, the objective,
 * relay loads, and how much work.
 */
#ifndef OPTIMIZER_PLAN_OPTS_H
#define OPTIMIZER_PLAN_OPTS_H

#include "optimizer/ask.h"
#include "optimizer/decide/solve.h"

struct plan_opts {
	struct ask_opts ask;
	const char *instance;	    /* --instance FILE instead of everything else */
	const char *write_instance; /* --write-instance FILE */
	const char *write_lp;	    /* --write-lp FILE */
	const char **loads;	    /* owned; --load [NODE=]N as given */
	size_t n_loads;
	int64_t slo_us;	       /* --slo MS; 0 = not */
	uint32_t quantile_ppm; /* --quantile Q; 0 = not */
	int64_t change_us;     /* --change-cost MS; -1 = not */
	uint32_t seconds;      /* --time S; 0 = not */
	uint32_t iterations;   /* --iterations N; 0 = not */
	uint32_t seed;	       /* --seed N */
};

#define PLAN_OPTION_FIRST 1200
#define PLAN_OPTIONS                                                \
	ASK_OPTIONS, { "instance", required_argument, NULL, 1200 }, \
	    { "write-instance", required_argument, NULL, 1201 },    \
	    { "write-lp", required_argument, NULL, 1202 },          \
	    { "load", required_argument, NULL, 1203 },              \
	    { "slo", required_argument, NULL, 1204 },               \
	    { "quantile", required_argument, NULL, 1205 },          \
	    { "change-cost", required_argument, NULL, 1206 },       \
	    { "time", required_argument, NULL, 1207 },              \
	    { "iterations", required_argument, NULL, 1208 },        \
	{                                                           \
		"seed", required_argument, NULL, 1209               \
	}

extern const char plan_opts_usage[];

/* As ask_option(). */
int plan_opts_take(struct plan_opts *opts, int option, const char *value,
    struct err *err);
void plan_opts_fini(struct plan_opts *opts);

/* The instance with all that the options say; ask is ready for ask_fini() after. */
int plan_opts_load(const struct plan_opts *opts, struct ask *ask, struct err *err);
/* The instance into the files that were asked for. */
int plan_opts_export(const struct plan_opts *opts, const struct instance *in,
    struct err *err);
/* The work limits; with --time they are chosen by size, and said. */
struct solve_opts plan_opts_effort(const struct plan_opts *opts,
    const struct instance *in);

#endif
