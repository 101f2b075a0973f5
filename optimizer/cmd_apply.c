/* SPDX-License-Identifier: MIT */
/*
 * meshopt apply: carry a plan out on this node.  Options and files in, the outcome to
 * stdout; what is done in between is in apply/.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/opts.h"
#include "optimizer/apply/place.h"
#include "optimizer/apply/run.h"
#include "optimizer/cmd.h"
#include "optimizer/operate/self.h"
#include "optimizer/plan_file.h"

#define WAIT_DEFAULT (60 * NS_PER_S)

struct apply_opts {
	const char *plan, *mesh, *node;
	struct run_opts run;
	bool undo, exit_code;
};

/* What must be freed, whatever was reached. */
struct apply {
	struct mesh *mesh;
	struct plan *plan;
	struct goals goals;
	struct kernel *kernel;
	struct run_io *io;
	struct run_result result;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt apply [OPTION...] PLAN.json\n"
	    "       meshopt apply --undo [OPTION...]\n"
	    "Carry a plan out on this node; without --yes only say what would be "
	    "done.\n\n"
	    "  --yes          do it\n"
	    "  --undo         delete every route that meshopt made on this node\n"
	    "  --wait 60s     how long to wait for the other end's handshake\n"
	    "  --mesh FILE    mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --node NAME    which node this is (default: found by its addresses)\n"
	    "  --exit-code    exit with 3 if a dry run has something to do\n");
}

/* Exit status, or -1 to go on. */
static int
parse(int argc, char **argv, struct apply_opts *o)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "undo", no_argument, NULL, 'u' },
		{ "wait", required_argument, NULL, 'w' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "node", required_argument, NULL, 'n' },
		{ "exit-code", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = opts_next(argc, argv, "hy", options)) != -1) {
		if (c == 'y') {
			o->run.yes = true;
		} else if (c == 'u') {
			o->undo = true;
		} else if (c == 'w') {
			if (num_duration(optarg, &o->run.wait_ns) < 0) {
				log_warnx("--wait: \"%s\" is not a time such as 60s",
				    optarg);
				return EXIT_USAGE;
			}
		} else if (c == 'm') {
			o->mesh = optarg;
		} else if (c == 'n') {
			o->node = optarg;
		} else if (c == 'x') {
			o->exit_code = true;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (optind + (o->undo ? 0 : 1) != argc) {
		log_warnx(o->undo ? "apply: --undo takes no plan"
				  : "apply: which plan? one file is wanted");
		usage(stderr);
		return EXIT_USAGE;
	}
	o->plan = argv[optind];
	return -1;
}

/* Names of endpoints, before anything is touched: a resolver may lie beyond a tunnel.
 */
static int
resolve(struct goals *goals, struct err *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_ADDRCONFIG };

	for (size_t i = 0; i < goals->n; i++) {
		struct goal *goal = &goals->goal[i];
		const struct mesh_node *node = goals_node(goals, i);
		struct addrinfo *found = NULL;
		int rc;

		if (!goal->starts || goal->endpoint.family)
			continue;
		rc = getaddrinfo(node->endpoint.host, NULL, &hints, &found);
		if (rc != 0)
			return err_set(err, "%s: endpoint %s: %s", node->name,
			    node->endpoint.host, gai_strerror(rc));
		rc = addr_from_sockaddr(found->ai_addr, &goal->endpoint) ? 0 : -1;
		freeaddrinfo(found);
		if (rc < 0)
			return err_set(err, "%s: endpoint %s: no address", node->name,
			    node->endpoint.host);
	}
	return 0;
}

static int
load(const struct apply_opts *o, struct apply *a, struct err *err)
{
	size_t self = 0;
	int rc = mesh_load(o->mesh, &a->mesh, err);

	if (rc == 0)
		rc = kernel_open(a->mesh->direct_interface, &a->kernel, err);
	/* Taking back must work on a node that the mesh file has forgotten. */
	if (rc == 0 && a->mesh->in_place && !o->undo)
		return err_set(err,
		    "%s: Switching = in-place: both ends must move together, and only "
		    "meshopt-agent can do that",
		    o->mesh);
	if (rc == 0 && o->undo) {
		a->goals = (struct goals){ .mesh = a->mesh };
		return 0;
	}
	if (rc == 0)
		rc = plan_file_read(o->plan, a->mesh, &a->plan, err);
	if (rc == 0)
		rc = self_find(a->kernel, a->mesh, o->node, &self, err);
	if (rc == 0)
		rc = goals_from_plan(a->mesh, self, a->plan, &a->goals, err);
	if (rc == 0)
		rc = resolve(&a->goals, err);
	return rc;
}

