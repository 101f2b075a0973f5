/* SPDX-License-Identifier: MIT */
#include "collector/matrix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* With the defaults, 5 min of 10 s reports, a slot is one report: nothing is blurred.
 */
#define SLOTS_SMALL 30
/* A mesh this big pays with a coarser edge of the window: 50 s of 5 min. */
#define SLOTS_LARGE 6
#define NODES_SMALL 200
/* One for the window's ragged end, one for a clock that runs ahead. */
#define SLOTS_SPARE 2

/*
 * A sketch of 847 buckets, each with a full count, takes 8 bytes a bucket at most; an
 * ordinary one of a slot has 1 to 15 buckets.
 */
#define SKETCH_BYTES_MAX (16 + 8 * SKETCH_BUCKETS)

struct slot {
	int64_t index; /* time / slot_ns, -1 = empty */
	uint32_t sent, lost;
	uint32_t min_us, max_us; /* if there are samples */
	uint32_t samples;
	uint32_t sketch_len;
	uint64_t rtt_us;    /* sum over the samples */
	uint64_t jitter_us; /* likewise */
	uint8_t *sketch;    /* owned; encoded, a fifth of its size in memory */
};

struct cell {
	struct wall last;
	struct slot slots[]; /* slot index modulo their number */
};

struct matrix {
	const struct roster *roster; /* borrowed */
	int64_t window_ns, slot_ns;
	size_t n_slots;
	struct cell ***cells; /* owned; [src], then [dst * PATH_COUNT + path] */
	uint8_t scratch[SKETCH_BYTES_MAX];
};

unsigned
matrix_slots(size_t n_nodes)
{
	return n_nodes <= NODES_SMALL ? SLOTS_SMALL : SLOTS_LARGE;
}

struct matrix *
matrix_new(const struct roster *roster, int64_t window_ns)
{
	struct matrix *m = mem_alloc(sizeof(*m));
	size_t n_nodes = roster->mesh->n_nodes;
	unsigned slots = matrix_slots(n_nodes);

	assert(window_ns > 0);
	m->roster = roster;
	m->window_ns = window_ns;
	m->slot_ns = (window_ns + slots - 1) / slots;
	m->n_slots = slots + SLOTS_SPARE;
	m->cells = mem_array(n_nodes, sizeof(*m->cells));
	return m;
}

static void
cell_free(struct cell *cell, size_t n_slots)
{
	for (size_t i = 0; cell && i < n_slots; i++)
		free(cell->slots[i].sketch);
	free(cell);
}

void
matrix_free(struct matrix *m)
{
	if (!m)
		return;
	for (size_t src = 0; src < m->roster->mesh->n_nodes; src++) {
		for (size_t i = 0;
		     m->cells[src] && i < m->roster->mesh->n_nodes * PATH_COUNT; i++)
			cell_free(m->cells[src][i], m->n_slots);
		free(m->cells[src]);
	}
	free(m->cells);
	free(m);
}

int64_t
matrix_window_ns(const struct matrix *m)
{
	return m->window_ns;
}

