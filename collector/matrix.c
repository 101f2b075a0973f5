/* SPDX-License-Identifier: MIT */
/*
 * A slot is the packed rows of one source, sorted by place: the rank of the peer's name
 * among all names, and the path.  That is the order in which probers write their rows,
 * so a report is merged in one pass over both, into a new block.
 *
 * The thread that adds is the only one that changes slots, so it reads them as it likes
 * and takes the lock of the source for the exchange of a block alone.  Who asks holds
 * the lock of the view, and that of a source while it unpacks its slots.
 */
#include "collector/matrix.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "collector/packed.h"

/* With the defaults, 5 min of 10 s reports, a slot is one report: nothing is blurred.
 */
#define SLOTS_MAX 30
/* What the slots of a full mesh may take, at so many bytes and rows a pair. */
#define BUDGET_BYTES (100 * 1000 * 1000)
#define PAIR_BYTES   (2 * 24)
/* One for the window's ragged end, one for a clock that runs ahead. */
#define SLOTS_SPARE 2
/* Blocks grow in steps, so that the heap is not worn by a block a report. */
#define BLOCK_STEP 4096

struct slot {
	int64_t index;	  /* time / slot_ns, -1 = empty */
	struct wall last; /* start of the newest report in it */
	uint8_t *bytes;	  /* owned */
	size_t len, cap;
};

struct source {
	pthread_mutex_t lock;
	uint64_t version;   /* counts changes */
	struct slot *slots; /* owned; slot index modulo their number.  NULL = none */
};

/* A source as it was asked for last, unpacked. */
struct view {
	pthread_mutex_t lock;
	size_t src; /* SIZE_MAX = none */
	uint64_t version;
	int64_t since; /* slot index */
	struct place {
		struct packed sum;
		struct wall last; /* 0 = no row */
	} * places;		  /* owned; a source's */
	struct packed row;
};

/* A report on its way into a slot: the slot's old rows, merged with it into a block. */
struct pass {
	struct wire_in in;    /* what the slot had */
	struct wire_out out;  /* to scratch */
	size_t in_at, out_at; /* places read and written last */
	bool has_old;	      /* m->old is the next row of `in` */
	/* ms before the newest report, of the new rows; what the old ones gain. */
	uint64_t age, aging;
	size_t rank; /* of the peer met last */
	struct source *source;
	struct slot *slot;
	struct wall last; /* of the slot, in the end */
};

struct matrix {
	const struct roster *roster; /* borrowed */
	int64_t window_ns, slot_ns;
	size_t n_slots, n_places;
	struct source *sources; /* owned */
	struct view view;
	/* Of the thread that adds. */
	uint8_t *scratch; /* owned */
	size_t scratch_cap;
	struct packed old, new;
	struct report_walk walk;
};

unsigned
matrix_slots(size_t n_nodes)
{
	size_t n = n_nodes ? BUDGET_BYTES / PAIR_BYTES / n_nodes / n_nodes : SLOTS_MAX;

	return n > SLOTS_MAX ? SLOTS_MAX : n < 1 ? 1 : (unsigned)n;
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
	m->n_places = n_nodes * PATH_COUNT;
	m->sources = mem_array(n_nodes, sizeof(*m->sources));
	for (size_t i = 0; i < n_nodes; i++)
		pthread_mutex_init(&m->sources[i].lock, NULL);
	m->view.places = mem_array(m->n_places, sizeof(*m->view.places));
	m->view.src = SIZE_MAX;
	pthread_mutex_init(&m->view.lock, NULL);
	return m;
}

void
matrix_free(struct matrix *m)
{
	if (!m)
		return;
	for (size_t src = 0; src < m->roster->mesh->n_nodes; src++) {
		struct source *s = &m->sources[src];

		for (size_t i = 0; s->slots && i < m->n_slots; i++)
			free(s->slots[i].bytes);
		free(s->slots);
		pthread_mutex_destroy(&s->lock);
	}
	free(m->sources);
	for (size_t i = 0; i < m->n_places; i++)
		packed_fini(&m->view.places[i].sum);
	free(m->view.places);
	packed_fini(&m->view.row);
	pthread_mutex_destroy(&m->view.lock);
	free(m->scratch);
	packed_fini(&m->old);
	packed_fini(&m->new);
	report_walk_fini(&m->walk);
	free(m);
}

