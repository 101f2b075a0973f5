/* SPDX-License-Identifier: MIT */
/*
 * meshopt plan: the question from the options, the answer to stdout and to a file.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/num.h"
#include "common/opts.h"
#include "common/sdnotify.h"
#include "optimizer/busy.h"
#include "optimizer/cmd.h"
#include "optimizer/curve.h"
#include "optimizer/decide/plan_json.h"
#include "optimizer/plan_file.h"
#include "optimizer/plan_opts.h"
#include "optimizer/plan_print.h"
#include "optimizer/publish.h"

struct plan_cmd {
	struct plan_opts q;
	bool exit_code, curve, publish;
	int64_t every_ns; /* --publish again and again; 0 = once */
	struct publish memory;
	bool stale; /* too few figures to publish by */
	enum { AS_TEXT, AS_JSON, AS_CSV } format;
	const char *out;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt plan --budget N [OPTION...]\n"
	    "Decide which pairs get a direct tunnel; nothing is changed anywhere.\n\n"
	    "%s%s"
	    "  --curve             what each budget up to this one saves, and the "
	    "knee\n"
	    "  -o FILE             write the plan there, for meshopt apply\n"
	    "  -j, --json; --csv   the plan in another form on stdout\n"
	    "  --exit-code         exit with 3 if tunnels would be added or dropped\n"
	    "  --publish           sign the next stage and hand it to the collector\n"
	    "  --every 5m          do so again and again\n"
	    "  --key FILE          that signs (default " PUBLISH_KEY_PATH ")\n"
	    "  --after FILE        go on from this plan, which another key signed\n"
	    "  --force             though few nodes report, or many pairs got worse\n",
	    ask_usage, plan_opts_usage);
}

