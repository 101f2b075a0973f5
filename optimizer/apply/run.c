/* SPDX-License-Identifier: MIT */
/*
 * One run on one node: read, check, change the node, drive the pairs, read back.
 */
#include "optimizer/apply/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "optimizer/apply/run_pairs.h"
#include "optimizer/apply/preflight.h"

/* Header of IPv6 and of ICMPv6: what a full-size probe has besides its payload. */
#define PROBE_HEADERS 48

struct run {
	struct kernel *k;
	const struct goals *goals;
	const struct mesh *mesh;
	const struct run_opts *opts;
	const struct run_io *io;
	struct run_result *out;
};

static void
log_fault(const char *fault, void *ctx)
{
	(void)ctx;
	log_warnx("%s", fault);
}

static void
first_fault(const char *fault, void *ctx)
{
	struct err *err = ctx;

	if (!err->text[0])
		(void)err_set(err, "%s", fault); /* the text is all that is wanted */
}

static int
read_state(struct run *r, struct state *state, struct err *err)
{
	return state_read(r->k, r->mesh, r->io->wall(r->io->ctx), state, err);
}

/* Each goal as it stands before anything is done. */
static void
init_result(struct run *r)
{
	struct run_result *out = r->out;

	out->pair = mem_array(r->goals->n, sizeof(*out->pair));
	out->n_pairs = r->goals->n;
	for (size_t i = 0; i < r->goals->n; i++) {
		const char *why = steps_refused(&out->steps, i);
		struct run_pair *pair = &out->pair[i];

		*pair = (struct run_pair){ .goal = i, .median_us = -1 };
		if (why) {
			(void)err_set(&pair->why, "%s", why); /* only the text */
			continue;
		}
		pair->as_wanted = true;
		for (size_t s = 0; s < out->steps.n; s++) {
			if (out->steps.step[s].goal == i)
				pair->as_wanted = false;
		}
	}
}

static void
count_result(struct run *r)
{
	struct run_result *out = r->out;

	for (size_t i = 0; i < out->n_pairs; i++) {
		const struct run_pair *pair = &out->pair[i];

		if (pair->why.text[0])
			out->failed++;
		else if (pair->as_wanted && (r->goals->goal[i].direct || pair->changed))
			out->done++;
	}
}

static void
warn_orphans(const struct run *r)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < r->out->steps.n_orphans; i++) {
		prefix_format(&r->out->steps.orphan[i].dst, text);
		log_warnx(
		    "%s: a route of ours on %s of which the plan says nothing; left "
		    "alone (--undo takes back all)",
		    text, r->mesh->direct_interface);
	}
}

/* Back to the hub: needs nothing of the direct interface and comes first. */
static void
demote(struct run *r)
{
	char text[STEPS_TEXT_MAX];

	for (size_t s = 0; s < r->out->steps.n; s++) {
		const struct step *step = &r->out->steps.step[s];
		struct run_pair *pair;
		int rc;

		if (step->kind != STEP_DEMOTE)
			continue;
		pair = &r->out->pair[step->goal];
		rc = kernel_route_del(r->k, &step->route);
		if (rc == 0) {
			pair->changed = true;
			continue;
		}
		steps_text(r->goals, step, text);
		(void)err_set(&pair->why, "%s: %s", text, strerror(-rc)); /* text */
		log_warnx("%s", pair->why.text);
	}
	for (size_t i = 0; i < r->goals->n; i++) {
		struct run_pair *pair = &r->out->pair[i];

		if (r->goals->goal[i].direct || !pair->changed || pair->why.text[0])
			continue;
		pair->as_wanted = true;
		log_info("%s: by the hub; its peer stays, unused",
		    goals_node(r->goals, i)->name);
	}
}

static int
change_node(struct run *r, const struct step *step)
{
	switch (step->kind) {
	case STEP_LINK:
		return kernel_link_add(r->k, step->mtu);
	case STEP_KEY:
		return kernel_key_copy(r->k, r->mesh->interface, r->mesh->direct_port);
	case STEP_UP:
		return kernel_link_up(r->k);
	case STEP_ADDR:
		return kernel_addr_add(r->k, &step->prefix);
	default:
		return 0;
	}
}

/* The direct interface as it is to be; one that this run made goes if that fails. */
static int
set_up_node(struct run *r, struct err *err)
{
	char text[STEPS_TEXT_MAX];
	bool made = false;

	for (size_t s = 0; s < r->out->steps.n; s++) {
		const struct step *step = &r->out->steps.step[s];
		int rc;

		if (step->goal != STEPS_NODE)
			continue;
		rc = change_node(r, step);
		if (rc == 0) {
			made |= step->kind == STEP_LINK;
			continue;
		}
		if (made && kernel_link_del(r->k) < 0)
			log_warnx("%s: could not be removed again: ip link del %s",
			    r->mesh->direct_interface, r->mesh->direct_interface);
		steps_text(r->goals, step, text);
		return err_code(err, -rc, "%s: %s%s", text, strerror(-rc),
		    rc == -EADDRINUSE ? ": another program holds the port" : "");
	}
	return 0;
}

static void
init_pairs(struct run *r, const struct steps *steps, const struct state *state,
    struct pair *pairs, bool *active)
{
	const struct mesh_node *self = &r->mesh->nodes[r->goals->self];

	for (size_t i = 0; i < r->goals->n; i++) {
		const struct goal *goal = &r->goals->goal[i];
		const struct mesh_node *node = goals_node(r->goals, i);

		active[i] = goal->direct && !r->out->pair[i].as_wanted &&
			    !r->out->pair[i].why.text[0];
		pair_init(&pairs[i],
		    &(struct pair_opts){ .name = node->name,
			.listener = goal->starts ? node->name : self->name,
			.port = goal->port,
			.promise_us = goal->promise_us,
			.wait_ns = r->opts->wait_ns,
			.full_bytes = state->direct_link.mtu - PROBE_HEADERS,
			.routes = steps_count(steps, STEP_ROUTE, i) > 0 });
	}
}