static void
print_steps(const struct apply *a, const char *verb)
{
	char text[STEPS_TEXT_MAX];

	for (size_t s = 0; s < a->result.steps.n; s++) {
		const struct step *step = &a->result.steps.step[s];
		const struct step *next = step + 1;
		int64_t promise;

		steps_text(&a->goals, step, text);
		printf("%s%s\n", verb, text);
		/* Between a pair's peer and its routes lies what may say no. */
		if (step->goal == STEPS_NODE || s + 1 == a->result.steps.n ||
		    next->kind != STEP_ROUTE || step->kind == STEP_ROUTE)
			continue;
		promise = a->goals.goal[step->goal].promise_us;
		printf(
		    "%s%s: wait for a handshake, then %u small and %u full-size probes",
		    verb, goals_node(&a->goals, step->goal)->name, PAIR_PROBES,
		    PAIR_PROBES);
		if (promise >= 0)
			printf(", at most %.1f ms",
			    (double)pair_limit_us(promise) / 1000);
		putchar('\n');
	}
}

/* What was done, a line a pair that needed something. */
static void
print_outcome(const struct apply *a)
{
	for (size_t i = 0; i < a->result.n_pairs; i++) {
		const struct run_pair *pair = &a->result.pair[i];
		const char *name = goals_node(&a->goals, i)->name;

		if (pair->why.text[0])
			printf("%s: not done\n", name);
		else if (pair->changed && pair->median_us >= 0)
			printf("%s: direct, %.1f ms\n", name,
			    (double)pair->median_us / 1000);
		else if (pair->changed)
			printf("%s: %s\n", name,
			    a->goals.goal[i].direct ? "peer completed" : "by the hub");
	}
}

static int
status(const struct apply *a, const struct apply_opts *o)
{
	const struct run_result *result = &a->result;

	if (result->failed)
		return result->done ? EXIT_PARTIAL : EXIT_FAILED;
	if (!o->run.yes && o->exit_code && result->steps.n)
		return EXIT_PENDING;
	return EXIT_DONE;
}

static int
apply(struct apply *a, const struct apply_opts *o)
{
	struct err err;
	int rc = run_apply(a->kernel, &a->goals, &o->run, a->io, &a->result, &err);

	if (rc == 0 && a->result.steps.n == 0 && a->result.failed == 0) {
		printf("nothing to do: %s is as the plan says\n",
		    a->mesh->nodes[a->goals.self].name);
		return EXIT_DONE;
	}
	if (!o->run.yes) {
		print_steps(a, "would ");
		if (rc == 0)
			log_info("nothing was changed; --yes does it");
	} else {
		print_outcome(a);
	}
	if (rc < 0) {
		log_warnx("%s", err.text);
		return a->result.done ? EXIT_PARTIAL : EXIT_FAILED;
	}
	return status(a, o);
}

static void
print_back(const char *name, void *ctx)
{
	const struct apply_opts *o = ctx;

	printf("%s%s: by the hub\n", o->run.yes ? "" : "would be ", name);
}

static int
undo_place(struct apply *a, const struct apply_opts *o)
{
	int rc = place_undo(a->kernel, a->mesh, o->run.yes, print_back,
	    (void *)(uintptr_t)o); /* is only read */

	if (rc < 0)
		log_warnx("%s: giving prefixes back to the hub's peer: %s",
		    a->mesh->interface, strerror(-rc));
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int
undo(struct apply *a, const struct apply_opts *o)
{
	const char *dev = a->mesh->direct_interface;
	struct err err;
	int rc = run_undo(a->kernel, &a->goals, &o->run, a->io, &a->result, &err);

	print_steps(a, o->run.yes ? "" : "would ");
	if (rc < 0)
		log_warnx("%s", err.text);
	else if (a->result.steps.n == 0)
		printf("nothing to undo: meshopt has no route on %s\n", dev);
	else if (o->run.yes)
		log_info(
		    "all by the hub; %s and its peers stay, unused, as the other ends "
		    "may still send by them; once they are undone too: ip link del %s",
		    dev, dev);
	else
		log_info("nothing was changed; --yes does it");
	if (rc < 0)
		return a->result.done ? EXIT_PARTIAL : EXIT_FAILED;
	return status(a, o);
}

int
cmd_apply(int argc, char **argv)
{
	struct apply_opts opts = { .mesh = MESH_DEFAULT_PATH,
		.run.wait_ns = WAIT_DEFAULT };
	struct apply a = { 0 };
	struct err err;
	int rc = parse(argc, argv, &opts);

	if (rc >= 0)
		return rc;
	/* A pipe's reader gets each line as it comes. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* at worst it stays as it was */
	a.io = run_io_new();
	if (load(&opts, &a, &err) < 0) {
		log_warnx("%s", err.text);
		rc = EXIT_FAILED;
	} else {
		rc = !opts.undo		? apply(&a, &opts)
		     : a.mesh->in_place ? undo_place(&a, &opts)
					: undo(&a, &opts);
	}
	run_result_fini(&a.result);
	goals_fini(&a.goals);
	plan_free(a.plan);
	kernel_close(a.kernel);
	mesh_free(a.mesh);
	run_io_free(a.io);
	return rc;
}
