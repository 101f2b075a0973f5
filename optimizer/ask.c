/* SPDX-License-Identifier: MIT */
#include "optimizer/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/gather.h"
#include "optimizer/policy_conf.h"

#define CAPS_MAX    10000
#define SAMPLES_MAX 1000000
#define PACKETS_MAX 1000000

const char ask_usage[] =
    "  --budget N          direct tunnels at most (default: Budget of the mesh)\n"
    "  --cap [NODE=]N      direct tunnels at most at each node, or at this one\n"
    "  --pop NAME,...      only pairs with one of these POPs\n"
    "  --all-pairs         any two nodes, not only POP with backend\n"
    "  --relays all|none|NAME,...  who may forward (default: Relay = yes)\n"
    "  --no-relays         each path is the hub or a tunnel of its own\n"
    "  --mesh FILE         mesh file (default " MESH_DEFAULT_PATH ")\n"
    "  --collector URL     where the figures come from (default: the mesh file's)\n"
    "  --since 5m          over this window\n"
    "  --rtt FILE          square CSV of RTTs in ms instead of the collector\n"
    "  --hub NAME, --pops NAME,...  the roles, without a mesh file\n"
    "  --weights FILE      square CSV of whole traffic weights\n"
    "  --policy FILE       thresholds and cost of change: meshopt-policy(5), or "
    "\"default\"\n"
    "  --conf 90           confidence in % of the limits that decide\n"
    "  --min-samples 30    fewer are no evidence (with --rtt: 1)\n"
    "  --loss N            count the loss of an exchange of N packets\n";

static int
take_number(const char *option, const char *value, uint32_t range[2], uint32_t *out,
    struct err *err)
{
	if (num_u32(value, range[0], range[1], out) == 0)
		return 1;
	return err_set(err, "%s: \"%s\" is not a whole number from %u to %u", option,
	    value, range[0], range[1]);
}

/* The N of "N" or "NODE=N". */
static int
parse_cap(const char *text, uint32_t *cap)
{
	const char *equals = strchr(text, '=');

	return num_u32(equals ? equals + 1 : text, 0, MESH_NODES_MAX, cap);
}

int
ask_option(struct ask_opts *o, int option, const char *value, struct err *err)
{
	uint32_t cap;

	if (input_option(&o->input, option, value))
		return 1;
	switch (option) {
	case 'b':
		if (num_u32(value, 0, PLAN_NO_BUDGET - 1, &o->budget) < 0)
			return err_set(err,
			    "--budget: \"%s\" is not a number of tunnels, 0 or more",
			    value);
		o->has_budget = true;
		return 1;
	case ASK_OPTION_FIRST:
		if (o->n_caps == CAPS_MAX)
			return err_set(err, "--cap: more than %d of them", CAPS_MAX);
		if (parse_cap(value, &cap) < 0)
			return err_set(err, "--cap: \"%s\" is not N or NODE=N", value);
		o->caps = mem_grow(o->caps, o->n_caps + 1, sizeof(*o->caps));
		o->caps[o->n_caps++] = value;
		return 1;
	case ASK_OPTION_FIRST + 1:
		o->no_relays = true;
		o->input.relays = "none";
		return 1;
	case ASK_OPTION_FIRST + 2:
		return take_number("--conf", value, (uint32_t[]){ 50, 99 },
		    &o->conf_pct, err);
	case ASK_OPTION_FIRST + 3:
		return take_number("--min-samples", value,
		    (uint32_t[]){ 1, SAMPLES_MAX }, &o->samples_min, err);
	case ASK_OPTION_FIRST + 4:
		o->has_loss = true;
		return take_number("--loss", value, (uint32_t[]){ 0, PACKETS_MAX },
		    &o->loss_packets, err);
	case ASK_OPTION_FIRST + 5:
		o->policy = value;
		return 1;
	case ASK_OPTION_FIRST + 6:
		o->input.relays = value;
		return 1;
	}
	return 0;
}

void
ask_opts_fini(struct ask_opts *opts)
{
	free(opts->caps);
	opts->caps = NULL;
	opts->n_caps = 0;
}

/* --cap 4 for everyone, then --cap hkg=16 for one; never more than the mesh file says.
 */
static int
set_caps(const struct ask_opts *o, struct instance *in, struct err *err)
{
	for (size_t i = 0; i < o->n_caps; i++) {
		const char *equals = strchr(o->caps[i], '=');
		size_t len = equals ? (size_t)(equals - o->caps[i]) : 0, hits = 0;
		uint32_t cap = MESH_NO_LIMIT;

		(void)parse_cap(o->caps[i], &cap); /* ask_option() has judged it */
		for (size_t k = 0; k < in->n_nodes; k++) {
			struct node *node = &in->nodes[k];

			if (equals && (strlen(node->name) != len ||
					  memcmp(node->name, o->caps[i], len)))
				continue;
			hits++;
			if (cap < node->max_tunnels)
				node->max_tunnels = cap;
		}
		if (!hits)
			return err_set(err, "--cap: there is no node \"%.*s\"",
			    (int)len, o->caps[i]);
	}
	return 0;
}

const struct evidence_pair *
ask_evidence(struct ask *ask)
{
	struct gather *g;

	if (!ask->evidence) {
		g = gather_new(&ask->in, ask->how.conf_pct);
		ask->evidence = gather_all(g);
		gather_free(g);
	}
	return ask->evidence;
}

static void
apply_evidence(struct ask *ask)
{
	struct gather *g = gather_new(&ask->in, ask->how.conf_pct);

	evidence_apply(ask->in.instance, ask_evidence(ask), &ask->how);
	gather_tunnels(g, &ask->how, ask->in.instance);
	gather_free(g);
}

int
ask_limits(const struct ask_opts *o, struct instance *in, struct err *err)
{
	if (o->has_budget)
		in->budget = o->budget;
	return set_caps(o, in, err);
}

int
ask_load(const struct ask_opts *o, struct ask *ask, struct err *err)
{
	struct policy_state *states = NULL;
	struct wall now = o->memory ? o->memory->now : (struct wall){ 0 };
	int r;

	memset(ask, 0, sizeof(*ask));
	ask->has_policy = o->policy != NULL;
	r = policy_conf_load(o->policy, &ask->policy, err);
	if (r == 0)
		r = input_load(&o->input, &ask->in, err);
	if (r == 0)
		r = ask_limits(o, ask->in.instance, err);
	if (r == 0 && o->memory)
		r = o->memory->recall(o->memory->ctx, ask->in.mesh, ask->in.instance,
		    &states, err);
	if (r < 0)
		return r;
	ask->how.conf_pct = o->conf_pct ? o->conf_pct : ask->policy.conf_pct;
	ask->how.loss_packets =
	    o->has_loss ? o->loss_packets : ask->policy.loss_packets;
	ask->how.samples_min =
	    o->samples_min ? o->samples_min : ask->policy.samples_min;
	if (ask->in.measure)
		apply_evidence(ask);
	else /* a figure of a file is all there is */
		ask->how.samples_min = 1;
	if (ask->has_policy) /* without a memory there is no dwell */
		policy_apply(&ask->policy, ask->in.instance, states, now);
	return 0;
}

void
ask_fini(struct ask *ask)
{
	input_fini(&ask->in);
	free(ask->evidence);
	memset(ask, 0, sizeof(*ask));
}
