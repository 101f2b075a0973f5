/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/lp.h"

#include <errno.h>
#include <inttypes.h>

#include "optimizer/decide/model.h"

/* Worth of a demand by a relay; 0 or less: there is no such variable. */
static int64_t
worth(const struct model *m, const struct model_demand *d, size_t q)
{
	int32_t x = m->rtt[d->s * m->n + q], y = m->rtt[d->t * m->n + q];

	if (x < 0 || y < 0)
		return 0;
	return model_value(m, d->s, d->t, x + y + m->hop_us);
}

/* For each y: the demand's number, the relay's, and what is to be written of it. */
static void
each_y(const struct model *m, FILE *out,
    void (*what)(const struct model *, size_t demand, size_t relay, FILE *))
{
	for (size_t d = 0; d < m->n_demands; d++)
		for (size_t r = 0; r < m->n_relays; r++)
			if (worth(m, &m->demands[d], m->relays[r]) > 0)
				what(m, d, m->relays[r], out);
}

static void
in_objective(const struct model *m, size_t d, size_t q, FILE *out)
{
	fprintf(out, " + %" PRId64 " y%zu_%zu\n", worth(m, &m->demands[d], q), d, q);
}

static void
needs_both(const struct model *m, size_t d, size_t q, FILE *out)
{
	const struct model_demand *x = &m->demands[d];

	fprintf(out, " y%zu_%zu - x%u <= 0\n", d, q, m->at[x->s * m->n + q]);
	fprintf(out, " y%zu_%zu - x%u <= 0\n", d, q, m->at[x->t * m->n + q]);
}

static void
as_binary(const struct model *m, size_t d, size_t q, FILE *out)
{
	(void)m; /* each_y's form */
	fprintf(out, " y%zu_%zu\n", d, q);
}

static void
write_objective(const struct model *m, FILE *out)
{
	fprintf(out, "Maximize\n obj:\n");
	for (size_t t = 0; t < m->n_tunnels; t++) {
		int64_t own = model_own(m, &m->tunnels[t]);

		fprintf(out, " %c %" PRId64 " x%zu\n", own < 0 ? '-' : '+',
		    own < 0 ? -own : own, t);
	}
	each_y(m, out, in_objective);
}

/* Rule C1: a pair with a tunnel of its own uses it, and takes one path. */
static void
write_one_path(const struct model *m, FILE *out)
{
	for (size_t d = 0; d < m->n_demands; d++) {
		size_t terms = 0;

		for (size_t r = 0; r < m->n_relays; r++)
			if (worth(m, &m->demands[d], m->relays[r]) > 0)
				fprintf(out, "%sy%zu_%u\n", terms++ ? " + " : " ", d,
				    m->relays[r]);
		if (!terms)
			continue;
		if (m->demands[d].tunnel != MODEL_NONE)
			fprintf(out, " + x%u\n", m->demands[d].tunnel);
		fprintf(out, " <= 1\n");
	}
}

static void
write_limits(const struct model *m, FILE *out)
{
	fprintf(out, " budget:");
	for (size_t t = 0; t < m->n_tunnels; t++)
		fprintf(out, "%s%u x%zu\n", t ? " + " : " ", m->tunnels[t].cost, t);
	fprintf(out, " <= %" PRId64 "\n", m->budget);
	for (size_t v = 0; v < m->n; v++) {
		size_t terms = 0;

		if (model_cap(m, v) == MESH_NO_LIMIT)
			continue;
		for (size_t u = 0; u < m->n; u++)
			if (m->at[v * m->n + u] != MODEL_NONE)
				fprintf(out, "%sx%u\n", terms++ ? " + " : " ",
				    m->at[v * m->n + u]);
		if (terms)
			fprintf(out, " <= %u\n", model_cap(m, v));
	}
	for (size_t r = 0; r < m->n_relays; r++) {
		int64_t most = m->in->nodes[m->relays[r]].max_load;
		size_t terms = 0;

		for (size_t d = 0; most != INSTANCE_NO_LOAD && d < m->n_demands; d++) {
			const struct model_demand *x = &m->demands[d];

			if (worth(m, x, m->relays[r]) > 0)
				fprintf(out, "%s%" PRId64 " y%zu_%u\n",
				    terms++ ? " + " : " ",
				    m->weight[x->s * m->n + x->t], d, m->relays[r]);
		}
		if (terms)
			fprintf(out, " <= %" PRId64 "\n", most);
	}
}

int
lp_write(const struct instance *in, FILE *out)
{
	struct model *m;

	if (in->goal == GOAL_QUANTILE)
		return -ENOTSUP;
	m = model_new(in);
	fprintf(out, "\\ meshopt: value = objective + %" PRId64 "\n", m->constant);
	for (size_t t = 0; t < m->n_tunnels; t++)
		fprintf(out, "\\ x%zu = %s-%s\n", t, in->nodes[m->tunnels[t].u].name,
		    in->nodes[m->tunnels[t].v].name);
	if (m->n_tunnels > 0) {
		write_objective(m, out);
		fprintf(out, "Subject To\n");
		write_limits(m, out);
		write_one_path(m, out);
		each_y(m, out, needs_both);
		fprintf(out, "Bounds\n");
		for (size_t t = 0; t < m->n_tunnels; t++)
			if (m->tunnels[t].required)
				fprintf(out, " x%zu = 1\n", t);
		fprintf(out, "Binaries\n");
		for (size_t t = 0; t < m->n_tunnels; t++)
			fprintf(out, " x%zu\n", t);
		if (m->has_loads) /* then the paths do not become whole by themselves */
			each_y(m, out, as_binary);
	}
	fprintf(out, "End\n");
	model_free(m);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
