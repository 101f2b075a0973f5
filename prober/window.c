/* SPDX-License-Identifier: MIT */
/*
 * The windows are a list from the oldest to the open one, seldom longer than two or
 * three; a sequence number finds its window because windows are runs of them.
 */
#include "prober/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct row {
	uint32_t sent, lost, late, duplicate, reordered;
	uint32_t samples;
	int64_t min_ns, max_ns, last_ns;
	int64_t sum_ns, diff_ns; /* 60 s x 2^27 samples fit */
	struct sketch rtt;
};

struct window {
	struct window *newer;
	struct window_edge begin;
	struct mono end;
	uint64_t pending;	     /* sent, and neither answered nor lost */
	struct pinger_counts counts; /* within the window; set when it ends */
	/*
	 * By path and peer, n_peers each: of a path that nobody takes no page is ever
	 * touched, which at 5,000 peers saves a third of all.
	 */
	struct row *rows[PATH_COUNT];
	uint32_t n_peers;
};

struct window_set {
	int64_t timeout_ns;
	struct window *oldest, *open;
	uint32_t n_peers; /* the most seen: a new window starts with as many */
	uint64_t dropped; /* local drops told so far */
};

static struct window *
begin(const struct window_set *set, const struct window_edge *edge)
{
	struct window *w = mem_alloc(sizeof(*w));

	w->begin = *edge;
	w->n_peers = set->n_peers;
	for (int path = 0; path < PATH_COUNT; path++)
		w->rows[path] = mem_array(w->n_peers, sizeof(struct row));
	return w;
}

static struct row *
at(const struct window *w, uint32_t row)
{
	return &w->rows[row % PATH_COUNT][row / PATH_COUNT];
}

static void
drop(struct window *w)
{
	for (uint32_t i = 0; i < w->n_peers * PATH_COUNT; i++)
		sketch_fini(&at(w, i)->rtt);
	for (int path = 0; path < PATH_COUNT; path++)
		free(w->rows[path]);
	free(w);
}

struct window_set *
window_new(int64_t timeout_ns, const struct window_edge *edge)
{
	struct window_set *set = mem_alloc(sizeof(*set));

	set->timeout_ns = timeout_ns;
	set->oldest = set->open = begin(set, edge);
	return set;
}

void
window_free(struct window_set *set)
{
	struct window *newer;

	if (!set)
		return;
	for (struct window *w = set->oldest; w; w = newer) {
		newer = w->newer;
		drop(w);
	}
	free(set);
}

void
window_roll(struct window_set *set, const struct window_edge *edge)
{
	struct window *w = set->open;

	w->end = edge->now;
	w->counts.spoofed = edge->counts.spoofed - w->begin.counts.spoofed;
	w->counts.local_drop = edge->counts.local_drop - w->begin.counts.local_drop;
	w->newer = begin(set, edge);
	set->open = w->newer;
}

/* Room for n peers, zeroed; not by realloc(), which would touch all of it. */
static void
grow(struct window *w, uint32_t n)
{
	for (int path = 0; path < PATH_COUNT; path++) {
		struct row *rows = mem_array(n, sizeof(*rows));

		if (w->n_peers)
			memcpy(rows, w->rows[path], w->n_peers * sizeof(*rows));
		free(w->rows[path]);
		w->rows[path] = rows;
	}
	w->n_peers = n;
}

static struct row *
row_of(struct window_set *set, struct window *w, uint32_t row)
{
	uint32_t peer = row / PATH_COUNT;

	if (peer >= w->n_peers)
		grow(w, peer < 2 * w->n_peers ? 2 * w->n_peers : peer + 1);
	if (w->n_peers > set->n_peers)
		set->n_peers = w->n_peers;
	return at(w, row);
}

void
window_sent(struct window_set *set, uint32_t row)
{
	row_of(set, set->open, row)->sent++;
	set->open->pending++;
}

void
window_unsent(struct window_set *set, uint32_t row)
{
	struct row *r = row_of(set, set->open, row);

	assert(r->sent > 0 && set->open->pending > 0);
	r->sent--;
	set->open->pending--;
}

void
window_counts(struct window_set *set, const struct pinger_counts *counts)
{
	set->dropped = counts->local_drop;
}

void
window_unsendable(struct window_set *set, uint32_t row)
{
	struct row *r = row_of(set, set->open, row);

	r->sent++;
	r->lost++;
}

