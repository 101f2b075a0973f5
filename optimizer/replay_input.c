/* SPDX-License-Identifier: MIT */
#include "optimizer/replay_input.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/history_read.h"
#include "optimizer/matrix_csv.h"
#include "optimizer/policy_conf.h"

#define SLICE_NS (300 * NS_PER_S) /* the prober's roll-ups and the plan's interval */

/* Flags of the names in a list, or NULL and err. */
static bool *
flag_names(const struct matrix *m, const char *list, const char *option,
    struct err *err)
{
	bool *flags = mem_array(m->n, sizeof(*flags));
	char name[MESH_NAME_MAX];
	size_t n, at;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		at = SIZE_MAX;
		if (n < sizeof(name)) {
			memcpy(name, list, n);
			name[n] = '\0';
			at = matrix_find(m, name);
		}
		if (at == SIZE_MAX) {
			(void)err_set(err,
			    "%s: there is no node \"%.*s\" in the history", option,
			    (int)(n < 63 ? n : 63), list);
			free(flags);
			return NULL;
		}
		flags[at] = true;
		if (!list[n])
			return flags;
	}
}

/* --nodes 60: every so many-th of the alphabet; --nodes a,b,c: these. */
static int
keep_nodes(const struct replay_opts *o, struct history *h, struct err *err)
{
	size_t nodes = history_nodes(h);
	bool *keep = NULL;
	uint32_t n;

	if (!o->nodes)
		return 0;
	if (num_u32(o->nodes, 0, UINT32_MAX, &n) == 0) {
		if (n < 3 || n > nodes)
			return err_set(err,
			    "--nodes: %u is not from 3 to %zu, the nodes of the "
			    "history",
			    n, nodes);
		keep = mem_array(nodes, sizeof(*keep));
		for (size_t i = 0; i < n; i++)
			keep[i * nodes / n] = true;
	} else {
		keep = flag_names(h->slices[0], o->nodes, "--nodes", err);
	}
	if (!keep)
		return -1;
	history_keep(h, keep);
	free(keep);
	return 0;
}

static int
pick_hub(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	const struct matrix *first = in->history->slices[0];
	struct matrix *all;

	if (o->hub) {
		in->nodes->hub = matrix_find(first, o->hub);
		if (in->nodes->hub == SIZE_MAX)
			return err_set(err, "--hub: there is no node %s in the history",
			    o->hub);
		return 0;
	}
	all = history_median(in->history, in->setup.from, in->setup.to);
	in->nodes->hub = history_centre(all);
	in->hub_chosen = true;
	matrix_free(all);
	return 0;
}

static int
make_nodes(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	const struct matrix *first = in->history->slices[0];
	bool *pops = NULL;

	if (first->n < 3)
		return err_set(err, "%s: a mesh has a hub and two others at least",
		    o->history);
	in->nodes = mem_alloc(sizeof(*in->nodes));
	in->nodes->n_nodes = first->n;
	in->nodes->nodes = mem_array(first->n, sizeof(*in->nodes->nodes));
	if (pick_hub(o, in, err) < 0)
		return -1;
	if (o->pops) {
		pops = flag_names(first, o->pops, "--pops", err);
		if (!pops)
			return -1;
	}
	for (size_t i = 0; i < first->n; i++) {
		struct node *node = &in->nodes->nodes[i];

		memcpy(node->name, first->names[i], sizeof(node->name));
		node->role = pops && pops[i] ? MESH_POP : MESH_BACKEND;
		node->reachable = true;
		node->weight = 1;
		node->max_tunnels = MESH_NO_LIMIT;
	}
	in->nodes->nodes[in->nodes->hub].role = MESH_HUB;
	in->how.all_pairs = !pops;
	free(pops);
	return 0;
}

/* A pair that the file does not name weighs nothing; names that are not kept, neither.
 */
