/* SPDX-License-Identifier: MIT */
#include "optimizer/gather.h"

#include <stdlib.h>

#include "common/mem.h"
#include "optimizer/measure_index.h"

struct gather {
	const struct input *in;
	unsigned conf_pct;
	struct measure_index rows;
};

/* One path between two nodes, both directions together. */
struct path_evidence {
	struct evidence rtt;
	double loss;  /* negative = unknown */
	double age_s; /* likewise */
};

struct gather *
gather_new(const struct input *in, unsigned conf_pct)
{
	struct gather *g = mem_alloc(sizeof(*g));

	*g = (struct gather){ .in = in, .conf_pct = conf_pct };
	measure_index_init(&g->rows, in->measure);
	return g;
}

void
gather_free(struct gather *g)
{
	if (!g)
		return;
	measure_index_fini(&g->rows);
	free(g);
}

uint32_t
gather_samples_min(const struct input *in)
{
	return in->measure ? EVIDENCE_SAMPLES : 1;
}

static const struct measure_row *
find_row(const struct gather *g, size_t src, size_t dst, enum path path)
{
	const struct node *nodes = g->in->instance->nodes;

	return measure_find(&g->rows, nodes[src].name, nodes[dst].name, path);
}

static int64_t
known(int32_t us, int32_t otherwise)
{
	return us == MEASURE_UNKNOWN ? otherwise : us;
}

static struct evidence
row_evidence(const struct gather *g, const struct measure_row *row)
{
	struct evidence_summary s;

	if (row->rtt.n)
		return evidence_sketch(&row->rtt, row->min_us, row->max_us,
		    g->conf_pct);
	s = (struct evidence_summary){ row->sent - row->lost,
		known(row->min_us, row->p50_us), row->p50_us,
		known(row->p95_us, row->p50_us), known(row->max_us, row->p50_us) };
	return evidence_summary(&s, g->conf_pct);
}

/* Both directions by one path; the cell of the matrix says whether a figure counts. */
static struct path_evidence
look(const struct gather *g, size_t a, size_t b, enum path path)
{
	const struct matrix *m = g->in->by_path[path];
	struct path_evidence e = { .loss = -1, .age_s = -1 };
	uint64_t sent = 0, lost = 0;

	for (int back = 0; m && back < 2; back++) {
		size_t src = back ? b : a, dst = back ? a : b;
		int32_t us = *matrix_cell(m, src, dst);
		const struct measure_row *row = find_row(g, src, dst, path);

		if (us == MATRIX_UNKNOWN)
			continue;
		if (!row) {
			e.rtt = evidence_both(e.rtt, evidence_figure(us));
			continue;
		}
		e.rtt = evidence_both(e.rtt, row_evidence(g, row));
		sent += row->sent;
		lost += row->lost;
		if (row->age_s > e.age_s)
			e.age_s = row->age_s;
	}
	if (!g->in->measure) /* two cells of a file are one figure, not two samples */
		e.rtt.n = e.rtt.n > 0;
	if (sent)
		e.loss = (double)lost / (double)sent;
	return e;
}

static struct path_evidence
look_leg(const struct gather *g, size_t node)
{
	size_t hub = g->in->instance->hub;
	struct path_evidence e = look(g, node, hub, PATH_HUB);

	return e.rtt.n ? e : look(g, node, hub, PATH_PUBLIC);
}

static double
older(double x, double y)
{
	return x > y ? x : y;
}

struct evidence_pair
gather_pair(const struct gather *g, const struct pair *p)
{
	struct evidence_pair out = { .hub_loss = -1, .direct_loss = -1 };
	struct path_evidence a = look_leg(g, p->a), b = look_leg(g, p->b);
	struct path_evidence hub = look(g, p->a, p->b, PATH_HUB);
	struct path_evidence direct = look(g, p->a, p->b, PATH_DIRECT);

	out.leg_a = a.rtt;
	out.leg_b = b.rtt;
	out.hub_from = EVIDENCE_OVERLAY;
	if (!hub.rtt.n) {
		hub.rtt = evidence_add(a.rtt, b.rtt);
		hub.age_s = older(a.age_s, b.age_s);
		if (a.loss >= 0 && b.loss >= 0)
			hub.loss = 1 - (1 - a.loss) * (1 - b.loss);
		out.hub_from = hub.rtt.n ? EVIDENCE_LEGS : EVIDENCE_NONE;
	}
	out.direct_from = EVIDENCE_TUNNEL;
	if (!direct.rtt.n) {
		direct = look(g, p->a, p->b, PATH_PUBLIC);
		out.direct_from = direct.rtt.n ? EVIDENCE_PUBLIC : EVIDENCE_NONE;
	}
	out.hub = hub.rtt;
	out.direct = direct.rtt;
	out.hub_loss = hub.loss;
	out.direct_loss = direct.loss;
	out.age_s = older(hub.age_s, direct.age_s);
	return out;
}

void
gather_tunnels(const struct gather *g, const struct evidence_opts *how,
    struct instance *in)
{
	for (size_t i = 0; i < in->n_tunnels; i++) {
		struct tunnel *t = &in->tunnels[i];
		struct pair ends = { .a = t->a, .b = t->b };
		struct evidence_pair e = gather_pair(g, &ends);

		if (t->direct_us == MATRIX_UNKNOWN)
			continue;
		if (e.direct.n && e.direct.hi_us > t->direct_us)
			t->direct_us = (int32_t)e.direct.hi_us;
		t->direct_us += (int32_t)evidence_loss_us(e.direct_loss,
		    how->loss_packets, t->direct_us);
		if (e.direct.n < how->samples_min && !t->present && !t->required)
			t->denied = true;
	}
}

struct evidence_pair *
gather_all(const struct gather *g)
{
	const struct instance *in = g->in->instance;
	struct evidence_pair *out = mem_array(in->n_pairs, sizeof(*out));

	for (size_t i = 0; i < in->n_pairs; i++)
		out[i] = gather_pair(g, &in->pairs[i]);
	return out;
}