static void
take_outcome(struct run *r, const struct pair *pairs, const bool *active)
{
	for (size_t i = 0; i < r->goals->n; i++) {
		struct run_pair *pair = &r->out->pair[i];

		if (!active[i])
			continue;
		pair->as_wanted = pairs[i].phase == PAIR_DIRECT;
		pair->changed = pair->as_wanted;
		pair->median_us = pair_median_us(&pairs[i]);
		if (!pair->as_wanted)
			pair->why = pairs[i].why;
	}
}

/*
 * The kernel again, with the direct interface up: is it what we made, and does it stand
 * the checks?  A new interface may have been given other sysctls than "default" had.
 */
static int
check_node(struct run *r, const struct state *state, const struct steps *steps,
    struct err *err)
{
	struct err fault = { .text = "" };
	char text[STEPS_TEXT_MAX];

	if (preflight(r->goals, state, first_fault, &fault))
		return err_set(err, "%s", fault.text);
	for (size_t s = 0; s < steps->n; s++) {
		if (steps->step[s].goal != STEPS_NODE)
			continue;
		steps_text(r->goals, &steps->step[s], text);
		return err_code(err, EIO, "%s: the kernel said yes but did not", text);
	}
	return 0;
}

static int
promote(struct run *r, struct err *err)
{
	struct state state = { 0 };
	struct steps steps = { 0 };
	struct pair *pairs = mem_array(r->goals->n, sizeof(*pairs));
	bool *active = mem_array(r->goals->n, sizeof(*active));
	struct run_pairs drive;
	int rc = set_up_node(r, err);

	if (rc == 0)
		rc = read_state(r, &state, err);
	if (rc == 0) {
		steps_make(r->goals, &state, &steps);
		rc = check_node(r, &state, &steps, err);
	}
	if (rc == 0)
		rc = r->io->open(r->io->ctx, r->mesh->direct_interface, err);
	if (rc == 0) {
		init_pairs(r, &steps, &state, pairs, active);
		drive = (struct run_pairs){ .k = r->k,
			.goals = r->goals,
			.steps = &steps,
			.io = r->io,
			.ifindex = state.direct_link.ifindex,
			.pairs = pairs,
			.active = active };
		run_pairs(&drive);
		take_outcome(r, pairs, active);
	}
	r->io->close(r->io->ctx);
	steps_fini(&steps);
	state_fini(&state);
	free(active);
	free(pairs);
	return rc;
}

/* Is there a pair whose tunnel is to be made or mended? */
static bool
has_promotions(const struct run *r)
{
	for (size_t i = 0; i < r->goals->n; i++) {
		if (r->goals->goal[i].direct && !r->out->pair[i].as_wanted &&
		    !r->out->pair[i].why.text[0])
			return true;
	}
	for (size_t s = 0; s < r->out->steps.n; s++) {
		if (r->out->steps.step[s].goal == STEPS_NODE)
			return true;
	}
	return false;
}

int
run_apply(struct kernel *k, const struct goals *goals, const struct run_opts *opts,
    const struct run_io *io, struct run_result *out, struct err *err)
{
	struct run r = { k, goals, goals->mesh, opts, io, out };
	struct state state;
	int rc;

	*out = (struct run_result){ 0 };
	rc = read_state(&r, &state, err);
	if (rc == 0 && preflight(goals, &state, log_fault, NULL)) {
		out->refused = true;
		rc = err_code(err, EPERM, "nothing was touched");
	}
	if (rc < 0)
		goto out;
	steps_make(goals, &state, &out->steps);
	init_result(&r);
	warn_orphans(&r);
	for (size_t i = 0; i < out->steps.n_refusals; i++)
		log_warnx("%s", out->steps.refusal[i].text);
	if (opts->yes) {
		demote(&r);
		if (has_promotions(&r))
			rc = promote(&r, err);
	}
	count_result(&r);
out:
	state_fini(&state);
	return rc;
}

int
run_undo(struct kernel *k, const struct goals *goals, const struct run_opts *opts,
    const struct run_io *io, struct run_result *out, struct err *err)
{
	struct run r = { k, goals, goals->mesh, opts, io, out };
	struct state state;
	char text[STEPS_TEXT_MAX];
	int rc, failed = 0;

	*out = (struct run_result){ 0 };
	rc = read_state(&r, &state, err);
	if (rc == 0)
		steps_undo(&state, &out->steps);
	for (size_t s = 0; rc == 0 && s < out->steps.n; s++) {
		const struct step *step = &out->steps.step[s];
		const struct kernel_route *hub =
		    state_fallback(&state, &step->route.dst);

		steps_text(goals, step, text);
		/* Who says undo gets it, but is told. */
		if (!hub || hub->ifindex != state.hub_link.ifindex)
			log_warnx("%s: %s does not route it", text, r.mesh->interface);
		if (opts->yes) {
			int one = kernel_route_del(k, &step->route);

			if (one < 0) {
				failed = one;
				log_warnx("%s: %s", text, strerror(-one));
				out->failed++;
			} else {
				out->done++;
			}
		}
	}
	if (rc == 0 && failed < 0)
		rc = err_code(err, -failed, "%zu of %zu routes were not deleted",
		    out->failed, out->steps.n);
	state_fini(&state);
	return rc;
}

void
run_result_fini(struct run_result *result)
{
	steps_fini(&result->steps);
	free(result->pair);
	*result = (struct run_result){ 0 };
}
