/* SPDX-License-Identifier: MIT */
/*
 * The lines of an instance, one function each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/num.h"
#include "optimizer/decide/instance_text_reader.h"

static int
by_name(const void *name, const void *node)
{
	return strcmp(name, ((const struct node *)node)->name);
}

static bool
is_node(const struct text_reader *r, size_t node, const char *name)
{
	return node < r->in->n_nodes && strcmp(r->in->nodes[node].name, name) == 0;
}

/* The node that word 1 or 2 names. */
static int
find(struct text_reader *r, size_t word, size_t *out)
{
	size_t *hint = &r->hint[word - 1];
	const char *name = word < r->n_words ? r->words[word] : "";
	const struct node *found;

	if (!is_node(r, *hint, name) && is_node(r, *hint + 1, name)) {
		++*hint;
	} else if (!is_node(r, *hint, name)) {
		found = bsearch(name, r->in->nodes, r->in->n_nodes, sizeof(*found),
		    by_name);
		if (!found)
			return instance_text_fail(r, "%s: there is no node \"%.63s\"",
			    r->words[0], name);
		*hint = (size_t)(found - r->in->nodes);
	}
	*out = *hint;
	return 0;
}

/* Words 1 and 2 as two nodes; both cells of a table. */
static int
ends(struct text_reader *r, size_t cell[2], bool hub_too)
{
	size_t a, b, n = r->in->n_nodes;

	if (find(r, 1, &a) < 0 || find(r, 2, &b) < 0)
		return -EINVAL;
	if (a == b)
		return instance_text_fail(r, "%s: %s twice", r->words[0], r->words[1]);
	if (!hub_too && (a == r->in->hub || b == r->in->hub))
		return instance_text_fail(r, "%s: %s is the hub", r->words[0],
		    r->in->nodes[r->in->hub].name);
	cell[0] = a * n + b;
	cell[1] = b * n + a;
	return 0;
}

static int
take_rtt(struct text_reader *r)
{
	size_t c[2];
	uint32_t us, low, high, x;

	if (ends(r, c, true) < 0 || instance_text_number(r, 3, 1, US_MAX, &us) < 0)
		return -EINVAL;
	if (r->said.high[c[0]])
		return instance_text_fail(r, "rtt: %s %s is there twice", r->words[1],
		    r->words[2]);
	low = high = us;
	for (size_t i = 4; i < r->n_words; i += 2) {
		if (strcmp(r->words[i], "loss") == 0 && i + 1 < r->n_words)
			continue; /* kept by those who know it; not part of a path's
				     value */
		if (instance_text_number(r, i + 1, strcmp(r->words[i], "n") != 0,
			US_MAX, &x) < 0)
			return -EINVAL;
		if (strcmp(r->words[i], "lo") == 0 && x <= us)
			low = x;
		else if (strcmp(r->words[i], "hi") == 0 && x >= us)
			high = x;
		else if (strcmp(r->words[i], "n"))
			return instance_text_fail(r,
			    "rtt: \"%.40s %u\" is not lo, hi (around the RTT), n or "
			    "loss",
			    r->words[i], x);
	}
	r->said.us[c[0]] = r->said.us[c[1]] = (int32_t)us;
	r->said.low[c[0]] = r->said.low[c[1]] = (int32_t)low;
	r->said.high[c[0]] = r->said.high[c[1]] = (int32_t)high;
	return 0;
}

static int
take_hubpath(struct text_reader *r)
{
	size_t c[2];
	uint32_t us, low;

	if (ends(r, c, false) < 0 || instance_text_number(r, 3, 1, 2 * US_MAX, &us) < 0)
		return -EINVAL;
	low = us;
	if (r->n_words > 4 &&
	    (strcmp(r->words[4], "lo") || instance_text_number(r, 5, 1, us, &low) < 0))
		return instance_text_fail(r,
		    "hubpath: after the RTT only lo and a smaller one");
	r->said.hub[c[0]] = r->said.hub[c[1]] = (int32_t)us;
	r->said.hub_low[c[0]] = r->said.hub_low[c[1]] = (int32_t)low;
	return 0;
}

/* demand all [gravity], demand role pop backend [gravity] */
static int
take_demands(struct text_reader *r, size_t at, bool gravity)
{
	struct instance *in = r->in;
	size_t n = in->n_nodes;

	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++) {
			const struct node *x = &in->nodes[a], *y = &in->nodes[b];
			const char *p = mesh_role_name(x->role);
			const char *q = mesh_role_name(y->role);

			if (a == b || a == in->hub || b == in->hub)
				continue;
			if (at == 4 &&
			    (strcmp(p, r->words[2]) || strcmp(q, r->words[3])) &&
			    (strcmp(q, r->words[2]) || strcmp(p, r->words[3])))
				continue;
			if (r->said.weight[a * n + b] < 0)
				r->said.weight[a * n + b] =
				    gravity ? (int64_t)x->weight * y->weight : 1;
		}
	}
	return 0;
}

