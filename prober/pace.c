/* SPDX-License-Identifier: MIT */
/*
 * A binary heap by deadline, of 16 bytes an entry: at 50,000 probes a second one of
 * whole items took a fifteenth of all time.  The hash need not resist anybody: whoever
 * can name nodes is trusted with the roster.
 */
#include "prober/pace.h"

#include <stdlib.h>

#include "common/mem.h"

#define JITTER_PARTS 10 /* +- one tenth of the period, against mesh-wide lockstep */

struct item {
	uint64_t key;
	uint32_t id;
	uint32_t k; /* of the coming probe; at 10 ms, two years */
};

struct entry {
	int64_t due_ns; /* of CLOCK_MONOTONIC */
	uint32_t item;
};

struct pace {
	int64_t period_ns;
	struct mono start;
	struct item *items; /* in no order; each is in the heap once */
	struct entry *heap;
	size_t n, cap;
};

/* The finaliser of splitmix64: every bit of x moves every bit of the result. */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t
fnv1a(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3); /* "ab","c" is not "a","bc" */
}

uint64_t
pace_key(const char *self, const char *peer, unsigned kind)
{
	uint64_t hash = fnv1a(UINT64_C(0xcbf29ce484222325), self);

	return mix(fnv1a(hash, peer) + kind);
}

struct pace *
pace_new(int64_t period_ns, struct mono start)
{
	struct pace *p = mem_alloc(sizeof(*p));

	p->period_ns = period_ns;
	p->start = start;
	return p;
}

void
pace_free(struct pace *p)
{
	if (!p)
		return;
	free(p->items);
	free(p->heap);
	free(p);
}

/* The remainder favours small phases by less than 1 in 10^8. */
static int64_t
phase_ns(const struct pace *p, const struct item *it)
{
	return (int64_t)(it->key % (uint64_t)p->period_ns);
}

static int64_t
due_ns(const struct pace *p, const struct item *it)
{
	int64_t swing_ns = p->period_ns / JITTER_PARTS;
	uint64_t h = mix(it->key ^ (uint64_t)it->k * UINT64_C(0x9e3779b97f4a7c15));
	int64_t jitter_ns = (int64_t)(h % (uint64_t)(2 * swing_ns + 1)) - swing_ns;

	return p->start.ns + phase_ns(p, it) + it->k * p->period_ns + jitter_ns;
}

/* Put an entry in the place i or above it, moving down what is later. */
static void
sift_up(struct pace *p, size_t i, struct entry e)
{
	for (; i > 0 && e.due_ns < p->heap[(i - 1) / 2].due_ns; i = (i - 1) / 2)
		p->heap[i] = p->heap[(i - 1) / 2];
	p->heap[i] = e;
}

/* The same in the place i or below it. */
static void
sift_down(struct pace *p, size_t i, struct entry e)
{
	for (size_t c = 2 * i + 1; c < p->n; i = c, c = 2 * i + 1) {
		if (c + 1 < p->n && p->heap[c + 1].due_ns < p->heap[c].due_ns)
			c++;
		if (e.due_ns <= p->heap[c].due_ns)
			break;
		p->heap[i] = p->heap[c];
	}
	p->heap[i] = e;
}

/* The first k whose nominal time is after t. */
static uint32_t
k_after(const struct pace *p, const struct item *it, struct mono t)
{
	int64_t since_ns = mono_diff(t, p->start) - phase_ns(p, it);

	return since_ns < 0 ? 0 : (uint32_t)(since_ns / p->period_ns + 1);
}

void
pace_add(struct pace *p, uint32_t id, uint64_t key, struct mono now)
{
	struct item it = { .id = id, .key = key };

	it.k = k_after(p, &it, now);
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->items = mem_grow(p->items, p->cap, sizeof(*p->items));
		p->heap = mem_grow(p->heap, p->cap, sizeof(*p->heap));
	}
	p->items[p->n] = it;
	p->n++;
	sift_up(p, p->n - 1, (struct entry){ due_ns(p, &it), (uint32_t)(p->n - 1) });
}

/* Where in the heap an item is; it is there. */
static size_t
place_of(const struct pace *p, uint32_t item)
{
	size_t i = 0;

	while (p->heap[i].item != item)
		i++;
	return i;
}

void
pace_remove(struct pace *p, uint32_t id)
{
	struct entry last;
	uint32_t item = 0;
	size_t place;

	while (item < p->n && p->items[item].id != id)
		item++;
	if (item == p->n)
		return;
	place = place_of(p, item);
	/* The last item takes its number, and the last entry its place. */
	p->heap[place_of(p, (uint32_t)(p->n - 1))].item = item;
	p->items[item] = p->items[p->n - 1];
	last = p->heap[--p->n];
	if (place == p->n)
		return;
	sift_down(p, place, last);
	sift_up(p, place, p->heap[place]);
}

bool
pace_due(struct pace *p, struct mono now, uint32_t *id)
{
	int64_t grace_ns = p->period_ns / 2;

	while (p->n && now.ns >= p->heap[0].due_ns) {
		struct entry e = p->heap[0];
		struct item *it = &p->items[e.item];
		bool in_time = now.ns - e.due_ns <= grace_ns;

		if (in_time)
			it->k++;
		else
			it->k = k_after(p, it, now);
		e.due_ns = due_ns(p, it);
		sift_down(p, 0, e);
		if (!in_time)
			continue;
		*id = it->id;
		return true;
	}
	return false;
}

bool
pace_next(const struct pace *p, struct mono *deadline)
{
	if (!p->n)
		return false;
	deadline->ns = p->heap[0].due_ns;
	return true;
}
