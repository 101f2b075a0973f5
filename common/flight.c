/* SPDX-License-Identifier: MIT */
/*
 * Invariants: oldest <= unexpired <= next; entries oldest..next-1 are in the ring,
 * those before unexpired are not flying.  One timeout for all, so they expire in the
 * order in which they were sent.
 */
#include "common/flight.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

#define RING_MIN 64 /* probes; a mesh of twelve at one a second needs about 500 */

enum state { FLYING, ANSWERED, LOST };

struct entry {
	struct flight_probe probe;
	enum state state;
};

struct flight {
	int64_t timeout_ns;
	struct entry *ring;
	size_t cap; /* a power of two */
	uint64_t oldest, unexpired, next;
	size_t flying;
	uint64_t *latest; /* by slot: 1 + the highest sequence answered, 0 = none */
	size_t n_latest;
};

static struct entry *
at(const struct flight *f, uint64_t seq)
{
	return &f->ring[seq & (f->cap - 1)];
}

struct flight *
flight_new(int64_t timeout_ns)
{
	struct flight *f = mem_alloc(sizeof(*f));

	f->timeout_ns = timeout_ns;
	f->cap = RING_MIN;
	f->ring = mem_array(f->cap, sizeof(*f->ring));
	return f;
}

void
flight_free(struct flight *f)
{
	if (!f)
		return;
	free(f->ring);
	free(f->latest);
	free(f);
}

uint64_t
flight_next(const struct flight *f)
{
	return f->next;
}

static void
forget(struct flight *f, struct mono now)
{
	int64_t age_ns = f->timeout_ns + FLIGHT_LATE_NS;

	while (f->oldest < f->unexpired &&
	       mono_diff(now, at(f, f->oldest)->probe.sent) > age_ns)
		f->oldest++;
}

static void
grow(struct flight *f)
{
	size_t cap = f->cap * 2;
	struct entry *ring = mem_array(cap, sizeof(*ring));

	for (uint64_t s = f->oldest; s < f->next; s++)
		ring[s & (cap - 1)] = *at(f, s);
	free(f->ring);
	f->ring = ring;
	f->cap = cap;
}

static void
make_slot(struct flight *f, uint32_t slot)
{
	size_t n = f->n_latest ? f->n_latest : RING_MIN;

	assert(slot < FLIGHT_SLOTS_MAX);
	if (slot < f->n_latest)
		return;
	while (n <= slot)
		n *= 2;
	f->latest = mem_grow(f->latest, n, sizeof(*f->latest));
	for (size_t i = f->n_latest; i < n; i++)
		f->latest[i] = 0;
	f->n_latest = n;
}

uint64_t
flight_add(struct flight *f, const struct flight_probe *probe)
{
	struct entry *e;

	make_slot(f, probe->slot);
	forget(f, probe->sent);
	if (f->next - f->oldest == f->cap)
		grow(f);
	e = at(f, f->next);
	e->probe = *probe;
	e->probe.seq = f->next;
	e->state = FLYING;
	f->flying++;
	return f->next++;
}

const struct flight_probe *
flight_find(const struct flight *f, uint32_t slot, uint64_t seq)
{
	const struct entry *e;

	if (seq < f->oldest || seq >= f->next)
		return NULL;
	e = at(f, seq);
	return e->probe.slot == slot ? &e->probe : NULL;
}

struct flight_answer
flight_answer(struct flight *f, uint64_t seq, int64_t elapsed_ns)
{
	struct entry *e = at(f, seq);
	uint64_t *latest = &f->latest[e->probe.slot];
	struct flight_answer a = { 0 };

	assert(seq >= f->oldest && seq < f->next);
	if (e->state == ANSWERED) {
		a.fate = FLIGHT_DUPLICATE;
		return a;
	}
	a.expired = e->state == FLYING && elapsed_ns > f->timeout_ns;
	a.fate = e->state == LOST || a.expired ? FLIGHT_LATE : FLIGHT_ANSWERED;
	a.reordered = seq + 1 < *latest;
	if (!a.reordered)
		*latest = seq + 1;
	if (e->state == FLYING)
		f->flying--;
	e->state = ANSWERED;
	return a;
}

bool
flight_expire(struct flight *f, struct mono now, struct flight_probe *lost)
{
	for (; f->unexpired < f->next; f->unexpired++) {
		struct entry *e = at(f, f->unexpired);

		if (mono_diff(now, e->probe.sent) <= f->timeout_ns)
			break;
		if (e->state != FLYING)
			continue;
		e->state = LOST;
		f->flying--;
		f->unexpired++;
		*lost = e->probe;
		return true;
	}
	forget(f, now);
	return false;
}

size_t
flight_count(const struct flight *f)
{
	return f->flying;
}
