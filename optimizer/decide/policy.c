/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MINUTE_NS (60 * NS_PER_S)

/* A tunnel this much slower than the hub is let go at once, whatever the dwell. */
#define SLOWER_PCT 110

struct policy
policy_default(void)
{
	return (struct policy){
		.gain_us = 10 * US_PER_MS, /* Tailscale's two, for choosing a relay */
		.ratio_num = 2,
		.ratio_den = 3,
		.keep_gain_us = 1 * US_PER_MS,
		.keep_gain_pct = 3,
		.both = true,	  /* as babeld's RTT metric */
		.smooth_num = 42, /* babeld's rtt-decay */
		.dwell_ns = 15 * MINUTE_NS,
		.change_cost_us = 10 * US_PER_MS, /* churn / 3 for 0.1 % (measured) */
		.interval_ns = 5 * MINUTE_NS,
		.penalty = 1000,
		.suppress = 2000,
		.reuse = 750,
		.half_life_ns = 15 * MINUTE_NS,
		.suppress_max_ns = 60 * MINUTE_NS,
		.conf_pct = 90,
		.samples_min = 30,
		.loss_packets = 0, /* 1e-3 needs 10,000 probes to be told from 0 */
	};
}

int
policy_check(const struct policy *policy, struct err *err)
{
	if (policy->ratio_num == 0 || policy->ratio_num > policy->ratio_den)
		return err_set(err, "Ratio: %u/%u is not above 0 and at most 1",
		    policy->ratio_num, policy->ratio_den);
	if (policy->smooth_num == 0 || policy->smooth_num > POLICY_SMOOTH_DEN)
		return err_set(err, "Smoothing: %u is not from 1 to %d",
		    policy->smooth_num, POLICY_SMOOTH_DEN);
	if (policy->reuse == 0 || policy->reuse >= policy->suppress)
		return err_set(err,
		    "Reuse: %u must lie above 0 and below Suppress (%u)", policy->reuse,
		    policy->suppress);
	if (policy->half_life_ns <= 0 || policy->suppress_max_ns < 0)
		return err_set(err, "HalfLife: must be above 0");
	if (policy->interval_ns <= 0)
		return err_set(err, "Interval: must be above 0");
	return 0;
}

static int64_t
smooth(const struct policy *policy, int64_t old, int64_t new)
{
	if (new == PLAN_UNKNOWN)
		return old;
	if (old == 0)
		return new;
	return old + (new - old) * (int64_t)policy->smooth_num / POLICY_SMOOTH_DEN;
}

void
policy_observe(const struct policy *policy, struct policy_state *state,
    const struct pair *p)
{
	state->hub_us = smooth(policy, state->hub_us, p->hub_us);
	state->direct_us = smooth(policy, state->direct_us, p->direct_us);
}

double
policy_penalty(const struct policy *policy, const struct policy_state *state,
    struct wall now)
{
	int64_t age_ns = now.ns - state->penalty_at.ns;

	if (age_ns <= 0) /* the clock was set back: nothing has decayed yet */
		return state->penalty;
	return state->penalty * exp2(-(double)age_ns / (double)policy->half_life_ns);
}

void
policy_changed(const struct policy *policy, struct policy_state *state, struct wall now)
{
	/* From here the penalty decays to `reuse` in just suppress_max_ns. */
	double most = (double)policy->reuse * exp2((double)policy->suppress_max_ns /
						   (double)policy->half_life_ns);

	state->penalty = policy_penalty(policy, state, now) + policy->penalty;
	if (state->penalty > most)
		state->penalty = most;
	state->penalty_at = now;
	state->changed = now;
	state->has_changed = true;
	if (state->penalty >= policy->suppress)
		state->suppressed = true;
}

/* Faster by gain_us and at most num/den of the hub? */
static bool
is_faster(int64_t hub_us, int64_t direct_us, const struct policy *policy)
{
	return hub_us - direct_us >= policy->gain_us &&
	       direct_us * (int64_t)policy->ratio_den <=
		   hub_us * (int64_t)policy->ratio_num;
}

static bool
still_gains(int64_t hub_us, int64_t direct_us, const struct policy *policy)
{
	int64_t gain = hub_us - direct_us;

	return gain >= policy->keep_gain_us &&
	       gain * 100 >= hub_us * (int64_t)policy->keep_gain_pct;
}

static bool
dwells(const struct policy *policy, const struct policy_state *state, struct wall now)
{
	int64_t age_ns = now.ns - state->changed.ns;

	return state->has_changed && age_ns >= 0 && age_ns < policy->dwell_ns;
}

