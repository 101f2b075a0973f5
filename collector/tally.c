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
#include "common/report_scan.h"

/* Buckets by which an array grows beyond what is needed: an eighth of an octave. */
#define SLACK 4
/* Peers by which cells are fetched ahead; so many are there beyond the last. */
#define AHEAD 2

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
	struct cell **cells; /* owned; [src - first][rank of dst * PATH_COUNT + path] */
	int64_t end_ns;	     /* of the report that is added */
	struct report_scan scan;
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
add_times(struct cell *cell, const struct report_scan *row)
{
	const struct sketch_bucket *b = row->buckets;

	reach(cell, b[0].index, b[row->n - 1].index);
	for (size_t i = 0; i < row->n; i++) {
		uint32_t *count = &cell->counts[b[i].index - cell->base];

		*count =
		    *count > UINT32_MAX - b[i].count ? UINT32_MAX : *count + b[i].count;
	}
	if (!cell->samples || row->min_us < cell->min_us)
		cell->min_us = row->min_us;
	if (!cell->samples || row->max_us > cell->max_us)
		cell->max_us = row->max_us;
	cell->samples += row->samples;
	cell->rtt_us += row->mean_us * row->samples;
	cell->jitter_us += row->jitter_us * row->samples;
}

/*
 * The cells of 100 sources pass through the cache once a minute of reports: half the
 * time went into waiting for them.  A report has its peers in the order of the cells,
 * so the one after the next is fetched, and the counts of the next.
 */
static inline void
fetch_ahead(const struct cell *cell)
{
	const uint32_t *counts = cell[PATH_COUNT].counts;

	__builtin_prefetch(&cell[AHEAD * PATH_COUNT], 1);
	__builtin_prefetch(counts, 1);
	if (counts)
		__builtin_prefetch(counts + 64 / sizeof(*counts), 1);
}

static void
add_row(struct tally *t, struct cell *cell, const struct report_scan *row)
{
	fetch_ahead(cell);
	cell->sent += row->sent;
	cell->lost += row->lost;
	if (row->n)
		add_times(cell, row);
	if (t->end_ns > cell->last.ns)
		cell->last.ns = t->end_ns;
}

int
tally_add(struct tally *t, size_t src, const uint8_t *body, size_t len)
{
	const struct roster *roster = t->opts.roster;
	struct report_scan *s = &t->scan;
	size_t rank = SIZE_MAX, known = SIZE_MAX, group = 0, at = src - t->opts.first;
	struct cell *cells;
	int r = report_scan_start(s, body, len, t->opts.paths);

	assert(src >= t->opts.first && at < t->opts.n);
	if (!t->cells[at])
		t->cells[at] =
		    mem_array(t->n_cells + AHEAD * PATH_COUNT, sizeof(struct cell));
	cells = t->cells[at];
	t->end_ns = s->walk.head.start.ns + s->walk.head.length_ms * NS_PER_MS;
	while (r >= 0 && (r = report_scan_next(s)) > 0) {
		if (s->group != group) {
			group = s->group;
			rank = roster_after(roster, s->peer, s->peer_len, known);
			if (rank != SIZE_MAX)
				known = rank;
		}
		if (rank != SIZE_MAX && s->path < PATH_COUNT)
			add_row(t, &cells[rank * PATH_COUNT + (size_t)s->path], s);
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
	cell = &cells[t->opts.roster->rank[key->dst] * PATH_COUNT + (size_t)key->path];
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
		sketch_append(&out->rtt, cell->base + i, cell->counts[i]);
	return cell->sent > 0;
}
