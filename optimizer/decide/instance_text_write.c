/* SPDX-License-Identifier: MIT */
/*
 * The writing half of instance_text.h.  Hub paths are written as such, whatever they
 * came from, so that reading gives the same instance.
 */
#include <errno.h>
#include <inttypes.h>

#include "optimizer/decide/instance_text.h"

static void
write_settings(const struct instance *in, FILE *out)
{
	fprintf(out, "meshopt-instance 1\n");
	fprintf(out, "hop %" PRId32 "\n", in->hop_us);
	if (in->goal == GOAL_SLO)
		fprintf(out, "objective slo %" PRId64 "\n", in->limit_us);
	else if (in->goal == GOAL_QUANTILE)
		fprintf(out, "objective quantile %u.%03u\n", in->quantile_ppm / 1000000,
		    in->quantile_ppm / 1000 % 1000);
	else
		fprintf(out, "objective mean\n");
	if (in->budget != PLAN_NO_BUDGET)
		fprintf(out, "budget %u\n", in->budget);
	if (in->change_us)
		fprintf(out, "kappa %" PRId64 "\n", in->change_us);
}

static void
write_nodes(const struct instance *in, FILE *out)
{
	for (size_t i = 0; i < in->n_nodes; i++) {
		const struct node *x = &in->nodes[i];

		fprintf(out, "node %s %s %s %s", x->name, mesh_role_name(x->role),
		    x->relay ? "relay" : "-", x->reachable ? "public" : "nat");
		if (x->max_tunnels != MESH_NO_LIMIT)
			fprintf(out, " cap %u", x->max_tunnels);
		if (x->max_load != INSTANCE_NO_LOAD)
			fprintf(out, " load %" PRId64, x->max_load);
		if (x->weight != 1)
			fprintf(out, " weight %u", x->weight);
		fputc('\n', out);
	}
}

static void
write_rtt(const char *a, const char *b, int64_t us, int64_t high, FILE *out)
{
	fprintf(out, "rtt %s %s %" PRId64, a, b, us);
	if (high > us)
		fprintf(out, " hi %" PRId64, high);
	fputc('\n', out);
}

static void
write_pair(const struct instance *in, const struct pair *p, FILE *out)
{
	const char *a = in->nodes[p->a].name, *b = in->nodes[p->b].name;

	fprintf(out, "demand %s %s %" PRId64 "\n", a, b, p->weight);
	if (p->hub_us != PLAN_UNKNOWN)
		fprintf(out, "hubpath %s %s %" PRId64, a, b, p->hub_us);
	if (p->hub_us != PLAN_UNKNOWN && p->hub_lo_us > 0 && p->hub_lo_us < p->hub_us)
		fprintf(out, " lo %" PRId64, p->hub_lo_us);
	if (p->hub_us != PLAN_UNKNOWN)
		fputc('\n', out);
	if (p->pin == MESH_PIN_HUB)
		fprintf(out, "hubonly %s %s\n", a, b);
	if (in->tunnels)
		return;
	if (p->direct_us != PLAN_UNKNOWN)
		write_rtt(a, b, p->direct_us, p->direct_hi_us, out);
	if (p->cost != 1)
		fprintf(out, "cost %s %s %u\n", a, b, p->cost);
	if (p->pin == MESH_PIN_DIRECT)
		fprintf(out, "require %s %s\n", a, b);
	if (p->present)
		fprintf(out, "tunnel %s %s\n", a, b);
}

static void
write_tunnel(const struct instance *in, const struct tunnel *t, FILE *out)
{
	const char *a = in->nodes[t->a].name, *b = in->nodes[t->b].name;

	size_t i = instance_pair(in, t->a, t->b);
	int64_t us = t->direct_us;

	if (us == MATRIX_UNKNOWN && !t->denied && !t->required && !t->present)
		return; /* nothing is known of it, whatever it would cost */
	if (i != SIZE_MAX && in->pairs[i].direct_us != PLAN_UNKNOWN &&
	    in->pairs[i].direct_us < us)
		us = in->pairs[i].direct_us;
	if (t->direct_us != MATRIX_UNKNOWN)
		write_rtt(a, b, us, t->direct_us, out);
	if (t->cost != 1)
		fprintf(out, "cost %s %s %u\n", a, b, t->cost);
	if (t->denied)
		fprintf(out, "deny %s %s\n", a, b);
	if (t->required)
		fprintf(out, "require %s %s\n", a, b);
	if (t->present)
		fprintf(out, "tunnel %s %s\n", a, b);
}

int
instance_text_write(const struct instance *in, FILE *out)
{
	write_settings(in, out);
	write_nodes(in, out);
	for (size_t i = 0; i < in->n_pairs; i++)
		write_pair(in, &in->pairs[i], out);
	for (size_t i = 0; i < in->n_tunnels; i++)
		write_tunnel(in, &in->tunnels[i], out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