int64_t
matrix_window_ns(const struct matrix *m)
{
	return m->window_ns;
}

/*
 * The slot of an index, emptied if it was of an older one; NULL if of a newer.  Frees
 * what no query reaches any more.
 */
static struct slot *
slot_at(const struct matrix *m, struct source *s, int64_t index)
{
	struct slot *slot;

	if (!s->slots) {
		s->slots = mem_array(m->n_slots, sizeof(*s->slots));
		for (size_t i = 0; i < m->n_slots; i++)
			s->slots[i].index = -1;
	}
	slot = &s->slots[(size_t)index % m->n_slots];
	if (slot->index > index)
		return NULL; /* from a spool: older than anything asked for */
	if (slot->index == index)
		return slot;
	slot->index = index;
	for (size_t i = 0; i < m->n_slots; i++) {
		struct slot *other = &s->slots[i];

		if (other != slot &&
		    other->index >= index - (int64_t)(m->n_slots - SLOTS_SPARE))
			continue;
		free(other->bytes);
		*other = (struct slot){ .index = other == slot ? index : -1 };
	}
	return slot;
}

/* Room in scratch for one more row. */
static void
reserve(struct matrix *m, struct pass *p)
{
	size_t used = p->out.p ? (size_t)(p->out.p - m->scratch) : 0;

	if (m->scratch_cap - used < PACKED_BYTES_MAX) {
		m->scratch_cap = 2 * m->scratch_cap + PACKED_BYTES_MAX;
		m->scratch = mem_grow(m->scratch, m->scratch_cap, 1);
	}
	p->out.p = m->scratch + used;
	p->out.end = m->scratch + m->scratch_cap;
}

static void
put(struct matrix *m, struct pass *p, const struct packed *row)
{
	reserve(m, p);
	packed_put(&p->out, row, &p->out_at);
}

static void
next_old(struct matrix *m, struct pass *p)
{
	p->has_old = packed_get(&p->in, &m->old, &p->in_at);
	m->old.old_ms += p->aging;
}

/* Read the slot from its beginning, and write what it will be. */
static void
rewind_pass(struct matrix *m, struct pass *p)
{
	p->in = (struct wire_in){ .p = p->slot->bytes,
		.end = p->slot->bytes + p->slot->len };
	p->out = (struct wire_out){ 0 };
	p->in_at = p->out_at = 0;
	reserve(m, p);
	next_old(m, p);
}

/* False if the report is too old for any slot. */
static bool
pass_start(struct matrix *m, struct pass *p, size_t src, struct wall start)
{
	struct source *s = &m->sources[src];

	assert(src < m->roster->mesh->n_nodes);
	*p = (struct pass){ .source = s, .last = start };
	if (start.ns < 0)
		return false;
	pthread_mutex_lock(&s->lock);
	p->slot = slot_at(m, s, start.ns / m->slot_ns);
	pthread_mutex_unlock(&s->lock);
	if (!p->slot)
		return false;
	if (p->slot->last.ns > start.ns) {
		p->last = p->slot->last;
		p->age = (uint64_t)((p->last.ns - start.ns) / NS_PER_MS);
	} else {
		p->aging = (uint64_t)((start.ns - p->slot->last.ns) / NS_PER_MS);
	}
	rewind_pass(m, p);
	return true;
}

static void
pass_end(struct matrix *m, struct pass *p)
{
	struct slot *slot = p->slot;
	size_t len, cap;

	for (; p->has_old; next_old(m, p))
		put(m, p, &m->old);
	len = (size_t)(p->out.p - m->scratch);
	cap = (len / BLOCK_STEP + 1) * BLOCK_STEP;
	pthread_mutex_lock(&p->source->lock);
	if (cap != slot->cap) {
		free(slot->bytes);
		slot->bytes = mem_alloc(cap);
		slot->cap = cap;
	}
	memcpy(slot->bytes, m->scratch, len);
	slot->len = len;
	slot->last = p->last;
	p->source->version++;
	pthread_mutex_unlock(&p->source->lock);
}

