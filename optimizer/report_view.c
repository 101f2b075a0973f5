/* SPDX-License-Identifier: MIT */
#include "optimizer/report_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const char *const now_names[] = { "unknown", "hub", "direct", "half" };

const char *
report_view_path(enum report_now now)
{
	return now_names[now];
}

/*
 * Each report has the overlay's path in it, so when the newest report has no hub row,
 * the overlay goes direct.
 */
const struct measure_row *
report_view_row(const struct measure_index *rows, const char *src, const char *dst)
{
	const struct measure_row *hub = measure_find(rows, src, dst, PATH_HUB);
	const struct measure_row *direct = measure_find(rows, src, dst, PATH_DIRECT);

	if (!hub || !direct)
		return hub ? hub : direct;
	return direct->age_s + 0.5 < hub->age_s ? direct : hub;
}

/* Mean of what is known of the two directions. */
static int64_t
both(int64_t x, int64_t y)
{
	if (x < 0 || y < 0)
		return x < 0 ? y : x;
	return (x + y) / 2;
}

/* Of the two directions together; negative = unknown. */
static double
loss_of(const struct measure_row *there, const struct measure_row *back)
{
	uint64_t sent = (uint64_t)(there ? there->sent : 0) + (back ? back->sent : 0);
	uint64_t lost = (uint64_t)(there ? there->lost : 0) + (back ? back->lost : 0);

	return sent ? (double)lost / (double)sent : -1;
}

static void
fill_now(const struct report_view *v, struct report_line *l)
{
	const struct measure_row *there = report_view_row(&v->now, l->a, l->b);
	const struct measure_row *back = report_view_row(&v->now, l->b, l->a);

	if (!there && !back)
		return;
	if (there && back && there->path != back->path)
		l->now = REPORT_HALF;
	else
		l->now = (there ? there : back)->path == PATH_HUB ? REPORT_HUB
								  : REPORT_DIRECT;
	l->now_us = both(there ? there->p50_us : -1, back ? back->p50_us : -1);
	l->p95_us = both(there ? there->p95_us : -1, back ? back->p95_us : -1);
	l->jitter_us = both(there ? there->jitter_us : -1, back ? back->jitter_us : -1);
	l->loss = loss_of(there, back);
}

static void
fill_before(const struct report_view *v, struct report_line *l)
{
	const struct measure_row *there = report_view_row(&v->before, l->a, l->b);
	const struct measure_row *back = report_view_row(&v->before, l->b, l->a);

	l->before_us = both(there ? there->p50_us : -1, back ? back->p50_us : -1);
	l->before_loss = loss_of(there, back);
}

static int
by_saving(const void *x, const void *y)
{
	const struct report_line *p = x, *q = y;
	bool known_p = p->hub_us >= 0 && p->direct_us >= 0;
	bool known_q = q->hub_us >= 0 && q->direct_us >= 0;
	int64_t u = p->hub_us - p->direct_us, w = q->hub_us - q->direct_us;
	int r;

	if (known_p != known_q)
		return known_p ? -1 : 1;
	if (known_p && u != w)
		return u > w ? -1 : 1;
	r = strcmp(p->a, q->a);
	return r ? r : strcmp(p->b, q->b);
}

static double
mean_of(double sum, size_t n)
{
	return n ? sum / (double)n : -1;
}

/* Without a window before the means are over all that are known. */
static void
fill_totals(struct report_view *v)
{
	struct report_totals *t = &v->totals;
	double now = 0, before = 0, loss = 0, loss_before = 0;
	size_t n = 0, n_loss = 0;

	*t = (struct report_totals){ .pairs = v->n_lines };
	for (size_t i = 0; i < v->n_lines; i++) {
		const struct report_line *l = &v->lines[i];

		t->measured += l->now != REPORT_UNKNOWN;
		t->direct += l->now == REPORT_DIRECT;
		if (l->now_us >= 0 && (!v->windowed || l->before_us >= 0)) {
			now += (double)l->now_us / 1000;
			before += (double)l->before_us / 1000;
			n++;
		}
		if (l->loss >= 0 && (!v->windowed || l->before_loss >= 0)) {
			loss += l->loss;
			loss_before += l->before_loss;
			n_loss++;
		}
	}
	t->mean_ms = mean_of(now, n);
	t->loss = mean_of(loss, n_loss);
	t->before_ms = v->windowed ? mean_of(before, n) : -1;
	t->before_loss = v->windowed ? mean_of(loss_before, n_loss) : -1;
}

void
report_view_init(struct report_view *v, const struct input *in,
    const struct measure *before)
{
	const struct instance *instance = in->instance;

	*v = (struct report_view){ .in = in,
		.newest_s = -1,
		.windowed = before != NULL };
	measure_index_init(&v->now, in->measure);
	measure_index_init(&v->before, before);
	for (size_t i = 0; i < v->now.n; i++)
		if (v->newest_s < 0 || v->now.rows[i]->age_s < v->newest_s)
			v->newest_s = v->now.rows[i]->age_s;
	v->lines = mem_array(instance->n_pairs, sizeof(*v->lines));
	for (size_t i = 0; i < instance->n_pairs; i++) {
		const struct pair *p = &instance->pairs[i];
		struct report_line *l = &v->lines[v->n_lines++];

		*l = (struct report_line){ instance->nodes[p->a].name,
			instance->nodes[p->b].name, REPORT_UNKNOWN, -1, p->hub_us,
			p->direct_us, -1, -1, -1, -1, -1 };
		fill_now(v, l);
		fill_before(v, l);
	}
	if (v->n_lines)
		qsort(v->lines, v->n_lines, sizeof(*v->lines), by_saving);
	fill_totals(v);
}

void
report_view_fini(struct report_view *v)
{
	measure_index_fini(&v->now);
	measure_index_fini(&v->before);
	free(v->lines);
}

/* How much a line belongs into that list; 0 = not at all. */
static double
rank(const struct report_line *l, enum report_order order)
{
	double change = 0;

	switch (order) {
	case REPORT_WORST:
		return l->loss >= 1 ? INFINITY : l->p95_us > 0 ? (double)l->p95_us : 0;
	case REPORT_GAIN:
		if (l->now == REPORT_DIRECT || l->hub_us < 0 || l->direct_us < 0 ||
		    l->hub_us - l->direct_us < REPORT_GAIN_US)
			return 0;
		return (double)(l->hub_us - l->direct_us);
	case REPORT_CHANGE:
		if (l->now_us >= 0 && l->before_us >= 0)
			change = fabs((double)(l->now_us - l->before_us));
		if (change < REPORT_CHANGE_US || change * 10 < (double)l->before_us)
			change = 0;
		/* A percent of loss weighs as much as 10 ms. */
		if (l->loss >= 0 && l->before_loss >= 0 &&
		    fabs(l->loss - l->before_loss) >= REPORT_CHANGE_LOSS)
			change += fabs(l->loss - l->before_loss) * 1e6;
		return change;
	}
	return 0;
}

/* Insertion into a short list: max is ten, the lines may be half a million. */
size_t
report_view_top(const struct report_view *v, enum report_order order, size_t *out,
    size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_lines; i++) {
		double r = rank(&v->lines[i], order);
		size_t at = n;

		while (at > 0 && r > rank(&v->lines[out[at - 1]], order))
			at--;
		if (r <= 0 || at == max)
			continue;
		if (n < max)
			n++;
		memmove(out + at + 1, out + at, (n - 1 - at) * sizeof(*out));
		out[at] = i;
	}
	return n;
}
