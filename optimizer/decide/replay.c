/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/outlook.h"
#include "optimizer/decide/solve.h"
#include "optimizer/decide/worth.h"

#define DAY_NS (86400 * NS_PER_S)

/* Where recorded time begins: any instant will do, but 0 means "never". */
#define EPOCH_NS (NS_PER_S * 1000000000)

struct run {
	const struct replay_setup *set;
	struct policy_state *states; /* a pair */
	struct plan *plan;	     /* in force; NULL before the first */
	struct plan *fixed;	     /* in hindsight; NULL if not asked for */
	bool *present;		     /* nodes x nodes: tunnels of the plan in force */
	size_t n_present;
	int64_t *limits;       /* a pair: what its tunnel saves at least */
	struct outlook *known; /* at the last plan */
	uint32_t *switches;    /* a pair */
	size_t n_pairs;
	size_t observed; /* slices that the smoothed figures have seen */
	struct err *err;
};

void
replay_fini(struct replay_result *r)
{
	free(r->steps);
	memset(r, 0, sizeof(*r));
}

double
replay_flaps(const struct replay_result *r)
{
	return r->days > 0 ? (double)r->worst / r->days : 0;
}

/* The RTT by the hub of one slice, from its own legs. */
static int32_t
hub_rtt(const struct run *r, const struct matrix *m, size_t a, size_t b)
{
	return history_via(m, a, b, r->set->nodes->hub);
}

static bool *
tunnel_at(const struct run *r, size_t a, size_t b)
{
	return &r->present[a * r->set->nodes->n_nodes + b];
}

/*
 * The nodes of the setup with pairs from these RTTs; aware: of the tunnels that exist.
 */
static struct instance *
instance_of(const struct run *r, const struct matrix *now, bool aware)
{
	const struct instance *nodes = r->set->nodes;
	struct matrix *tunnels = matrix_new(nodes->n_nodes);
	struct measured measured = { .direct = tunnels, .public = now };
	struct instance *in = mem_alloc(sizeof(*in));
	int result;

	*in = *nodes;
	in->pairs = NULL;
	in->n_pairs = 0;
	in->nodes = mem_array(nodes->n_nodes, sizeof(*in->nodes));
	memcpy(in->nodes, nodes->nodes, nodes->n_nodes * sizeof(*in->nodes));
	for (size_t a = 0; aware && a < nodes->n_nodes; a++)
		for (size_t b = a + 1; b < nodes->n_nodes; b++)
			if (*tunnel_at(r, a, b))
				*matrix_cell(tunnels, a, b) = matrix_pair(now, a, b);
	result = instance_build(in, &measured, NULL, r->set->opts, r->err);
	matrix_free(tunnels);
	if (result < 0) {
		instance_free(in);
		return NULL;
	}
	/* A tunnel without a figure in all the window exists all the same. */
	for (size_t i = 0; aware && i < in->n_pairs; i++)
		in->pairs[i].present = *tunnel_at(r, in->pairs[i].a, in->pairs[i].b);
	return in;
}

/* The smoothed figures see every slice, planned at or not. */
static void
observe(struct run *r, const struct instance *in, size_t t)
{
	for (; r->observed <= t; r->observed++) {
		const struct matrix *m = r->set->history->slices[r->observed];

		for (size_t i = 0; i < in->n_pairs; i++) {
			struct pair newest = in->pairs[i];

			newest.hub_us = hub_rtt(r, m, newest.a, newest.b);
			newest.direct_us = matrix_pair(m, newest.a, newest.b);
			policy_observe(r->set->policy, &r->states[i], &newest);
		}
	}
}

/* Policy and limits into the instance. */
static void
prepare(struct run *r, struct instance *in, size_t t, struct wall now)
{
	observe(r, in, t);
	policy_apply(r->set->policy, in, r->states, now);
	for (size_t i = 0; i < in->n_pairs; i++) {
		struct pair *p = &in->pairs[i];

		r->limits[i] = 0;
		if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
			continue;
		r->limits[i] = p->hub_us - p->direct_us;
		if (r->set->medians)
			continue;
		r->limits[i] = outlook_limit(r->known, p);
		/* The solver compares hub_lo - direct_hi: mend it to the paired limit.
		 */
		p->bias +=
		    (r->limits[i] - (p->hub_lo_us - p->direct_hi_us)) * p->weight;
	}
	for (size_t i = 0; !r->set->medians && i < in->n_tunnels; i++) {
		struct tunnel *leg = &in->tunnels[i];

		leg->direct_us = matrix_pair(r->known->hi, leg->a, leg->b);
	}
}

