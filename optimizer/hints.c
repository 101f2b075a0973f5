/* SPDX-License-Identifier: MIT */
#include "optimizer/hints.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static struct hint *
find(const struct hints *hints, const char *node)
{
	for (size_t i = 0; i < hints->n; i++) {
		if (strcmp(hints->hint[i].node, node) == 0)
			return &hints->hint[i];
	}
	return NULL;
}

static void
learn(struct hints *hints, const struct hint *hint)
{
	struct hint *old = find(hints, hint->node);

	if (old && old->at.ns >= hint->at.ns)
		return;
	if (!old && hints->n == PLAN_HINTS_MAX)
		return;
	if (!old) {
		hints->hint = mem_grow(hints->hint, hints->n + 1, sizeof(*hints->hint));
		old = &hints->hint[hints->n++];
	}
	*old = *hint;
}

void
hints_learn(struct hints *hints, const char *node, const char *text, struct wall at)
{
	struct hint hint = { .at = at };
	struct endpoint ep;

	if (strlen(node) >= sizeof(hint.node) || endpoint_parse(text, &ep) < 0 ||
	    !ep.addr.family || ep.port == 0)
		return;
	memcpy(hint.node, node, strlen(node) + 1);
	hint.addr = ep.addr;
	hint.port = ep.port;
	learn(hints, &hint);
}

void
hints_carry(struct hints *hints, const struct plan *present)
{
	const struct plan_issue *issue = present ? present->issue : NULL;

	for (size_t i = 0; issue && i < issue->n_hints; i++) {
		const struct plan_hint *from = &issue->hints[i];
		const char *name = present->names[from->node];
		struct hint hint = { .addr = from->addr,
			.port = from->port,
			.at = issue->issued };

		if (find(hints, name) || strlen(name) >= sizeof(hint.node))
			continue;
		memcpy(hint.node, name, strlen(name) + 1);
		learn(hints, &hint);
	}
}

void
hints_reach(const struct hints *hints, struct instance *in)
{
	bool *seen = mem_array(in->n_nodes, sizeof(*seen));

	for (size_t i = 0; i < in->n_nodes; i++)
		seen[i] = find(hints, in->nodes[i].name) != NULL;
	for (size_t i = 0; i < in->n_pairs; i++) {
		struct pair *p = &in->pairs[i];

		p->reachable = p->reachable || (seen[p->a] && seen[p->b]);
	}
	for (size_t i = 0; in->tunnels && i < in->n_tunnels; i++) {
		struct tunnel *t = &in->tunnels[i];

		t->reachable = t->reachable || (seen[t->a] && seen[t->b]);
	}
	free(seen);
}

void
hints_write(const struct hints *hints, struct plan *plan)
{
	struct plan_issue *issue = plan->issue;

	free(issue->hints);
	issue->hints = mem_array(hints->n, sizeof(*issue->hints));
	issue->n_hints = 0;
	for (size_t i = 0; i < plan->n_names; i++) {
		const struct hint *hint = find(hints, plan->names[i]);

		if (hint && issue->n_hints < hints->n)
			issue->hints[issue->n_hints++] =
			    (struct plan_hint){ (uint32_t)i, hint->addr, hint->port };
	}
}

void
hints_fini(struct hints *hints)
{
	free(hints->hint);
	*hints = (struct hints){ 0 };
}
