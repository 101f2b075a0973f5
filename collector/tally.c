/* SPDX-License-Identifier: MIT */
/*
 * A cell keeps the counts of the buckets from its lowest to its highest as an array:
 * adding a row is then an addition a bucket, where merging two sorted lists moves
 * everything each time.  RTTs of one pair lie close together, so the array is short.
 */
#include "collector/tally.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Buckets by which an array grows beyond what is needed: an eighth of an octave. */
#define SLACK 4

struct cell {
	uint64_t sent, lost, samples, rtt_us, jitter_us;
	uint32_t min_us, max_us; /* if samples */
	uint16_t base, n;	 /* counts[i] is of bucket base + i */
	uint32_t *counts;	 /* owned */
	struct wall last;
};

struct tally {
	struct tally_opts opts;
	size_t n_cells;	     /* of a source */
	struct cell **cells; /* owned; [src - first][dst * PATH_COUNT + path] */
	struct report_walk walk;
};

struct tally *
tally_new(const struct tally_opts *opts)
{
	struct tally *t = mem_alloc(sizeof(*t));

	t->opts = *opts;
	t->n_cells = opts->roster->mesh->n_nodes * PATH_COUNT;
	t->cells = mem_array(opts->n, sizeof(struct cell *));
	return t;
}

void
tally_free(struct tally *t)
{
	if (!t)
		return;
	for (size_t src = 0; src < t->opts.n; src++) {
		for (size_t i = 0; t->cells[src] && i < t->n_cells; i++)
			free(t->cells[src][i].counts);
		free(t->cells[src]);
	}
	free(t->cells);
	report_walk_fini(&t->walk);
	free(t);
}

/* Make the array reach from bucket lo to bucket hi. */
static void
reach(struct cell *cell, unsigned lo, unsigned hi)
{
	unsigned from = cell->n ? cell->base : lo, to = cell->n ? from + cell->n : lo;
	uint32_t *counts;

	if (cell->n && lo >= from && hi < to)
		return;
	if (!cell->n || lo < from)
		from = lo > SLACK ? lo - SLACK : 0;
	if (hi >= to)
		to = hi + SLACK < SKETCH_BUCKETS ? hi + SLACK + 1 : SKETCH_BUCKETS;
	counts = mem_array(to - from, sizeof(*counts));
	if (cell->n)
		memcpy(counts + (cell->base - from), cell->counts,
		    cell->n * sizeof(*counts));
	free(cell->counts);
	cell->counts = counts;
	cell->base = (uint16_t)from;
	cell->n = (uint16_t)(to - from);
}

static void
add_times(struct cell *cell, const struct report_row *row)
{
	const struct sketch_bucket *b = row->rtt.buckets;
	uint64_t samples = 0;

	reach(cell, b[0].index, b[row->rtt.n - 1].index);
	for (size_t i = 0; i < row->rtt.n; i++) {
		uint32_t *count = &cell->counts[b[i].index - cell->base];

		*count =
		    *count > UINT32_MAX - b[i].count ? UINT32_MAX : *count + b[i].count;
		samples += b[i].count;
	}
	if (!cell->samples || row->min_us < cell->min_us)
		cell->min_us = row->min_us;
	if (!cell->samples || row->max_us > cell->max_us)
		cell->max_us = row->max_us;
	cell->samples += samples;
	cell->rtt_us += row->mean_us * samples;
	cell->jitter_us += row->jitter_us * samples;
}

static void
add_row(struct tally *t, struct cell *cells, size_t dst, const struct report_row *row)
{
	struct cell *cell = &cells[dst * PATH_COUNT + (size_t)row->path];
	int64_t end_ns = t->walk.head.start.ns + t->walk.head.length_ms * NS_PER_MS;

	cell->sent += row->sent;
	cell->lost += row->lost;
	if (row->rtt.n)
		add_times(cell, row);
	if (end_ns > cell->last.ns)
		cell->last.ns = end_ns;
}

int
tally_add(struct tally *t, size_t src, const uint8_t *body, size_t len)
{
	const struct roster *roster = t->opts.roster;
	struct report_walk *w = &t->walk;
	size_t rank = 0, at = src - t->opts.first;
	int r = report_walk_start(w, body, len, NULL);

	assert(src >= t->opts.first && at < t->opts.n);
	if (!t->cells[at])
		t->cells[at] = mem_array(t->n_cells, sizeof(struct cell));
	w->trusted = true; /* it was judged when it came */
	w->skip = ~t->opts.paths;
	while (r >= 0 && (r = report_walk_next(w, NULL)) > 0) {
		if ((unsigned)w->row.path >= PATH_COUNT)
			continue;
		rank = roster_rank(roster, w->row.peer, rank);
		if (rank != SIZE_MAX)
			add_row(t, t->cells[at], roster->by_name[rank], &w->row);
		else
			rank = 0;
	}
	return r < 0 ? -EBADMSG : 0;
}

static uint32_t
saturate(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

bool
tally_get(const struct tally *t, const struct matrix_key *key, struct report_row *out,
    struct wall *last)
{
	const struct cell *cells = t->cells[key->src - t->opts.first], *cell;

	assert(key->src >= t->opts.first && key->src - t->opts.first < t->opts.n);
	sketch_clear(&out->rtt);
	if (!cells)
		return false;
	cell = &cells[key->dst * PATH_COUNT + (size_t)key->path];
	out->sent = saturate(cell->sent);
	out->lost = saturate(cell->lost);
	out->late = out->duplicate = out->reordered = 0;
	out->min_us = cell->min_us;
	out->max_us = cell->max_us;
	out->mean_us = out->jitter_us = 0;
	*last = cell->last;
	if (!cell->samples)
		return cell->sent > 0;
	out->mean_us = (uint32_t)(cell->rtt_us / cell->samples);
	out->jitter_us = (uint32_t)(cell->jitter_us / cell->samples);
	for (unsigned i = 0; i < cell->n; i++)
		sketch_add(&out->rtt, sketch_bound_ns(cell->base + i), cell->counts[i]);
	return cell->sent > 0;
}