static int
take_demand(struct text_reader *r)
{
	size_t c[2];
	uint32_t weight;
	size_t at = 0;

	if (r->n_words > 1 && strcmp(r->words[1], "all") == 0)
		at = 2;
	if (r->n_words > 3 && strcmp(r->words[1], "role") == 0)
		at = 4;
	if (at) {
		bool gravity = r->n_words > at && strcmp(r->words[at], "gravity") == 0;

		if (r->n_words > at + gravity)
			return instance_text_fail(r, "demand: \"%.40s\" is not gravity",
			    r->words[at + gravity]);
		r->has_bulk = true;
		return r->bulk_weights ? take_demands(r, at, gravity) : 0;
	}
	if (ends(r, c, false) < 0 ||
	    instance_text_number(r, 3, 0, WEIGHT_MAX, &weight) < 0)
		return -EINVAL;
	if (r->bulk_weights)
		return 0; /* said in the pass before */
	if (r->said.weight[c[0]] >= 0)
		return instance_text_fail(r, "demand: %s %s is there twice",
		    r->words[1], r->words[2]);
	r->said.weight[c[0]] = r->said.weight[c[1]] = weight;
	return 0;
}

static int
take_flag(struct text_reader *r, uint8_t flag)
{
	size_t c[2];

	if (ends(r, c, false) < 0)
		return -EINVAL;
	r->said.flags[c[0]] |= flag;
	r->said.flags[c[1]] |= flag;
	if ((r->said.flags[c[0]] & (DENIED | REQUIRED)) == (DENIED | REQUIRED))
		return instance_text_fail(r, "%s-%s is both denied and required",
		    r->words[1], r->words[2]);
	return 0;
}

static int
take_cost(struct text_reader *r)
{
	size_t c[2];
	uint32_t cost;

	if (ends(r, c, false) < 0 || instance_text_number(r, 3, 1, COST_MAX, &cost) < 0)
		return -EINVAL;
	r->said.cost[c[0]] = r->said.cost[c[1]] = cost;
	return 0;
}

static int
take_objective(struct text_reader *r)
{
	const char *what = r->n_words > 1 ? r->words[1] : "";
	uint32_t x;
	int64_t ppm;

	if (strcmp(what, "mean") == 0 && r->n_words == 2) {
		r->in->goal = GOAL_MEAN;
	} else if (strcmp(what, "slo") == 0) {
		if (instance_text_number(r, 2, 1, US_MAX, &x) < 0)
			return -EINVAL;
		r->in->goal = GOAL_SLO;
		r->in->limit_us = x;
	} else if (strcmp(what, "quantile") == 0 && r->n_words == 3) {
		/* 0.95 is 950 thousandths: the reader of ms serves. */
		if (num_ms(r->words[2], &ppm) < 0 || ppm < 1 || ppm > 1000)
			return instance_text_fail(r,
			    "objective: \"%.40s\" is not a quantile such as "
			    "0.95",
			    r->words[2]);
		r->in->goal = GOAL_QUANTILE;
		r->in->quantile_ppm = (uint32_t)ppm * 1000;
	} else {
		return instance_text_fail(r,
		    "objective: \"%.40s\" is not mean, slo US or quantile Q", what);
	}
	return 0;
}

static int
take_setting(struct text_reader *r)
{
	const char *what = r->words[0];
	uint32_t x;

	if (strcmp(what, "objective") == 0)
		return take_objective(r);
	if (r->n_words != 2)
		return instance_text_fail(r, "%s: one number", what);
	if (strcmp(what, "hop") == 0) {
		if (instance_text_number(r, 1, 0, US_MAX, &x) < 0)
			return -EINVAL;
		r->in->hop_us = (int32_t)x;
	} else if (strcmp(what, "kappa") == 0) {
		if (instance_text_number(r, 1, 0, US_MAX, &x) < 0)
			return -EINVAL;
		r->in->change_us = x;
	} else if (instance_text_number(r, 1, 0, PLAN_NO_BUDGET - 1, &r->in->budget) <
		   0) {
		return -EINVAL;
	}
	return 0;
}

/* Lines about two nodes or about all, in the second and third pass. */
int
instance_text_line(struct text_reader *r)
{
	const char *what = r->words[0];

	if (strcmp(what, "demand") == 0)
		return take_demand(r);
	if (r->bulk_weights || strcmp(what, "node") == 0)
		return 0;
	if (strcmp(what, "rtt") == 0)
		return take_rtt(r);
	if (strcmp(what, "hubpath") == 0)
		return take_hubpath(r);
	if (strcmp(what, "cost") == 0)
		return take_cost(r);
	if (strcmp(what, "deny") == 0)
		return take_flag(r, DENIED);
	if (strcmp(what, "require") == 0)
		return take_flag(r, REQUIRED);
	if (strcmp(what, "hubonly") == 0)
		return take_flag(r, DENIED | HUB_ONLY);
	if (strcmp(what, "tunnel") == 0)
		return take_flag(r, PRESENT); /* "since" is the policy's */
	if (strcmp(what, "hop") == 0 || strcmp(what, "budget") == 0 ||
	    strcmp(what, "kappa") == 0 || strcmp(what, "objective") == 0)
		return take_setting(r);
	return instance_text_fail(r, "\"%.40s\" is not a line of an instance", what);
}
