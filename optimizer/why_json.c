/* SPDX-License-Identifier: MIT */
#include "optimizer/why_json.h"

#include <jansson.h>

static const char *const from_names[] = {
	[EVIDENCE_NONE] = "none",
	[EVIDENCE_OVERLAY] = "overlay",
	[EVIDENCE_LEGS] = "legs",
	[EVIDENCE_TUNNEL] = "tunnel",
	[EVIDENCE_PUBLIC] = "public",
};

static json_t *
ms(int64_t us)
{
	return us == PLAN_UNKNOWN ? json_null() : json_real((double)us / 1000);
}

static json_t *
share(double x)
{
	return x < 0 ? json_null() : json_real(x);
}

static json_t *
leg_ms(const struct evidence *e)
{
	return e->n ? ms(e->mid_us) : json_null();
}

static json_t *
path_to_json(int64_t us, const struct evidence *e, enum evidence_from from, double loss)
{
	json_t *o = json_object();

	json_object_set_new(o, "ms", ms(us));
	json_object_set_new(o, "from", json_string(from_names[from]));
	json_object_set_new(o, "samples", json_integer((json_int_t)e->n));
	json_object_set_new(o, "low_ms", e->n ? ms(e->lo_us) : json_null());
	json_object_set_new(o, "high_ms", e->n ? ms(e->hi_us) : json_null());
	json_object_set_new(o, "loss", share(loss));
	return o;
}

static json_t *
path_name_of(const struct why_question *q, const struct why *w)
{
	if (w->path == PLAN_RELAY)
		return json_sprintf("relay:%s", q->in->nodes[w->via].name);
	return json_string(w->path == PLAN_DIRECT ? "direct" : "hub");
}

static void
add_inputs(json_t *o, const struct why_question *q)
{
	const struct pair *p = &q->in->pairs[q->pair];
	const struct evidence_pair *e = q->evidence;
	json_t *hub = path_to_json(p->hub_us, &e->hub, e->hub_from, e->hub_loss);
	bool known = p->hub_us != PLAN_UNKNOWN && p->direct_us != PLAN_UNKNOWN;

	if (e->hub_from == EVIDENCE_LEGS) {
		json_object_set_new(hub, "leg_a_ms", leg_ms(&e->leg_a));
		json_object_set_new(hub, "leg_b_ms", leg_ms(&e->leg_b));
	}
	json_object_set_new(o, "hub", hub);
	json_object_set_new(o, "direct",
	    path_to_json(p->direct_us, &e->direct, e->direct_from, e->direct_loss));
	json_object_set_new(o, "saves_ms",
	    known ? json_real((double)(p->hub_us - p->direct_us) / 1000) : json_null());
	json_object_set_new(o, "saves_at_least_ms",
	    known ? json_real((double)(p->hub_lo_us - p->direct_hi_us) / 1000)
		  : json_null());
	json_object_set_new(o, "weight", json_integer(p->weight));
	json_object_set_new(o, "age_s", share(e->age_s));
	json_object_set_new(o, "needs_samples",
	    json_integer(evidence_missing(e, q->samples_min)));
}

static json_t *
thresholds(const struct policy *policy)
{
	json_t *o = json_object();

	json_object_set_new(o, "gain_ms", ms(policy->gain_us));
	json_object_set_new(o, "ratio",
	    json_sprintf("%u/%u", policy->ratio_num, policy->ratio_den));
	json_object_set_new(o, "change_cost_ms", ms(policy->change_cost_us));
	return o;
}

static json_t *
when(struct wall at)
{
	char text[WALL_TEXT_MAX];

	if (!at.ns)
		return json_null();
	wall_format(at, text);
	return json_string(text);
}

static json_t *
in_force(const struct inforce *f)
{
	json_t *o = json_object(), *agents = json_array();

	json_object_set_new(o, "epoch",
	    f->epoch ? json_integer((json_int_t)f->epoch) : json_null());
	json_object_set_new(o, "issued", when(f->issued));
	json_object_set_new(o, "path",
	    f->path == PLAN_RELAY
		? json_sprintf("relay:%s", f->via)
		: json_string(f->path == PLAN_HUB ? "hub" : "direct"));
	json_object_set_new(o, "since", when(f->since));
	json_object_set_new(o, "good", json_boolean(f->good));
	for (int i = 0; i < 2; i++) {
		const struct feed_word *w = &f->said[i];

		if (w->at.ns)
			json_array_append_new(agents,
			    json_pack("{s:s, s:s, s:s, s:o}", "node", f->ends[i],
				"kind", w->kind, "text", w->text, "at", when(w->at)));
	}
	json_object_set_new(o, "agents", agents);
	json_object_set_new(o, "left_out_s",
	    json_integer(f->left_out_ns > 0 ? f->left_out_ns / NS_PER_S : 0));
	return o;
}

char *
why_to_json(const struct why_question *q, const struct why *w, const struct inforce *f)
{
	const struct instance *in = q->in;
	const struct pair *p = &in->pairs[q->pair];
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "a", json_string(in->nodes[p->a].name));
	json_object_set_new(o, "b", json_string(in->nodes[p->b].name));
	json_object_set_new(o, "path", path_name_of(q, w));
	json_object_set_new(o, "ms", ms(w->us));
	json_object_set_new(o, "rule", json_string(why_rule_name(w->rule)));
	if (w->rule == WHY_POLICY)
		json_object_set_new(o, "policy_rule",
		    json_string(policy_rule_text(w->verdict.rule)));
	if (w->rule == WHY_LIMIT)
		json_object_set_new(o, "full", json_string(in->nodes[w->full].name));
	add_inputs(o, q);
	if (q->policy)
		json_object_set_new(o, "thresholds", thresholds(q->policy));
	json_object_set_new(o, "budget", json_integer(in->budget));
	json_object_set_new(o, "rank",
	    w->rank ? json_integer((json_int_t)w->rank) : json_null());
	json_object_set_new(o, "candidates", json_integer((json_int_t)w->candidates));
	json_object_set_new(o, "direct_below_ms", ms(w->turn_us));
	json_object_set_new(o, "direct_from_budget",
	    w->turn_budget == PLAN_NO_BUDGET ? json_null()
					     : json_integer(w->turn_budget));
	json_object_set_new(o, "in_force", f ? in_force(f) : json_null());
	text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	json_decref(o);
	return text;
}