static void
add_sample(struct row *row, int64_t rtt_ns)
{
	if (row->samples == 0 || rtt_ns < row->min_ns)
		row->min_ns = rtt_ns;
	if (rtt_ns > row->max_ns)
		row->max_ns = rtt_ns;
	if (row->samples > 0)
		row->diff_ns += llabs(rtt_ns - row->last_ns);
	row->last_ns = rtt_ns;
	row->sum_ns += rtt_ns;
	row->samples++;
	sketch_add(&row->rtt, rtt_ns, 1);
}

/* The window of a probe; NULL if it has been reported. */
static struct window *
window_of(struct window_set *set, uint64_t seq)
{
	struct window *found = NULL;

	for (struct window *w = set->oldest; w && w->begin.next_seq <= seq;
	     w = w->newer)
		found = w;
	return found;
}

void
window_result(struct window_set *set, const struct pinger_result *r, bool with_rtt)
{
	struct window *w = window_of(set, r->seq);
	struct row *row = row_of(set, w ? w : set->open, r->slot);

	if (r->reordered)
		row->reordered++;
	switch (r->fate) {
	case PINGER_ANSWERED:
	case PINGER_LOST:
		/* A window waits for these, so it is there. */
		assert(w && w->pending > 0);
		w->pending--;
		if (r->fate == PINGER_LOST)
			row->lost++;
		else if (with_rtt && r->rtt_ns > 0)
			add_sample(row, r->rtt_ns);
		break;
	case PINGER_LATE:
		row->late++;
		break;
	case PINGER_DUPLICATE:
		row->duplicate++;
		break;
	case PINGER_UNREACHABLE: /* its fate is open */
	case PINGER_UNSENT:	 /* window_unsent() */
		break;
	}
}

static uint32_t
to_us(int64_t ns)
{
	return (uint32_t)((ns + NS_PER_US / 2) / NS_PER_US);
}

static void
fill_row(struct report_row *out, struct row *row)
{
	out->sent = row->sent;
	out->lost = row->lost;
	out->late = row->late;
	out->duplicate = row->duplicate;
	out->reordered = row->reordered;
	out->min_us = to_us(row->min_ns);
	out->max_us = to_us(row->max_ns);
	if (row->samples > 0)
		out->mean_us = to_us(row->sum_ns / row->samples);
	if (row->samples > 1)
		out->jitter_us = to_us(row->diff_ns / (row->samples - 1));
	out->rtt = row->rtt;
	row->rtt = (struct sketch){ 0 }; /* it has a new owner */
}

/* See window_counts(). */
static void
forgive(const struct window_set *set, struct window *w)
{
	uint64_t dropped = set->dropped - w->begin.counts.local_drop, lost = 0;

	if (dropped == 0)
		return;
	for (uint32_t i = 0; i < w->n_peers * PATH_COUNT; i++)
		lost += at(w, i)->lost;
	for (uint32_t i = 0; i < w->n_peers * PATH_COUNT; i++) {
		struct row *row = at(w, i);

		if (row->lost == row->sent && lost > dropped)
			continue;
		row->sent -= row->lost;
		row->lost = 0;
	}
}

bool
window_is_complete(const struct window_set *set, struct mono now)
{
	const struct window *w = set->oldest;

	return w != set->open && w->pending == 0 &&
	       mono_diff(now, w->end) >= set->timeout_ns;
}

bool
window_take(struct window_set *set, struct mono now, struct report *r,
    window_name_fn *name, const void *ctx)
{
	struct window *w = set->oldest;
	int64_t length_ms;

	if (!window_is_complete(set, now))
		return false;
	set->oldest = w->newer;
	forgive(set, w);
	length_ms = (mono_diff(w->end, w->begin.now) + NS_PER_MS / 2) / NS_PER_MS;
	r->start.ns = w->begin.wall.ns / NS_PER_MS * NS_PER_MS;
	r->length_ms = (uint32_t)(length_ms > 0 ? length_ms : 1);
	r->stamp = w->begin.stamp;
	r->spoofed = w->counts.spoofed;
	r->local_drop = w->counts.local_drop;
	for (uint32_t i = 0; i < w->n_peers * PATH_COUNT; i++) {
		struct row *row = at(w, i);
		struct report_row *out;

		if (!row->sent && !row->late && !row->duplicate)
			continue;
		out = report_add(r);
		(void)strncpy(out->peer, name(i / PATH_COUNT, ctx), MESH_NAME_MAX - 1);
		out->path = i % PATH_COUNT;
		fill_row(out, row);
	}
	drop(w);
	return true;
}

bool
window_next(const struct window_set *set, struct mono *when)
{
	if (set->oldest == set->open)
		return false;
	*when = mono_add(set->oldest->end, set->timeout_ns);
	return true;
}