/* Put a plan in force: what changed, tunnel by tunnel and pair by pair. */
static void
enforce(struct run *r, struct plan *plan, struct replay_step *s, struct wall now)
{
	size_t nodes = r->set->nodes->n_nodes, kept = 0;
	bool *before = r->present;

	r->present = mem_array(nodes * nodes, sizeof(*r->present));
	s->tunnels = 0;
	for (size_t i = 0; i < plan->n_tunnels; i++) {
		const struct plan_tunnel *t = &plan->tunnels[i];

		if (t->state == PLAN_DROP)
			continue;
		*tunnel_at(r, t->a, t->b) = true;
		kept += before[t->a * nodes + t->b];
		s->tunnels++;
	}
	s->added = s->tunnels - kept;
	s->dropped = r->n_present - kept;
	r->n_present = s->tunnels;
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *new = &plan->routes[i];
		const struct plan_route *old = r->plan ? &r->plan->routes[i] : NULL;
		size_t at = new->a *nodes + new->b;

		if (before[at] != r->present[at])
			policy_changed(r->set->policy, &r->states[i], now);
		if (!old || (old->path == new->path &&
				(old->path != PLAN_RELAY || old->via == new->via)))
			continue;
		r->switches[i]++;
		s->switched++;
	}
	free(before);
	plan_free(r->plan);
	r->plan = plan;
}

/* The best plan for these RTTs, by someone who knows them and no policy. */
static struct plan *
best_plan(struct run *r, const struct matrix *m)
{
	struct instance *in = instance_of(r, m, false);
	struct plan *plan = NULL;

	if (in && solve(in, &plan, r->err) < 0)
		plan = NULL;
	instance_free(in);
	return plan;
}

/* The first slice that a plan made after slice t looks at. */
static size_t
window_start(const struct replay_setup *set, size_t t)
{
	if (set->window == 0 || t - set->from < set->window)
		return set->from;
	return t - set->window + 1;
}

static int
replan(struct run *r, size_t t, struct replay_step *s)
{
	struct wall now = { EPOCH_NS + (int64_t)t * r->set->slice_ns };
	struct plan *plan = NULL;
	struct instance *in;
	int result = -EINVAL;

	outlook_free(r->known);
	r->known = outlook_new(r->set->history, window_start(r->set, t), t,
	    r->set->policy->conf_pct);
	r->known->hub = r->set->nodes->hub;
	in = instance_of(r, r->known->mid, true);
	if (in) {
		prepare(r, in, t, now);
		result = solve(in, &plan, r->err);
	}
	if (result == 0) {
		s->planned = true;
		s->predicted = worth_promised(plan, in, r->limits,
		    r->set->medians ? r->known->mid : r->known->hi);
		enforce(r, plan, s, now);
	}
	instance_free(in);
	return result;
}

/* What it really was, for the plan in force, the oracle and hindsight. */
static int
judge(struct run *r, struct replay_step *s, const struct matrix *m)
{
	struct instance *in = instance_of(r, m, false);
	struct plan *oracle = NULL;

	if (!in)
		return -EINVAL;
	s->realised = worth_sum(r->plan, in, m);
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];

		if (p->hub_us == PLAN_UNKNOWN)
			continue;
		s->hub_sum += p->hub_us * p->weight;
		s->weight += p->weight;
	}
	if (!r->set->no_oracle)
		oracle = best_plan(r, m);
	if (oracle) {
		s->oracle = worth_sum(oracle, in, m);
		s->fixed = worth_sum(r->fixed, in, m);
	}
	plan_free(oracle);
	instance_free(in);
	return oracle || r->set->no_oracle ? 0 : -EINVAL;
}

/* Plans come at most once a slice, and as often as the policy's interval says. */
static size_t
slices_a_plan(const struct replay_setup *set)
{
	int64_t n = (set->policy->interval_ns + set->slice_ns / 2) / set->slice_ns;

	return n > 1 ? (size_t)n : 1;
}