static struct policy_verdict
judge_present(const struct policy *policy, const struct pair *p,
    const struct policy_state *state, struct wall now)
{
	bool known = p->hub_us != PLAN_UNKNOWN && p->direct_us != PLAN_UNKNOWN;
	bool slower = known && p->direct_us * 100 > p->hub_us * SLOWER_PCT;
	bool gains = known && still_gains(p->hub_us, p->direct_us, policy);

	if (!known)
		return (struct policy_verdict){ POLICY_SILENT, true, false };
	if (!gains && policy->both && state->hub_us && state->direct_us)
		gains = still_gains(state->hub_us, state->direct_us, policy);
	if (!slower && dwells(policy, state, now))
		return (struct policy_verdict){ POLICY_DWELL, true, false };
	if (slower || !gains)
		return (struct policy_verdict){ POLICY_NO_GAIN, false, true };
	return (struct policy_verdict){ POLICY_FREE, false, false };
}

struct policy_verdict
policy_weigh(const struct policy *policy, const struct pair *p,
    struct policy_state *state, struct wall now)
{
	struct policy_verdict v = { POLICY_FREE, false, true };

	if (state->suppressed && policy_penalty(policy, state, now) < policy->reuse)
		state->suppressed = false;
	if (p->present)
		return judge_present(policy, p, state, now);
	if (dwells(policy, state, now))
		v.rule = POLICY_DWELL;
	else if (state->suppressed)
		v.rule = POLICY_DAMPED;
	else if (p->hub_us == PLAN_UNKNOWN || p->direct_us == PLAN_UNKNOWN)
		v.barred = false; /* no candidate anyway, and not by a rule of ours */
	else if (!is_faster(p->hub_us, p->direct_us, policy))
		v.rule = POLICY_THRESHOLD;
	else if (policy->both && state->hub_us && state->direct_us &&
		 !is_faster(state->hub_us, state->direct_us, policy))
		v.rule = POLICY_SMOOTHED;
	else
		v.barred = false;
	return v;
}

/* What the required tunnels leave of the budget and of the nodes' limits. */
struct room {
	int64_t budget;
	int64_t *ends; /* a node */
};

static void
take_room(struct room *room, const struct tunnel *t)
{
	room->budget -= t->cost;
	room->ends[t->a]--;
	room->ends[t->b]--;
}

static void
tell_tunnel(struct room *room, struct tunnel *t, struct policy_verdict v)
{
	if (v.rule == POLICY_DAMPED || (v.rule == POLICY_DWELL && v.barred))
		t->denied = !t->required;
	if (!v.held || t->required || t->denied || room->budget < t->cost ||
	    room->ends[t->a] < 1 || room->ends[t->b] < 1)
		return;
	t->required = true;
	take_room(room, t);
}

static void
apply_to_tunnels(const struct policy *policy, struct instance *in,
    struct policy_state *states, struct wall now)
{
	struct room room = { .budget = in->budget };

	room.ends = mem_array(in->n_nodes, sizeof(*room.ends));
	for (size_t i = 0; i < in->n_nodes; i++)
		room.ends[i] = in->nodes[i].max_tunnels;
	for (size_t i = 0; i < in->n_tunnels; i++)
		if (in->tunnels[i].required)
			take_room(&room, &in->tunnels[i]);
	in->change_us = policy->change_cost_us;
	for (size_t i = 0; states && i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		size_t at = instance_tunnel(in, p->a, p->b);

		if (at != SIZE_MAX)
			tell_tunnel(&room, &in->tunnels[at],
			    policy_weigh(policy, p, &states[i], now));
	}
	free(room.ends);
}

void
policy_apply(const struct policy *policy, struct instance *in,
    struct policy_state *states, struct wall now)
{
	int64_t weight = 0, n = 0, cost;

	if (in->tunnels) {
		apply_to_tunnels(policy, in, states, now);
		return;
	}
	for (size_t i = 0; i < in->n_pairs; i++) {
		weight += in->pairs[i].weight;
		n += in->pairs[i].weight > 0;
	}
	cost = n ? policy->change_cost_us * (weight / n) : 0;
	for (size_t i = 0; i < in->n_pairs; i++) {
		struct policy_state none = { 0 };
		struct pair *p = &in->pairs[i];
		struct policy_verdict v =
		    policy_weigh(policy, p, states ? &states[i] : &none, now);

		p->held = v.held;
		p->barred |= v.barred;
		p->bias = p->present ? cost : -cost;
	}
}

const char *
policy_rule_text(enum policy_rule rule)
{
	static const char *const texts[] = {
		[POLICY_FREE] = "what it is worth decides",
		[POLICY_DWELL] = "it changed a moment ago and dwells",
		[POLICY_DAMPED] = "it changed too often and is damped",
		[POLICY_THRESHOLD] = "a tunnel would not be faster enough",
		[POLICY_SMOOTHED] = "a tunnel was not faster enough on average",
		[POLICY_SILENT] = "its tunnel has no figures and is left alone",
		[POLICY_NO_GAIN] = "its tunnel is not faster any more",
	};

	return texts[rule];
}