/* Do the options go together?  Says why not. */
static bool
fits(const struct plan_cmd *o)
{
	struct err err;

	if (!o->q.instance && input_check(&o->q.ask.input, &err) < 0) {
		log_warnx("%s", err.text);
		return false;
	}
	if (!o->publish &&
	    (o->every_ns || o->memory.key_path || o->memory.after || o->memory.force)) {
		log_warnx(
		    "plan: --every, --key, --after and --force go with --publish");
		return false;
	}
	if (o->every_ns && o->memory.after) {
		log_warnx("plan: --after is for the first plan of a key, and --every "
			  "for all after it");
		return false;
	}
	if (o->publish && (o->q.instance || o->q.ask.input.rtt || o->curve)) {
		log_warnx("plan: --publish goes by the collector's figures, without "
			  "--rtt, --instance and --curve");
		return false;
	}
	return true;
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct plan_cmd *o)
{
	static const struct option options[] = {
		PLAN_OPTIONS,
		{ "curve", no_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "exit-code", no_argument, NULL, 'x' },
		{ "publish", no_argument, NULL, 'p' },
		{ "every", required_argument, NULL, 'e' },
		{ "key", required_argument, NULL, 'K' },
		{ "after", required_argument, NULL, 'A' },
		{ "force", no_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err;
	int c, r;

	while ((c = opts_next(argc, argv, "b:o:jh", options)) != -1) {
		r = plan_opts_take(&o->q, c, optarg, &err);
		if (r < 0) {
			log_warnx("%s", err.text);
			return EXIT_USAGE;
		}
		if (r > 0)
			continue;
		if (c == 'j') {
			o->format = AS_JSON;
		} else if (c == 'c') {
			o->format = AS_CSV;
		} else if (c == 'k') {
			o->curve = true;
		} else if (c == 'x') {
			o->exit_code = true;
		} else if (c == 'o') {
			o->out = optarg;
		} else if (c == 'p') {
			o->publish = true;
		} else if (c == 'K') {
			o->memory.key_path = optarg;
		} else if (c == 'A') {
			o->memory.after = optarg;
		} else if (c == 'f') {
			o->memory.force = true;
		} else if (c == 'e') {
			if (num_duration(optarg, &o->every_ns) < 0 ||
			    o->every_ns < 10 * NS_PER_S) {
				log_warnx("--every: \"%s\" is not a time such as 5m",
				    optarg);
				return EXIT_USAGE;
			}
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (optind < argc) {
		log_warnx("plan: \"%s\" is not an option", argv[optind]);
		usage(stderr);
		return EXIT_USAGE;
	}
	return fits(o) ? -1 : EXIT_USAGE;
}

static int
print_plan(const struct plan *plan, const struct plan_cmd *o)
{
	int r = 0;

	if (o->format == AS_JSON) {
		plan_json_write(plan, stdout);
		putchar('\n');
	} else if (o->format == AS_CSV) {
		plan_print_csv(plan);
	} else {
		plan_print(plan, o->q.ask.policy);
	}
	if (o->out)
		r = plan_file_write(o->out, plan);
	return r;
}

/* Too thin and unmeasured pairs are looked for only where there are any. */
static void
note_needs(struct ask *ask, struct plan *plan)
{
	if (ask->in.measure || (plan->unmeasured && ask->in.mesh))
		evidence_needs(ask->in.instance, ask_evidence(ask),
		    ask->how.samples_min, plan);
}

static int
recall(void *ctx, const struct mesh *mesh, struct instance *in,
    struct policy_state **states, struct err *err)
{
	struct plan_cmd *o = ctx;
	int rc = publish_recall(&o->memory, mesh, in, clock_wall(), err);

	o->stale = rc == -ESTALE;
	*states = o->memory.states;
	return rc;
}

static int
publish(struct plan_cmd *o, struct plan *plan, const struct ask *ask)
{
	struct stage stage;
	struct err err;

	(void)ask;
	if (publish_send(&o->memory, plan, clock_wall(), &stage, &err) < 0) {
		log_warnx("%s", err.text);
		return -1;
	}
	log_info("published as plan %llu: %zu pairs leave the hub, %zu go back to it, "
		 "%zu are left for later",
	    (unsigned long long)plan->issue->epoch, stage.added, stage.removed,
	    stage.later);
	if (stage.waits[0])
		log_info("the next stage waits for %s", stage.waits);
	return 0;
}

static int
plan_and_print(struct plan_cmd *o, struct ask *ask)
{
	struct plan *plan = NULL;
	struct solve_opts how;
	struct err err;
	int r, status = EXIT_FAILED;

	if (plan_opts_load(&o->q, ask, &err) < 0 ||
	    plan_opts_export(&o->q, ask->in.instance, &err) < 0) {
		log_warnx("%s", err.text);
		return o->stale ? EXIT_PARTIAL : EXIT_FAILED;
	}
	if (ask->in.instance->budget == PLAN_NO_BUDGET) {
		log_warnx(
		    "--budget N is missing: how many direct tunnels may there be?");
		return EXIT_USAGE;
	}
	how = plan_opts_effort(&o->q, ask->in.instance);
	if (o->curve)
		return curve_print(ask->in.instance, &how, o->format == AS_CSV);
	busy_begin("deciding for %zu nodes", ask->in.instance->n_nodes);
	r = solve_with(ask->in.instance, &how, &plan, &err);
	busy_end();
	if (r < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	note_needs(ask, plan);
	if (o->publish && publish(o, plan, ask) < 0) {
		plan_free(plan);
		return EXIT_FAILED;
	}
	if (print_plan(plan, o) == 0) {
		plan_print_notes(plan, ask->in.strangers);
		status = EXIT_DONE;
		for (size_t i = 0; o->exit_code && i < plan->n_tunnels; i++)
			if (plan->tunnels[i].state != PLAN_KEEP)
				status = EXIT_PENDING;
	}
	plan_free(plan);
	return status;
}

static int
plan_once(struct plan_cmd *o)
{
	struct ask_memory memory = { recall, o, clock_wall() };
	struct ask ask = { 0 };
	int status;

	if (o->publish) {
		/* What is published switches tunnels: not without damping. */
		if (!o->q.ask.policy)
			o->q.ask.policy = "default";
		if (!o->memory.key_path)
			o->memory.key_path = PUBLISH_KEY_PATH;
		o->memory.collector = o->q.ask.input.collector;
		o->q.ask.memory = &memory;
	}
	status = plan_and_print(o, &ask);
	ask_fini(&ask);
	publish_fini(&o->memory);
	return status;
}

/* As a daemon: a failure is said and the next round comes all the same. */
static int
plan_for_ever(struct plan_cmd *o)
{
	sigset_t stop;
	int sig;

	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL); /* fails for no valid set */
	(void)sdnotify("READY=1"); /* without a manager nobody is told */
	do {
		struct timespec until = { .tv_sec = o->every_ns / NS_PER_S };

		(void)plan_once(o);   /* it has said what was wrong */
		(void)fflush(stdout); /* a log that is read as it grows */
		sig = sigtimedwait(&stop, NULL, &until);
	} while (sig < 0);
	return EXIT_DONE;
}

int
cmd_plan(int argc, char **argv)
{
	struct plan_cmd o = { 0 };
	int status = parse(argc, argv, &o);

	if (status < 0 && o.every_ns)
		status = plan_for_ever(&o);
	else if (status < 0)
		status = plan_once(&o);
	plan_opts_fini(&o.q);
	return status;
}
