/* SPDX-License-Identifier: MIT */
#include "optimizer/replay_json.h"

#include <jansson.h>

/* us x weight as ms per pair of weight 1; nothing where nothing was measured. */
static json_t *
mean_ms(int64_t sum, int64_t weight)
{
	double us;

	if (weight == 0)
		return json_null();
	us = (double)sum / (double)weight;
	return json_real((double)(int64_t)(us * 1000 + (us < 0 ? -0.5 : 0.5)) / 1e6);
}

static json_t *
count(size_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
ratio(double x, double y)
{
	return y > 0 ? json_real(x / y) : json_null();
}

static json_t *
step_to_json(const struct replay_setup *setup, const struct replay_step *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "slice", json_string(setup->history->labels[s->slice]));
	json_object_set_new(o, "planned", json_boolean(s->planned));
	json_object_set_new(o, "tunnels", count(s->tunnels));
	json_object_set_new(o, "added", count(s->added));
	json_object_set_new(o, "dropped", count(s->dropped));
	json_object_set_new(o, "switched", count(s->switched));
	json_object_set_new(o, "hub_ms", mean_ms(s->hub_sum, s->weight));
	json_object_set_new(o, "predicted_ms", mean_ms(s->predicted, s->weight));
	json_object_set_new(o, "realised_ms", mean_ms(s->realised, s->weight));
	json_object_set_new(o, "oracle_ms", mean_ms(s->oracle, s->weight));
	json_object_set_new(o, "fixed_ms", mean_ms(s->fixed, s->weight));
	return o;
}

char *
replay_to_json(const struct replay_setup *setup, const struct replay_result *r)
{
	const struct instance *nodes = setup->nodes;
	json_t *o = json_object(), *steps = json_array();
	int64_t weight = 0;
	char *text;

	for (size_t i = 0; i < r->n_steps; i++) {
		weight += r->steps[i].weight;
		json_array_append_new(steps, step_to_json(setup, &r->steps[i]));
	}
	json_object_set_new(o, "nodes", count(nodes->n_nodes));
	json_object_set_new(o, "hub", json_string(nodes->nodes[nodes->hub].name));
	json_object_set_new(o, "pairs", count(r->pairs));
	json_object_set_new(o, "budget", json_integer(nodes->budget));
	json_object_set_new(o, "days", json_real(r->days));
	json_object_set_new(o, "predicted_ms", mean_ms(r->predicted, weight));
	json_object_set_new(o, "realised_ms", mean_ms(r->realised, weight));
	json_object_set_new(o, "oracle_ms", mean_ms(r->oracle, weight));
	json_object_set_new(o, "fixed_ms", mean_ms(r->fixed, weight));
	json_object_set_new(o, "regret_ms", mean_ms(r->oracle - r->realised, weight));
	json_object_set_new(o, "of_oracle",
	    ratio((double)r->realised, (double)r->oracle));
	json_object_set_new(o, "replans", count(r->replans));
	json_object_set_new(o, "churn", json_real(r->churn));
	json_object_set_new(o, "switches", count(r->switches));
	json_object_set_new(o, "switches_per_pair_day",
	    ratio((double)r->switches, (double)r->pairs * r->days));
	json_object_set_new(o, "worst_per_day", json_real(replay_flaps(r)));
	json_object_set_new(o, "steps", steps);
	text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	json_decref(o);
	return text;
}
