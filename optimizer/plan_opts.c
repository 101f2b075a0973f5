/* SPDX-License-Identifier: MIT */
#include "optimizer/plan_opts.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "optimizer/instance_file.h"

#define LOADS_MAX 10000

/* What an iteration and a round took on a machine of 2020, by tunnels; only --time. */
#define ITERATION_NS 130
#define ROUND_NS     1500

const char plan_opts_usage[] =
    "  --slo MS            weigh the pairs within MS, instead of the mean\n"
    "  --quantile Q        the weighted quantile, such as 0.95, instead of the mean\n"
    "  --load [NODE=]N     weight that relays, or this one, may carry\n"
    "  --change-cost MS    what adding or dropping a tunnel must bring, at mean "
    "weight\n"
    "  --instance FILE     the question from a file, docs/planning.md\n"
    "  --write-instance FILE, --write-lp FILE  the question into one; - is stdout\n"
    "  --time S            choose the work by about S seconds, and say which it is\n"
    "  --iterations N, --seed N  the work itself; the same gives the same plan\n";

static int
bad(struct err *err, const char *what, const char *value, const char *want)
{
	return err_set(err, "%s: \"%s\" is not %s", what, value, want);
}

static int
take_work(struct plan_opts *o, int option, const char *value, struct err *err)
{
	switch (option - PLAN_OPTION_FIRST) {
	case 7:
		return num_u32(value, 1, 86400, &o->seconds) == 0
			   ? 1
			   : bad(err, "--time", value, "a number of seconds");
	case 8:
		return num_u32(value, 1, 1000000, &o->iterations) == 0
			   ? 1
			   : bad(err, "--iterations", value, "a number from 1");
	default:
		return num_u32(value, 0, UINT32_MAX, &o->seed) == 0
			   ? 1
			   : bad(err, "--seed", value, "a whole number");
	}
}

int
plan_opts_take(struct plan_opts *o, int option, const char *value, struct err *err)
{
	int64_t ppm;
	int r = ask_option(&o->ask, option, value, err);

	if (r != 0)
		return r;
	switch (option - PLAN_OPTION_FIRST) {
	case 0:
		o->instance = value;
		return 1;
	case 1:
		o->write_instance = value;
		return 1;
	case 2:
		o->write_lp = value;
		return 1;
	case 3:
		if (o->n_loads == LOADS_MAX)
			return err_set(err, "--load: more than %d of them", LOADS_MAX);
		o->loads = mem_grow(o->loads, o->n_loads + 1, sizeof(*o->loads));
		o->loads[o->n_loads++] = value;
		return 1;
	case 4:
		return num_ms(value, &o->slo_us) == 0 && o->slo_us > 0
			   ? 1
			   : bad(err, "--slo", value, "a time in ms");
	case 5:
		/* Thousandths: the reader of ms serves. */
		if (num_ms(value, &ppm) < 0 || ppm < 1 || ppm > 1000)
			return bad(err, "--quantile", value, "a share such as 0.95");
		o->quantile_ppm = (uint32_t)ppm * 1000;
		return 1;
	case 6:
		return num_ms(value, &o->change_us) == 0
			   ? 1
			   : bad(err, "--change-cost", value, "a time in ms");
	case 7:
	case 8:
	case 9:
		return take_work(o, option, value, err);
	}
	return 0;
}

void
plan_opts_fini(struct plan_opts *opts)
{
	ask_opts_fini(&opts->ask);
	free(opts->loads);
	opts->loads = NULL;
	opts->n_loads = 0;
}

static int
set_loads(const struct plan_opts *o, struct instance *in, struct err *err)
{
	for (size_t i = 0; i < o->n_loads; i++) {
		const char *equals = strchr(o->loads[i], '=');
		size_t len = equals ? (size_t)(equals - o->loads[i]) : 0, hits = 0;
		uint32_t load;

		if (num_u32(equals ? equals + 1 : o->loads[i], 1, UINT32_MAX, &load) <
		    0)
			return bad(err, "--load", o->loads[i], "N or NODE=N");
		for (size_t k = 0; k < in->n_nodes; k++) {
			const char *name = in->nodes[k].name;

			if (equals &&
			    (strlen(name) != len || memcmp(name, o->loads[i], len)))
				continue;
			hits++;
			in->nodes[k].max_load = load;
		}
		if (!hits)
			return err_set(err, "--load: there is no node \"%.*s\"",
			    (int)len, o->loads[i]);
	}
	return 0;
}

/* An instance file is the whole question; only the limits may be said anew. */
static int
load_instance(const struct plan_opts *o, struct ask *ask, struct err *err)
{
	const struct input_opts *in = &o->ask.input;
	int r;

	memset(ask, 0, sizeof(*ask));
	if (in->mesh || in->rtt || in->collector || in->hub || in->pop || in->weights ||
	    in->all_pairs || o->ask.policy)
		return err_set(err,
		    "--instance is the whole question: no --mesh, --rtt, --collector, "
		    "--hub, --pop, --weights, --all-pairs or --policy beside it");
	r = instance_file_load(o->instance, &ask->in.instance, err);
	if (r == 0)
		r = ask_limits(&o->ask, ask->in.instance, err);
	for (size_t i = 0; r == 0 && in->relays && i < ask->in.instance->n_nodes; i++)
		if (strcmp(in->relays, "none") == 0)
			ask->in.instance->nodes[i].relay = false;
	return r;
}

int
plan_opts_load(const struct plan_opts *o, struct ask *ask, struct err *err)
{
	struct instance *in;
	int r = o->instance ? load_instance(o, ask, err) : ask_load(&o->ask, ask, err);

	if (r < 0)
		return r;
	in = ask->in.instance;
	if (o->slo_us) {
		in->goal = GOAL_SLO;
		in->limit_us = o->slo_us;
	}
	if (o->quantile_ppm) {
		in->goal = GOAL_QUANTILE;
		in->quantile_ppm = o->quantile_ppm;
	}
	if (o->change_us)
		in->change_us = o->change_us;
	return set_loads(o, in, err);
}

int
plan_opts_export(const struct plan_opts *o, const struct instance *in, struct err *err)
{
	int r = 0;

	if (o->write_instance)
		r = instance_file_write(o->write_instance, in, err);
	if (r == 0 && o->write_lp)
		r = instance_file_write_lp(o->write_lp, in, err);
	return r;
}

struct solve_opts
plan_opts_effort(const struct plan_opts *o, const struct instance *in)
{
	struct solve_opts how = { .threads = 2, .seed = o->seed ? o->seed : 1 };
	uint64_t tunnels = in->n_tunnels + 1, ns = o->seconds * UINT64_C(1000000000);
	uint64_t most;

	how.iterations = o->iterations;
	if (!o->seconds)
		return how;
	most = ns / 2 / (tunnels * ITERATION_NS);
	how.iterations = most < 50 ? 50 : most > 20000 ? 20000 : (unsigned)most;
	most = ns / 4 / (tunnels * ROUND_NS);
	how.rounds = most > 100000 ? 100000 : most < 1 ? 1 : (unsigned)most;
	log_warnx("--time %u: --iterations %u, and %u rounds of search", o->seconds,
	    how.iterations, how.rounds);
	return how;
}
