/* SPDX-License-Identifier: MIT */
/*
 * A sample is known by its bucket in the sketch; that goes whole to the side of a bound
 * on which its middle lies, so a count is off by samples within 1.1 % of the bound.
 */
#include "prober/totals.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FIRST_US 50

void
totals_fini(struct totals *t)
{
	free(t->rows);
	*t = (struct totals){ 0 };
}

int64_t
totals_bound_us(unsigned bucket)
{
	return (int64_t)FIRST_US << bucket;
}

/* The rows of a report come in the same order each time: the next is a good guess. */
static struct totals_row *
row_of(struct totals *t, const struct report_row *like, size_t guess)
{
	for (size_t i = 0; i < t->n; i++) {
		struct totals_row *row = &t->rows[(guess + i) % t->n];

		if (row->path == like->path && strcmp(row->peer, like->peer) == 0)
			return row;
	}
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->rows = mem_grow(t->rows, t->cap, sizeof(*t->rows));
	}
	t->rows[t->n] = (struct totals_row){ .path = like->path };
	memcpy(t->rows[t->n].peer, like->peer, sizeof(like->peer));
	return &t->rows[t->n++];
}

static unsigned
bucket_of(unsigned index)
{
	int64_t low = index ? sketch_bound_ns(index - 1) : 0;
	int64_t middle_ns = low + (sketch_bound_ns(index) - low) / 2;
	unsigned b = 0;

	while (b < TOTALS_BUCKETS - 1 && middle_ns > totals_bound_us(b) * NS_PER_US)
		b++;
	return b;
}

static void
add_row(struct totals_row *to, const struct report_row *from)
{
	uint64_t samples = sketch_count(&from->rtt);

	to->sent += from->sent;
	to->answered += report_answered(from);
	to->late += from->late;
	to->duplicate += from->duplicate;
	to->reordered += from->reordered;
	to->samples += samples;
	to->sum_us += samples * from->mean_us;
	for (size_t i = 0; i < from->rtt.n; i++)
		to->buckets[bucket_of(from->rtt.buckets[i].index)] +=
		    from->rtt.buckets[i].count;
}

void
totals_add(struct totals *t, const struct report *r)
{
	size_t kept = 0, guess = 0;

	t->reports++;
	t->spoofed += r->spoofed;
	t->local_drop += r->local_drop;
	for (size_t i = 0; i < r->n_rows; i++) {
		struct totals_row *row = row_of(t, &r->rows[i], guess);

		row->last = t->reports;
		add_row(row, &r->rows[i]);
		guess = (size_t)(row - t->rows) + 1;
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->reports - t->rows[i].last < TOTALS_FORGET_REPORTS)
			t->rows[kept++] = t->rows[i];
	t->n = kept;
}

struct totals_row
totals_of_path(const struct totals *t, enum path path)
{
	struct totals_row sum = { .path = path };

	for (size_t i = 0; i < t->n; i++) {
		const struct totals_row *row = &t->rows[i];

		if (row->path != path)
			continue;
		sum.sent += row->sent;
		sum.answered += row->answered;
		sum.late += row->late;
		sum.duplicate += row->duplicate;
		sum.reordered += row->reordered;
		sum.samples += row->samples;
		sum.sum_us += row->sum_us;
		for (unsigned b = 0; b < TOTALS_BUCKETS; b++)
			sum.buckets[b] += row->buckets[b];
	}
	return sum;
}