static void
sum_up(const struct run *r, struct replay_result *out)
{
	double tunnels_changed = 0;

	out->pairs = r->n_pairs;
	for (size_t i = 0; i < out->n_steps; i++) {
		const struct replay_step *s = &out->steps[i];

		out->predicted += s->predicted;
		out->realised += s->realised;
		out->oracle += s->oracle;
		out->fixed += s->fixed;
		out->switches += s->switched;
		if (i == 0 || !s->planned)
			continue;
		out->replans++;
		if (s->added + s->dropped) /* of the tunnels before and after */
			tunnels_changed +=
			    (double)(s->added + s->dropped) /
			    (double)(2 * s->tunnels + s->dropped - s->added);
	}
	if (out->replans)
		out->churn = tunnels_changed / (double)out->replans;
	for (size_t i = 0; i < r->n_pairs; i++) {
		if (r->switches[i] <= out->worst)
			continue;
		out->worst = r->switches[i];
		out->worst_a = r->plan->routes[i].a;
		out->worst_b = r->plan->routes[i].b;
	}
	out->days = (double)(out->n_steps - 1) * (double)r->set->slice_ns / DAY_NS;
}

static int
run_steps(struct run *r, struct replay_result *out)
{
	const struct replay_setup *set = r->set;
	size_t every = slices_a_plan(set);

	for (size_t t = set->from; t < set->to; t++) {
		struct replay_step *s = &out->steps[out->n_steps++];
		int result = 0;

		if (out->n_steps > 1) { /* what stays if there is no new plan */
			s->tunnels = s[-1].tunnels;
			s->predicted = s[-1].predicted;
		}
		s->slice = t + 1;
		if ((t - set->from) % every == 0)
			result = replan(r, t, s);
		if (result == 0)
			result = judge(r, s, set->history->slices[s->slice]);
		if (result < 0)
			return result;
	}
	return 0;
}

/* One plan, judged by the medians of all that came after. */
static int
run_once(struct run *r, struct replay_result *out)
{
	const struct replay_setup *set = r->set;
	struct matrix *rest = history_median(set->history, set->cut + 1, set->to);
	struct replay_step *s = &out->steps[out->n_steps++];
	int result;

	s->slice = set->to;
	result = replan(r, set->cut, s);
	if (result == 0)
		result = judge(r, s, rest);
	matrix_free(rest);
	return result;
}

/* One instance is built to count the pairs: their order never changes. */
static int
start(struct run *r)
{
	const struct replay_setup *set = r->set;
	size_t nodes = set->nodes->n_nodes;
	struct matrix *all = history_median(set->history, set->from, set->to);
	struct instance *in;

	r->present = mem_array(nodes * nodes, sizeof(*r->present));
	in = instance_of(r, all, false);
	if (in && !set->no_oracle)
		r->fixed = best_plan(r, all);
	matrix_free(all);
	if (!in || (!r->fixed && !set->no_oracle)) {
		instance_free(in);
		return -EINVAL;
	}
	r->n_pairs = in->n_pairs;
	r->states = mem_array(r->n_pairs, sizeof(*r->states));
	r->limits = mem_array(r->n_pairs, sizeof(*r->limits));
	r->switches = mem_array(r->n_pairs, sizeof(*r->switches));
	instance_free(in);
	return 0;
}

int
replay_run(const struct replay_setup *setup, struct replay_result *out, struct err *err)
{
	struct run r = { .set = setup, .observed = setup->from, .err = err };
	int result;

	memset(out, 0, sizeof(*out));
	if (setup->from >= setup->to || setup->to >= setup->history->n)
		return err_set(err,
		    "a replay needs at least two slices: one to plan by and one to "
		    "judge the plan");
	if (setup->once && (setup->cut < setup->from || setup->cut >= setup->to))
		return err_set(err, "a plan that is judged by what comes after needs a "
				    "slice before the "
				    "last");
	out->steps = mem_array(setup->to - setup->from, sizeof(*out->steps));
	result = start(&r);
	if (result == 0)
		result = setup->once ? run_once(&r, out) : run_steps(&r, out);
	if (result == 0)
		sum_up(&r, out);
	else
		replay_fini(out);
	plan_free(r.plan);
	plan_free(r.fixed);
	free(r.present);
	free(r.states);
	free(r.limits);
	free(r.switches);
	outlook_free(r.known);
	return result;
}
