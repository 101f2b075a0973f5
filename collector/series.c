/* SPDX-License-Identifier: MIT */
#include "collector/series.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct step {
	struct report_row row; /* but its mean and jitter */
	uint64_t samples, rtt_us, jitter_us;
};

struct series {
	struct series_opts opts;
	struct step *steps; /* owned; [step * PATH_COUNT + path] */
	struct report_walk walk;
};

struct series *
series_new(const struct series_opts *opts)
{
	struct series *s = mem_alloc(sizeof(*s));

	assert(opts->n > 0 && opts->n <= SERIES_STEPS_MAX && opts->step_ns > 0);
	s->opts = *opts;
	s->steps = mem_array(opts->n * PATH_COUNT, sizeof(*s->steps));
	return s;
}

void
series_free(struct series *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->opts.n * PATH_COUNT; i++)
		sketch_fini(&s->steps[i].row.rtt);
	free(s->steps);
	report_walk_fini(&s->walk);
	free(s);
}

static uint32_t
add_u32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void
add_row(struct step *step, const struct report_row *row)
{
	struct report_row *sum = &step->row;
	uint64_t n = sketch_count(&row->rtt);

	sum->sent = add_u32(sum->sent, row->sent);
	sum->lost = add_u32(sum->lost, row->lost);
	if (n == 0)
		return;
	if (!step->samples || row->min_us < sum->min_us)
		sum->min_us = row->min_us;
	if (!step->samples || row->max_us > sum->max_us)
		sum->max_us = row->max_us;
	step->samples += n;
	step->rtt_us += row->mean_us * n;
	step->jitter_us += row->jitter_us * n;
	sketch_merge(&sum->rtt, &row->rtt);
}

int
series_add(struct series *s, const uint8_t *body, size_t len)
{
	struct report_walk *w = &s->walk;
	int r = report_walk_start(w, body, len, NULL);
	int64_t at = w->head.start.ns - s->opts.from.ns;
	struct step *steps;

	if (r < 0)
		return -EBADMSG;
	if (at < 0 || at / s->opts.step_ns >= (int64_t)s->opts.n)
		return 0;
	steps = &s->steps[(size_t)(at / s->opts.step_ns) * PATH_COUNT];
	w->trusted = true; /* it was judged when it came */
	while ((r = report_walk_next(w, NULL)) > 0)
		if ((unsigned)w->row.path < PATH_COUNT &&
		    strcmp(w->row.peer, s->opts.peer) == 0)
			add_row(&steps[w->row.path], &w->row);
	return r < 0 ? -EBADMSG : 0;
}

const struct report_row *
series_get(struct series *s, size_t at, enum path path)
{
	struct step *step = &s->steps[at * PATH_COUNT + (size_t)path];

	assert(at < s->opts.n);
	if (step->row.sent == 0)
		return NULL;
	if (step->samples) {
		step->row.mean_us = (uint32_t)(step->rtt_us / step->samples);
		step->row.jitter_us = (uint32_t)(step->jitter_us / step->samples);
	}
	return &step->row;
}
