/* SPDX-License-Identifier: MIT */
/*
 * Rows are found by a hash of (peer, path); but a prober's reports have the same rows
 * in the same order mostly, so the row after the last one found is tried first.
 */
#include "collector/rollup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define SLOTS_MIN 64 /* a power of two; kept at least half empty */

/* A row and what its mean and jitter are made of in the end. */
struct part {
	struct report_row row;
	uint64_t rtt_us, jitter_us, samples; /* sums over the samples */
};

struct rollup {
	struct report report; /* rows only in the end */
	struct part *parts;   /* owned */
	size_t n, cap;
	uint32_t *slots; /* owned; number of a part + 1, 0 = empty */
	size_t n_slots;
	size_t next; /* try this part first */
	size_t count;
	int64_t end_ms; /* of the report that boot and seq are of */
};

struct rollup *
rollup_new(const char *node, struct wall start, uint32_t length_ms)
{
	struct rollup *u = mem_alloc(sizeof(*u));

	(void)snprintf(u->report.node, sizeof(u->report.node), "%s", node); /* fits */
	u->report.start = start;
	u->report.length_ms = length_ms;
	u->report.stamp = STAMP_COUNT - 1;
	u->n_slots = SLOTS_MIN;
	u->slots = mem_array(u->n_slots, sizeof(*u->slots));
	return u;
}

void
rollup_free(struct rollup *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		sketch_fini(&u->parts[i].row.rtt);
	report_fini(&u->report);
	free(u->parts);
	free(u->slots);
	free(u);
}

size_t
rollup_count(const struct rollup *u)
{
	return u->count;
}

static uint32_t
add_u32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* Both below 2^63, and so is the sum. */
static uint64_t
add_u63(uint64_t a, uint64_t b)
{
	return a + b > INT64_MAX ? INT64_MAX : a + b;
}

static bool
same(const struct report_row *a, const struct report_row *b)
{
	return a->path == b->path && strcmp(a->peer, b->peer) == 0;
}

/* FNV-1a. */
static size_t
hash(const struct report_row *row)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (unsigned)row->path;

	for (const char *p = row->peer; *p; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

/* Where the row is, or the empty slot where it belongs. */
static uint32_t *
slot_of(const struct rollup *u, const struct report_row *row)
{
	size_t at = hash(row) & (u->n_slots - 1);

	while (u->slots[at] && !same(&u->parts[u->slots[at] - 1].row, row))
		at = (at + 1) & (u->n_slots - 1);
	return &u->slots[at];
}

static void
grow(struct rollup *u)
{
	u->cap = u->cap ? 2 * u->cap : SLOTS_MIN / 2;
	u->parts = mem_grow(u->parts, u->cap, sizeof(*u->parts));
	if (2 * u->cap <= u->n_slots)
		return;
	free(u->slots);
	u->n_slots = 2 * u->cap;
	u->slots = mem_array(u->n_slots, sizeof(*u->slots));
	for (uint32_t i = 0; i < u->n; i++)
		*slot_of(u, &u->parts[i].row) = i + 1;
}

/* The part of a row, new if need be; NULL if there are too many. */
static struct part *
part_of(struct rollup *u, const struct report_row *row)
{
	uint32_t *slot;
	struct part *part;

	if (u->next < u->n && same(&u->parts[u->next].row, row))
		return &u->parts[u->next];
	slot = slot_of(u, row);
	if (*slot)
		return &u->parts[*slot - 1];
	if (u->n == REPORT_ROWS_MAX)
		return NULL;
	if (u->n == u->cap) {
		grow(u);
		slot = slot_of(u, row);
	}
	part = &u->parts[u->n];
	*part = (struct part){ .row.path = row->path };
	memcpy(part->row.peer, row->peer, sizeof(part->row.peer));
	*slot = (uint32_t)++u->n;
	return part;
}

static void
add_row(struct rollup *u, const struct report_row *row)
{
	struct part *part = part_of(u, row);
	uint64_t samples = sketch_count(&row->rtt);
	struct report_row *sum;

	if (!part || row->sent > UINT32_MAX - part->row.sent)
		return;
	sum = &part->row;
	u->next = (size_t)(part - u->parts) + 1;
	sum->sent += row->sent;
	sum->lost += row->lost; /* no more than sent */
	sum->late = add_u32(sum->late, row->late);
	sum->duplicate = add_u32(sum->duplicate, row->duplicate);
	sum->reordered = add_u32(sum->reordered, row->reordered);
	if (samples == 0)
		return;
	if (part->samples == 0 || row->min_us < sum->min_us)
		sum->min_us = row->min_us;
	if (row->max_us > sum->max_us)
		sum->max_us = row->max_us;
	/* 2^32 samples of 60 s at most: below 2^58. */
	part->rtt_us += row->mean_us * samples;
	part->jitter_us += row->jitter_us * samples;
	part->samples += samples;
	sketch_merge(&sum->rtt, &row->rtt);
}

static void
add_head(struct rollup *u, const struct report *r)
{
	int64_t end_ms = r->start.ns / NS_PER_MS + r->length_ms;

	if (u->count == 0 || end_ms > u->end_ms) {
		u->report.boot = r->boot;
		u->report.seq = r->seq;
		u->end_ms = end_ms;
	}
	if (r->stamp < u->report.stamp)
		u->report.stamp = r->stamp;
	u->report.spoofed = add_u63(u->report.spoofed, r->spoofed);
	u->report.local_drop = add_u63(u->report.local_drop, r->local_drop);
	u->count++;
	u->next = 0;
}

void
rollup_add(struct rollup *u, const struct report *r)
{
	add_head(u, r);
	for (size_t i = 0; i < r->n_rows; i++)
		add_row(u, &r->rows[i]);
}

int
rollup_add_body(struct rollup *u, const uint8_t *body, size_t len, size_t *n_rows)
{
	struct report_walk w = { 0 };
	int r = report_walk_start(&w, body, len, NULL);

	/* Once to judge it, since nothing can be taken out again, and once to add. */
	while (r >= 0 && (r = report_walk_next(&w, NULL)) > 0)
		;
	*n_rows = w.n_rows;
	if (r == 0)
		r = report_walk_start(&w, body, len, NULL);
	if (r == 0)
		add_head(u, &w.head);
	w.trusted = true;
	while (r >= 0 && (r = report_walk_next(&w, NULL)) > 0)
		add_row(u, &w.row);
	report_walk_fini(&w);
	return r;
}

static int
by_name(const void *a, const void *b)
{
	const struct report_row *x = &((const struct part *)a)->row;
	const struct report_row *y = &((const struct part *)b)->row;
	int order = strcmp(x->peer, y->peer);

	return order ? order : (int)x->path - (int)y->path;
}

const struct report *
rollup_report(struct rollup *u)
{
	if (u->report.n_rows > 0)
		return &u->report; /* made before */
	if (u->n > 0)
		qsort(u->parts, u->n, sizeof(*u->parts), by_name);
	for (size_t i = 0; i < u->n; i++) {
		struct part *part = &u->parts[i];
		struct report_row *row = report_add(&u->report);

		*row = part->row;
		part->row.rtt = (struct sketch){ 0 }; /* it is the row's now */
		if (part->samples == 0)
			continue;
		row->mean_us =
		    (uint32_t)((part->rtt_us + part->samples / 2) / part->samples);
		row->jitter_us =
		    (uint32_t)((part->jitter_us + part->samples / 2) / part->samples);
	}
	return &u->report;
}