/* A row of the report into its place among the old ones. */
static void
pass_row(struct matrix *m, struct pass *p, const struct report_row *row)
{
	size_t rank = roster_rank(m->roster, row->peer, p->rank);

	if (rank == SIZE_MAX ||
	    m->roster->by_name[rank] == (size_t)(p->source - m->sources))
		return;
	p->rank = rank;
	packed_from_row(&m->new, row);
	m->new.at = rank *PATH_COUNT + (size_t)row->path;
	m->new.old_ms = p->age;
	if (m->new.at < p->out_at) { /* out of order: once more from the beginning */
		pass_end(m, p);
		p->aging = 0;
		rewind_pass(m, p);
	}
	for (; p->has_old && m->old.at < m->new.at; next_old(m, p))
		put(m, p, &m->old);
	if (p->has_old && m->old.at == m->new.at) {
		packed_merge(&m->new, &m->old);
		next_old(m, p);
	}
	put(m, p, &m->new);
}

static int
by_order(const void *a, const void *b)
{
	return report_row_order(*(const struct report_row *const *)a,
	    *(const struct report_row *const *)b);
}

void
matrix_add(struct matrix *m, size_t src, const struct report *r)
{
	const struct report_row **rows;
	struct pass p;

	if (!pass_start(m, &p, src, r->start))
		return;
	rows = mem_array(r->n_rows + 1, sizeof(*rows));
	for (size_t i = 0; i < r->n_rows; i++)
		rows[i] = &r->rows[i];
	qsort(rows, r->n_rows, sizeof(*rows), by_order);
	for (size_t i = 0; i < r->n_rows; i++)
		pass_row(m, &p, rows[i]);
	pass_end(m, &p);
	free(rows);
}

void
matrix_add_body(struct matrix *m, size_t src, const uint8_t *body, size_t len)
{
	struct report_walk *w = &m->walk;
	struct report whole;
	struct pass p;

	if (report_walk_start(w, body, len, NULL) < 0 ||
	    !pass_start(m, &p, src, w->head.start))
		return;
	w->trusted = true;
	while (w->ordered && report_walk_next(w, NULL) > 0)
		if (w->ordered)
			pass_row(m, &p, &w->row);
	if (w->ordered) {
		pass_end(m, &p);
		return;
	}
	/* No prober writes its rows so: nothing of it was taken in yet. */
	if (report_decode(&whole, body, len, NULL) == 0)
		matrix_add(m, src, &whole);
	report_fini(&whole);
}

/* What a source's slots from an index on have, merged by place. */
static void
unpack(struct view *v, const struct matrix *m, const struct source *s)
{
	for (size_t i = 0; i < m->n_places; i++) {
		packed_clear(&v->places[i].sum);
		v->places[i].last.ns = 0;
	}
	for (size_t i = 0; s->slots && i < m->n_slots; i++) {
		const struct slot *slot = &s->slots[i];
		struct wire_in in = { .p = slot->bytes,
			.end = slot->bytes + slot->len };
		size_t at = 0;

		if (slot->index < v->since || !slot->bytes)
			continue;
		while (packed_get(&in, &v->row, &at)) {
			struct place *place = &v->places[at];
			int64_t last =
			    slot->last.ns - (int64_t)v->row.old_ms * NS_PER_MS;

			packed_merge(&place->sum, &v->row);
			if (last > place->last.ns)
				place->last.ns = last;
		}
	}
}

bool
matrix_get(struct matrix *m, const struct matrix_key *key, struct wall since,
    struct report_row *out, struct wall *last)
{
	const size_t n_nodes = m->roster->mesh->n_nodes;
	struct source *s = &m->sources[key->src];
	struct view *v = &m->view;
	int64_t from = since.ns / m->slot_ns;
	const struct place *place;

	assert(key->src < n_nodes && key->dst < n_nodes);
	pthread_mutex_lock(&v->lock);
	pthread_mutex_lock(&s->lock);
	if (v->src != key->src || v->version != s->version || v->since != from) {
		v->src = key->src;
		v->version = s->version;
		v->since = from;
		unpack(v, m, s);
	}
	pthread_mutex_unlock(&s->lock);
	place = &v->places[m->roster->rank[key->dst] * PATH_COUNT + (size_t)key->path];
	packed_to_row(&place->sum, out);
	*last = place->last;
	pthread_mutex_unlock(&v->lock);
	return out->sent > 0;
}