static int
load_weights(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	const struct matrix *names = in->history->slices[0];
	struct matrix *file = NULL;
	int r;

	if (!o->weights)
		return 0;
	r = matrix_csv_load(o->weights, MATRIX_WEIGHT, &file, err);
	if (r < 0)
		return r;
	in->weights = matrix_new(names->n);
	for (size_t i = 0; i < names->n; i++) {
		size_t from = matrix_find(file, names->names[i]);

		for (size_t j = 0; from != SIZE_MAX && j < names->n; j++) {
			size_t to = matrix_find(file, names->names[j]);

			if (to != SIZE_MAX)
				*matrix_cell(in->weights, i, j) =
				    *matrix_cell(file, from, to);
		}
	}
	in->how.weights = in->weights;
	matrix_free(file);
	return 0;
}

/* --relays all, or a list. */
static int
set_relays(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	bool all = o->relays && strcmp(o->relays, "all") == 0, *flags = NULL;

	if (!o->relays)
		return 0;
	if (!all)
		flags = flag_names(in->history->slices[0], o->relays, "--relays", err);
	if (!all && !flags)
		return -1;
	for (size_t i = 0; i < in->nodes->n_nodes; i++)
		in->nodes->nodes[i].relay = i != in->nodes->hub && (all || flags[i]);
	free(flags);
	return 0;
}

static int
pick_slice(const struct history *h, const char *label, size_t *out, struct err *err)
{
	if (!label)
		return 0;
	*out = history_find(h, label);
	if (*out != SIZE_MAX)
		return 0;
	return err_set(err,
	    "there is no slice \"%s\" in the history; there are %s to %s", label,
	    h->labels[0], h->labels[h->n - 1]);
}

/* "20" or "10%" of the pairs. */
static int
take_budget(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	size_t n = in->nodes->n_nodes - 1, pairs = n * (n - 1) / 2, pops = 0, len;
	char text[16] = "";
	uint32_t value;
	bool share;

	if (!o->budget)
		return err_set(err, "--budget is missing: how many direct tunnels may "
				    "there be?");
	for (size_t i = 0; i <= n; i++)
		pops += in->nodes->nodes[i].role == MESH_POP;
	if (!in->how.all_pairs)
		pairs = pops * (n - pops);
	len = strlen(o->budget);
	share = len > 0 && o->budget[len - 1] == '%';
	if (len - share < sizeof(text))
		memcpy(text, o->budget, len - share);
	if (num_u32(text, 0, share ? 100 : PLAN_NO_BUDGET - 1, &value) < 0)
		return err_set(err,
		    "--budget: \"%s\" is not a number of tunnels or a "
		    "share such as 10%%",
		    o->budget);
	in->nodes->budget = share ? (uint32_t)(pairs * value / 100) : value;
	return 0;
}

int
replay_input_load(const struct replay_opts *o, struct replay_input *in, struct err *err)
{
	struct replay_setup *set = &in->setup;
	uint32_t window = 0;

	if (policy_conf_load(o->policy, &in->policy, err) < 0 ||
	    history_read(o->history, &in->history, err) < 0 ||
	    keep_nodes(o, in->history, err) < 0)
		return -1;
	set->slice_ns = SLICE_NS;
	if (o->slice && num_duration(o->slice, &set->slice_ns) < 0)
		return err_set(err, "--slice: \"%s\" is not a time such as 5m or 12h",
		    o->slice);
	set->to = in->history->n - 1;
	if (o->window && num_u32(o->window, 1, HISTORY_SLICES_MAX, &window) < 0)
		return err_set(err, "--window: \"%s\" is not a number of slices",
		    o->window);
	set->once = o->once != NULL;
	if (pick_slice(in->history, o->once, &set->cut, err) < 0 ||
	    pick_slice(in->history, o->from, &set->from, err) < 0 ||
	    pick_slice(in->history, o->to, &set->to, err) < 0)
		return -1;
	if (set->from >= set->to)
		return err_set(err,
		    "a replay needs at least two slices: one to plan by and one to "
		    "judge the plan");
	if (make_nodes(o, in, err) < 0 || set_relays(o, in, err) < 0 ||
	    load_weights(o, in, err) < 0 || take_budget(o, in, err) < 0)
		return -1;
	set->history = in->history;
	set->window = window;
	set->policy = &in->policy;
	set->nodes = in->nodes;
	set->opts = &in->how;
	set->medians = o->medians;
	return 0;
}

void
replay_input_fini(struct replay_input *in)
{
	history_free(in->history);
	matrix_free(in->weights);
	instance_free(in->nodes);
}
