/* SPDX-License-Identifier: MIT */
/*
 * A binary heap by deadline.  The hash need not resist anybody: whoever can name nodes
 * is trusted with the roster.
 */
#include "prober/pace.h"

#include <stdlib.h>

#include "common/mem.h"

#define JITTER_PARTS 10 /* +- one tenth of the period, against mesh-wide lockstep */

struct item {
	uint32_t id;
	uint64_t key;
	int64_t phase_ns;
	int64_t k; /* of the coming probe */
	struct mono due;
};

struct pace {
	int64_t period_ns;
	struct mono start;
	struct item *heap;
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
	free(p->heap);
	free(p);
}

static void
set_due(const struct pace *p, struct item *it)
{
	int64_t swing_ns = p->period_ns / JITTER_PARTS;
	uint64_t h = mix(it->key ^ (uint64_t)it->k * UINT64_C(0x9e3779b97f4a7c15));
	int64_t jitter_ns = (int64_t)(h % (uint64_t)(2 * swing_ns + 1)) - swing_ns;

	it->due = mono_add(p->start, it->phase_ns + it->k * p->period_ns + jitter_ns);
}

static void
swap(struct pace *p, size_t a, size_t b)
{
	struct item it = p->heap[a];

	p->heap[a] = p->heap[b];
	p->heap[b] = it;
}

static void
sift_up(struct pace *p, size_t i)
{
	while (i > 0 && p->heap[i].due.ns < p->heap[(i - 1) / 2].due.ns) {
		swap(p, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void
sift_down(struct pace *p, size_t i)
{
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < p->n; c++)
			if (p->heap[c].due.ns < p->heap[least].due.ns)
				least = c;
		if (least == i)
			return;
		swap(p, i, least);
		i = least;
	}
}

/* The first k whose nominal time is after t. */
static int64_t
k_after(const struct pace *p, const struct item *it, struct mono t)
{
	int64_t since_ns = mono_diff(t, p->start) - it->phase_ns;

	return since_ns < 0 ? 0 : since_ns / p->period_ns + 1;
}

void
pace_add(struct pace *p, uint32_t id, uint64_t key, struct mono now)
{
	struct item it = { .id = id, .key = key };

	/* The remainder favours small phases by less than 1 in 10^8. */
	it.phase_ns = (int64_t)(key % (uint64_t)p->period_ns);
	it.k = k_after(p, &it, now);
	set_due(p, &it);
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->heap = mem_grow(p->heap, p->cap, sizeof(*p->heap));
	}
	p->heap[p->n] = it;
	sift_up(p, p->n++);
}

void
pace_remove(struct pace *p, uint32_t id)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->heap[i].id != id)
			continue;
		p->heap[i] = p->heap[--p->n];
		if (i < p->n) {
			sift_down(p, i);
			sift_up(p, i);
		}
		return;
	}
}

bool
pace_due(struct pace *p, struct mono now, uint32_t *id)
{
	int64_t grace_ns = p->period_ns / 2;

	while (p->n && mono_diff(now, p->heap[0].due) >= 0) {
		struct item *it = &p->heap[0];
		bool in_time = mono_diff(now, it->due) <= grace_ns;
		uint32_t found = it->id;

		if (in_time)
			it->k++;
		else
			it->k = k_after(p, it, now);
		set_due(p, it);
		sift_down(p, 0);
		if (!in_time)
			continue;
		*id = found;
		return true;
	}
	return false;
}

bool
pace_next(const struct pace *p, struct mono *deadline)
{
	if (!p->n)
		return false;
	*deadline = p->heap[0].due;
	return true;
}
