/* SPDX-License-Identifier: MIT */
#include "optimizer/plan_print.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "optimizer/table.h"

#define NEEDS_MAX 5 /* lines about missing samples; --json has them all */

static struct table *
tunnel_table(const struct plan *plan, bool csv)
{
	struct table *t =
	    table_new(csv ? "a|b|hub_ms|direct_ms|saves_ms|value|state"
			  : "<pair|hub ms|direct ms|saves ms|factor|off the "
			    "mean ms|<state");
	static const char *const states[] = { "add", "keep", "drop", "wait" };

	for (size_t i = 0; i < plan->n_tunnels; i++) {
		const struct plan_tunnel *p = &plan->tunnels[i];
		bool known = p->hub_us != PLAN_UNKNOWN && p->direct_us != PLAN_UNKNOWN;

		if (csv) {
			table_text(t, plan->names[p->a]);
			table_text(t, plan->names[p->b]);
		} else {
			table_printf(t, "%s-%s", plan->names[p->a], plan->names[p->b]);
		}
		table_ms(t, p->hub_us, csv ? 3 : 1);
		table_ms(t, p->direct_us, csv ? 3 : 1);
		if (known)
			table_signed_ms(t, p->saves_us, csv ? 3 : 1);
		else
			table_empty(t);
		if (csv)
			table_printf(t, "%lld", (long long)p->value);
		else if (known && p->direct_us > 0)
			table_printf(t, "%.1fx",
			    (double)p->hub_us / (double)p->direct_us);
		else
			table_empty(t);
		if (!csv && plan->weight_sum > 0)
			table_printf(t, "%.1f",
			    (double)p->value / (double)plan->weight_sum / 1000);
		else if (!csv)
			table_empty(t);
		table_text(t, states[p->state]);
	}
	return t;
}

static double
mean_ms(const struct plan *plan, int64_t saved)
{
	return (double)(plan->hub_sum - saved) / (double)plan->weight_sum / 1000;
}

static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* With relays a tunnel serves more pairs than its own. */
static void
print_paths(const struct plan *plan, size_t tunnels)
{
	size_t by[3] = { 0 };

	for (size_t i = 0; i < plan->n_routes; i++)
		by[plan->routes[i].path]++;
	printf("%zu tunnel%s: %zu pair%s direct, %zu relayed, %zu by the hub", tunnels,
	    plural(tunnels), by[PLAN_DIRECT], plural(by[PLAN_DIRECT]), by[PLAN_RELAY],
	    by[PLAN_HUB]);
	if (strcmp(plan->objective, "mean"))
		printf(" · %s: %lld of at most %lld", plan->objective,
		    (long long)plan->value, (long long)plan->bound);
	for (size_t i = 0; i < plan->n_relays && i < 3; i++)
		printf("%s%s %u pair%s", i ? ", " : " · ",
		    plan->names[plan->relays[i].node], plan->relays[i].pairs,
		    plural(plan->relays[i].pairs));
}

/*
 * Two tunnels may save what neither does alone (they are the legs of a relay path), and
 * a policy keeps out what saves too little.
 */
static void
print_next(const struct plan *plan, bool policy)
{
	if (plan->relayed && plan->has_next && plan->weight_sum > 0)
		printf(" · next: %s-%s, %.2f ms off the mean\n",
		    plan->names[plan->next_a], plan->names[plan->next_b],
		    (double)plan->next_value / (double)plan->weight_sum / 1000);
	else if (plan->next_value > 0)
		printf(" · next tunnel saves %.1f ms\n",
		    (double)plan->next_value / 1000);
	else
		printf(" · no %s tunnel%s saves anything\n",
		    plan->relayed || plan->bound > plan->value ? "single further"
							       : "further",
		    policy ? " that the policy allows" : "");
}

static void
print_totals(const struct plan *plan, bool policy)
{
	size_t direct = 0;
	double gap;

	for (size_t i = 0; i < plan->n_tunnels; i++)
		direct += plan->tunnels[i].state != PLAN_DROP;
	if (plan->relayed)
		print_paths(plan, direct);
	else
		printf("%zu of %zu pair%s", direct, plan->pairs, plural(plan->pairs));
	if (plan->weight_sum > 0)
		printf(" · mean %.1f → %.1f ms", mean_ms(plan, 0),
		    mean_ms(plan, plan->saved));
	if (plan->weight_sum > 0 && strcmp(plan->objective, "mean") == 0)
		printf(" · bound %.1f ms",
		    mean_ms(plan, plan->saved + plan->bound - plan->value));
	if (plan->bound == plan->value) {
		printf(" · optimal (gap 0.0 %%)");
	} else {
		gap = (double)(plan->bound - plan->value) / (double)plan->bound;
		printf(" · gap %.1f %%", gap * 100);
	}
	print_next(plan, policy);
}

/* Which measurements could have changed the answer. */
static void
print_needs(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_needs && i < NEEDS_MAX; i++) {
		const struct plan_need *need = &plan->needs[i];

		log_warnx("needs %u more sample%s: %s-%s", need->samples,
		    need->samples == 1 ? "" : "s", plan->names[need->a],
		    plan->names[need->b]);
	}
	if (plan->n_needs > NEEDS_MAX)
		log_warnx("pairs that need samples too, and could matter less: %zu",
		    plan->n_needs - NEEDS_MAX);
}

/* What the figures do not cover, in words: it belongs to the answer. */
void
plan_print_notes(const struct plan *plan, size_t strangers)
{
	if (plan->unmeasured == 1)
		log_warnx(
		    "1 pair has no measured hub or direct RTT and stays on the hub");
	else if (plan->unmeasured)
		log_warnx(
		    "%zu pairs have no measured hub or direct RTT and stay on the hub",
		    plan->unmeasured);
	if (plan->unreachable)
		log_warnx(
		    "%zu pair%s cannot have a tunnel: neither end has an Endpoint",
		    plan->unreachable, plural(plan->unreachable));
	if (strangers)
		log_warnx(
		    "rows of the collector that name nodes which the mesh file lacks: "
		    "%zu; is it the same file everywhere?",
		    strangers);
	print_needs(plan);
}

void
plan_print(const struct plan *plan, bool policy)
{
	struct table *t = tunnel_table(plan, false);

	if (table_rows(t))
		table_print(t, stdout);
	print_totals(plan, policy);
	table_free(t);
}

void
plan_print_csv(const struct plan *plan)
{
	struct table *t = tunnel_table(plan, true);

	table_print_csv(t, stdout);
	table_free(t);
}
