/* SPDX-License-Identifier: MIT */
/*
 * meshopt apply: carry a plan out on this node.  Options and files in, the outcome to
 * stdout; who carries it out is the agent's core with netd: see cmd_apply_run.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/num.h"
#include "common/opts.h"
#include "optimizer/agent/order.h"
#include "optimizer/apply/preflight.h"
#include "optimizer/cmd.h"
#include "optimizer/cmd_apply_run.h"
#include "optimizer/netd/claim.h"
#include "optimizer/netd/serve.h"
#include "optimizer/operate/pending.h"
#include "optimizer/operate/self.h"
#include "optimizer/plan_file.h"
#include "optimizer/undo.h"

#define WAIT_DEFAULT (60 * NS_PER_S)

/* One that has just been killed may take a moment to go. */
#define CLAIM_TRIES 20
#define CLAIM_NAP   (50 * NS_PER_MS)

struct apply_opts {
	const char *plan, *mesh, *node;
	int64_t wait_ns;
	bool yes, undo, exit_code;
};

/* What must be freed, whatever was reached. */
struct apply {
	const struct apply_opts *opts;
	struct mesh *mesh;
	size_t self;
	struct way_wish *wishes;       /* one a node */
	struct apply_outcome *outcome; /* likewise */
	struct kernel *kernel;
	struct state state;
	int claim; /* see claim.h; -1 = none */
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
			o->yes = true;
		} else if (c == 'u') {
			o->undo = true;
		} else if (c == 'w') {
			if (num_duration(optarg, &o->wait_ns) < 0) {
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

/* Those of the plan that this node is an end of; all others are left as they are. */
static void
spoken_of(struct apply *a, const struct plan *plan)
{
	for (size_t i = 0; i < a->mesh->n_nodes; i++)
		a->wishes[i].leave = true;
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *r = &plan->routes[i];
		size_t x = mesh_find(a->mesh, plan->names[r->a]);
		size_t y = mesh_find(a->mesh, plan->names[r->b]);

		if (x != a->self && y != a->self)
			continue;
		x = x == a->self ? y : x;
		a->wishes[x].leave = x == a->mesh->hub;
		a->wishes[x].hub_us = r->hub_us;
	}
}

static int
read_wishes(struct apply *a, struct err *err)
{
	struct plan *plan = NULL;
	struct order order = { 0 };
	int rc;

	if (a->mesh->in_place)
		return err_set(err,
		    "%s: Switching = in-place: both ends must move together, and only "
		    "meshopt-agent can do that",
		    a->opts->mesh);
	rc = plan_file_read(a->opts->plan, a->mesh, &plan, err);
	if (rc == 0)
		rc = order_from_plan(a->mesh, plan, &order, err);
	if (rc == 0)
		rc = self_find(a->kernel, a->mesh, a->opts->node, &a->self, err);
	if (rc == 0) {
		a->wishes = mem_array(a->mesh->n_nodes, sizeof(*a->wishes));
		order_wishes(&order, a->self, a->mesh->n_nodes, a->wishes);
		spoken_of(a, plan);
	}
	order_fini(&order);
	plan_free(plan);
	return rc;
}

static bool
is_asked(const struct apply *a, size_t node)
{
	return !a->wishes[node].leave;
}

static void
log_line(const char *text, void *ctx)
{
	(void)ctx;
	log_warnx("%s", text);
}

static void
print_would(const char *text, void *ctx)
{
	(void)ctx;
	printf("would %s\n", text);
}

/* Each fault is said; nothing is touched then. */
static int
check(const struct apply *a, struct err *err)
{
	const struct preflight p = { a->mesh, a->self, &a->state, log_line, NULL };
	bool leaves = false;
	size_t faults;

	for (size_t i = 0; i < a->mesh->n_nodes; i++)
		leaves |= is_asked(a, i) && a->wishes[i].path != WAY_BY_HUB;
	faults = preflight_host(&p, leaves);
	/* Without these the state has not even been read. */
	if (!a->state.may_change || !a->state.has_wireguard ||
	    !a->state.hub_link.ifindex)
		return err_code(err, EPERM, "nothing was touched");
	if (leaves) {
		faults += preflight_clock(&p);
		(void)preflight_relay(&p); /* what it is for others stops no pair */
	}
	for (size_t i = 0; i < a->mesh->n_nodes; i++) {
		if (is_asked(a, i))
			faults +=
			    preflight_pair(&p, i, a->wishes[i].path != WAY_BY_HUB);
	}
	if (a->opts->yes && access(SERVE_FREEZE, F_OK) == 0) {
		log_warnx("this node is frozen: meshopt freeze --off, or apply --undo");
		faults++;
	}
	return faults ? err_code(err, EPERM, "nothing was touched") : 0;
}

static int
claim(struct apply *a, struct err *err)
{
	const struct timespec nap = { .tv_nsec = CLAIM_NAP };
	const char *name = a->mesh->direct_interface;

	for (int i = 0; i < CLAIM_TRIES; i++) {
		a->claim = claim_take(name);
		if (a->claim != -EADDRINUSE)
			break;
		(void)nanosleep(&nap, NULL); /* shorter does no harm */
	}
	if (a->claim == -EADDRINUSE)
		return err_code(err, EADDRINUSE,
		    "%s: meshopt-agent, or another apply, is at work on it: let the "
		    "agent follow what `meshopt plan --publish` signs, systemctl stop "
		    "meshopt-agent, or take everything back by meshopt panic",
		    name);
	return a->claim < 0 ? err_code(err, -a->claim, "%s: cannot be claimed", name)
			    : 0;
}

/* What became of the pairs, a line for each that changed or failed. */
static int
print_outcome(const struct apply *a)
{
	size_t done = 0, failed = 0;

	for (size_t i = 0; i < a->mesh->n_nodes; i++) {
		const struct apply_outcome *out = &a->outcome[i];
		const char *name = a->mesh->nodes[i].name;
		enum way_path path = a->wishes[i].path;

		if (!is_asked(a, i))
			continue;
		if (!out->over || out->why.text[0]) {
			printf("%s: not done\n", name);
			failed++;
			continue;
		}
		done += out->changed || path != WAY_BY_HUB;
		if (out->changed && path == WAY_BY_HUB)
			printf("%s: by the hub\n", name);
		else if (out->changed && path == WAY_BY_TUNNEL)
			printf("%s: direct, %.1f ms\n", name,
			    (double)out->rtt_us / 1000);
		/* Its answers come by the hub until the far end has switched, too. */
		else if (out->changed)
			printf("%s: relay:%s\n", name,
			    a->mesh->nodes[a->wishes[i].via].name);
	}
	return failed ? done ? EXIT_PARTIAL : EXIT_FAILED : EXIT_DONE;
}

static int
carry_out(struct apply *a, struct err *err)
{
	struct way_wish *wishes =
	    mem_array(a->mesh->n_nodes, sizeof(*wishes)); /* to be bent on the way */
	const struct apply_run run = { .mesh_path = a->opts->mesh,
		.node = a->opts->node,
		.mesh = a->mesh,
		.self = a->self,
		.wishes = wishes,
		.wait_ns = a->opts->wait_ns };
	int rc, status;

	a->outcome = mem_array(a->mesh->n_nodes, sizeof(*a->outcome));
	memcpy(wishes, a->wishes, a->mesh->n_nodes * sizeof(*wishes));
	rc = cmd_apply_run(&run, a->outcome, err);
	status = print_outcome(a);
	if (rc < 0) {
		log_warnx("%s", err->text);
		/* netd died when all was done: whether it stays so nobody saw. */
		if (status == EXIT_DONE)
			status = EXIT_PARTIAL;
	}
	free(wishes);
	return status;
}

static int
apply(struct apply *a)
{
	struct pending p = { .mesh = a->mesh,
		.self = a->self,
		.state = &a->state,
		.wishes = a->wishes,
		.line = log_line };
	struct err err;
	size_t n;

	if (check(a, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_FAILED;
	}
	(void)pending_orphans(&p); /* they are left alone */
	p.line = a->opts->yes ? NULL : print_would;
	n = pending(&p);
	if (n == 0) {
		printf("nothing to do: %s is as the plan says\n",
		    a->mesh->nodes[a->self].name);
		return EXIT_DONE;
	}
	if (a->opts->yes)
		return carry_out(a, &err);
	log_info("nothing was changed; --yes does it");
	return a->opts->exit_code ? EXIT_PENDING : EXIT_DONE;
}

int
cmd_apply(int argc, char **argv)
{
	struct apply_opts opts = { .mesh = MESH_DEFAULT_PATH, .wait_ns = WAIT_DEFAULT };
	struct apply a = { .opts = &opts, .claim = -1 };
	struct err err;
	int rc = parse(argc, argv, &opts);

	if (rc >= 0)
		return rc;
	/* A pipe's reader gets each line as it comes. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* at worst it stays as it was */
	rc = mesh_load(opts.mesh, &a.mesh, &err);
	if (rc == 0 && !opts.undo)
		rc = kernel_open(a.mesh->direct_interface, &a.kernel, &err);
	if (rc == 0 && !opts.undo)
		rc = read_wishes(&a, &err);
	if (rc == 0 && opts.yes)
		rc = claim(&a, &err);
	if (rc == 0 && !opts.undo)
		rc = state_read(a.kernel, a.mesh, clock_wall(), &a.state, &err);
	if (rc < 0) {
		log_warnx("%s", err.text);
		rc = EXIT_FAILED;
	} else if (opts.undo) {
		rc = undo(&(struct undo){ opts.mesh, opts.yes, opts.exit_code });
	} else {
		rc = apply(&a);
	}
	if (a.claim >= 0)
		(void)close(a.claim); /* nothing was written */
	free(a.outcome);
	free(a.wishes);
	state_fini(&a.state);
	kernel_close(a.kernel);
	mesh_free(a.mesh);
	return rc;
}