static uint32_t
add_u32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static uint64_t
add_u64(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static struct cell *
cell_at(struct matrix *m, size_t src, size_t at)
{
	struct cell **row = m->cells[src];

	if (!row)
		row = m->cells[src] = mem_array(m->roster->mesh->n_nodes * PATH_COUNT,
		    sizeof(struct cell *));
	if (!row[at]) {
		row[at] =
		    mem_alloc(sizeof(struct cell) + m->n_slots * sizeof(struct slot));
		for (size_t i = 0; i < m->n_slots; i++)
			row[at]->slots[i].index = -1;
	}
	return row[at];
}

/* Merge the slot's sketch and the row's, and keep the sum encoded. */
static void
slot_sketch(struct matrix *m, struct slot *slot, const struct sketch *add)
{
	struct sketch sum = { 0 };
	size_t n = 0;

	if (slot->sketch_len &&
	    sketch_decode(&sum, slot->sketch, slot->sketch_len) == 0)
		assert(!"what this module encoded decodes");
	sketch_merge(&sum, add);
	n = sketch_encode(&sum, m->scratch, sizeof(m->scratch));
	assert(n > 0 && n <= UINT32_MAX);
	if (n != slot->sketch_len) {
		free(slot->sketch);
		slot->sketch = mem_alloc(n);
	}
	memcpy(slot->sketch, m->scratch, n);
	slot->sketch_len = (uint32_t)n;
	sketch_fini(&sum);
}

static void
slot_add(struct matrix *m, struct slot *slot, const struct report_row *row)
{
	/* No more than answered, says report_check(). */
	uint32_t samples = (uint32_t)sketch_count(&row->rtt);

	slot->sent = add_u32(slot->sent, row->sent);
	slot->lost = add_u32(slot->lost, row->lost);
	if (samples == 0)
		return;
	if (slot->samples == 0 || row->min_us < slot->min_us)
		slot->min_us = row->min_us;
	if (slot->samples == 0 || row->max_us > slot->max_us)
		slot->max_us = row->max_us;
	slot->rtt_us = add_u64(slot->rtt_us, (uint64_t)row->mean_us * samples);
	slot->jitter_us = add_u64(slot->jitter_us, (uint64_t)row->jitter_us * samples);
	slot->samples = add_u32(slot->samples, samples);
	slot_sketch(m, slot, &row->rtt);
}

void
matrix_add(struct matrix *m, size_t src, const struct report *r)
{
	int64_t index = r->start.ns / m->slot_ns;

	assert(src < m->roster->mesh->n_nodes);
	if (r->start.ns < 0)
		return;
	for (size_t i = 0; i < r->n_rows; i++) {
		const struct report_row *row = &r->rows[i];
		size_t dst = roster_find(m->roster, row->peer);
		struct cell *cell;
		struct slot *slot;

		if (dst == SIZE_MAX || dst == src)
			continue;
		cell = cell_at(m, src, dst * PATH_COUNT + (size_t)row->path);
		slot = &cell->slots[(size_t)index % m->n_slots];
		if (slot->index > index)
			continue; /* from a spool: older than anything asked for */
		if (slot->index < index) {
			free(slot->sketch);
			*slot = (struct slot){ .index = index };
		}
		slot_add(m, slot, row);
		if (r->start.ns > cell->last.ns)
			cell->last = r->start;
	}
}

/* The sums of the slots, as wide as sums need to be. */
struct sum {
	uint64_t rtt_us, jitter_us, samples;
};

static void
merge_slot(const struct slot *slot, struct report_row *out, struct sum *sum)
{
	struct sketch sketch = { 0 };

	out->sent = add_u32(out->sent, slot->sent);
	out->lost = add_u32(out->lost, slot->lost);
	if (slot->samples == 0)
		return;
	if (sum->samples == 0 || slot->min_us < out->min_us)
		out->min_us = slot->min_us;
	if (sum->samples == 0 || slot->max_us > out->max_us)
		out->max_us = slot->max_us;
	sum->rtt_us = add_u64(sum->rtt_us, slot->rtt_us);
	sum->jitter_us = add_u64(sum->jitter_us, slot->jitter_us);
	sum->samples += slot->samples;
	if (sketch_decode(&sketch, slot->sketch, slot->sketch_len) > 0)
		sketch_merge(&out->rtt, &sketch);
	sketch_fini(&sketch);
}

bool
matrix_get(const struct matrix *m, const struct matrix_key *key, struct wall since,
    struct report_row *out, struct wall *last)
{
	const size_t n_nodes = m->roster->mesh->n_nodes;
	const struct cell *cell = NULL;
	struct sum sum = { 0 };

	assert(key->src < n_nodes && key->dst < n_nodes);
	if (m->cells[key->src])
		cell = m->cells[key->src][key->dst * PATH_COUNT + (size_t)key->path];
	if (!cell)
		return false;
	sketch_clear(&out->rtt);
	out->sent = out->lost = out->late = out->duplicate = out->reordered = 0;
	out->min_us = out->mean_us = out->max_us = out->jitter_us = 0;
	for (size_t i = 0; i < m->n_slots; i++)
		if (cell->slots[i].index >= since.ns / m->slot_ns)
			merge_slot(&cell->slots[i], out, &sum);
	if (sum.samples > 0) {
		out->mean_us = (uint32_t)(sum.rtt_us / sum.samples);
		out->jitter_us = (uint32_t)(sum.jitter_us / sum.samples);
	}
	*last = cell->last;
	return out->sent > 0;
}
