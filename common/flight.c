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

/* A pause after which the 32-bit clock of the entries says nothing any more. */
#define PAUSE_NS (1000 * NS_PER_S)

enum state { FLYING, ANSWERED, LOST, CANCELLED };

struct entry {
	int64_t stamp_ns;
	uint32_t sent_us; /* of CLOCK_MONOTONIC, wraps after 71 minutes */
	unsigned slot : 24;
	unsigned mark : 6;
	unsigned state : 2;
};

struct flight {
	int64_t timeout_ns;
	struct entry *ring;
	size_t cap; /* a power of two */
	uint64_t oldest, unexpired, next;
	uint64_t ancient; /* those before flew before a pause longer than any timeout */
	struct mono last; /* the latest time that we were told */
	size_t flying;
	uint32_t *latest; /* by slot: 1 + the highest sequence answered, modulo 2^32 */
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

static uint32_t
to_us(struct mono t)
{
	return (uint32_t)(t.ns / NS_PER_US);
}

static void
see(struct flight *f, struct mono now)
{
	if (mono_diff(now, f->last) > PAUSE_NS)
		f->ancient = f->next;
	f->last = now;
}

static int64_t
age_ns(const struct flight *f, uint64_t seq, struct mono now)
{
	if (seq < f->ancient)
		return INT64_MAX;
	return (int64_t)(uint32_t)(to_us(now) - at(f, seq)->sent_us) * NS_PER_US;
}

static void
forget(struct flight *f, struct mono now)
{
	int64_t memory_ns = f->timeout_ns + FLIGHT_LATE_NS;

	while (f->oldest < f->unexpired && age_ns(f, f->oldest, now) > memory_ns)
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
	assert(probe->mark <= FLIGHT_MARK_MAX);
	make_slot(f, probe->slot);
	see(f, probe->sent);
	forget(f, probe->sent);
	if (f->next - f->oldest == f->cap)
		grow(f);
	*at(f, f->next) = (struct entry){
		.stamp_ns = probe->stamp_ns,
		.sent_us = to_us(probe->sent),
		.slot = probe->slot & (FLIGHT_SLOTS_MAX - 1),
		.mark = probe->mark & FLIGHT_MARK_MAX,
		.state = FLYING,
	};
	f->flying++;
	return f->next++;
}

static struct entry *
find(const struct flight *f, uint32_t slot, uint64_t seq)
{
	struct entry *e;

	if (seq < f->oldest || seq >= f->next)
		return NULL;
	e = at(f, seq);
	return e->slot == slot && e->state != CANCELLED ? e : NULL;
}

bool
flight_find(const struct flight *f, uint32_t slot, uint64_t seq,
    struct flight_probe *out)
{
	const struct entry *e = find(f, slot, seq);

	if (e)
		*out = (struct flight_probe){ .seq = seq,
			.slot = slot,
			.mark = (uint8_t)e->mark,
			.stamp_ns = e->stamp_ns };
	return e != NULL;
}

void
flight_stamp(struct flight *f, uint32_t slot, uint64_t seq, int64_t stamp_ns)
{
	struct entry *e = find(f, slot, seq);

	if (e && e->stamp_ns == 0)
		e->stamp_ns = stamp_ns;
}

void
flight_cancel(struct flight *f, uint64_t seq)
{
	struct entry *e = at(f, seq);

	assert(seq >= f->oldest && seq < f->next && e->state == FLYING);
	e->state = CANCELLED;
	f->flying--;
}

struct flight_answer
flight_answer(struct flight *f, uint64_t seq, int64_t elapsed_ns)
{
	struct entry *e = at(f, seq);
	uint32_t *latest = &f->latest[e->slot], next = (uint32_t)(seq + 1), ahead;
	struct flight_answer a = { 0 };

	assert(seq >= f->oldest && seq < f->next && e->state != CANCELLED);
	if (e->state == ANSWERED) {
		a.fate = FLIGHT_DUPLICATE;
		return a;
	}
	a.expired = e->state == FLYING && elapsed_ns > f->timeout_ns;
	a.fate = e->state == LOST || a.expired ? FLIGHT_LATE : FLIGHT_ANSWERED;
	/* Only what the ring holds can come after: an older mark says nothing. */
	ahead = *latest - next;
	a.reordered = ahead > 0 && ahead < (uint32_t)(f->next - f->oldest);
	if (!a.reordered)
		*latest = next;
	if (e->state == FLYING)
		f->flying--;
	e->state = ANSWERED;
	return a;
}

bool
flight_expire(struct flight *f, struct mono now, uint32_t *slot, uint64_t *seq)
{
	see(f, now);
	for (; f->unexpired < f->next; f->unexpired++) {
		struct entry *e = at(f, f->unexpired);

		if (age_ns(f, f->unexpired, now) <= f->timeout_ns)
			break;
		if (e->state != FLYING)
			continue;
		e->state = LOST;
		f->flying--;
		*slot = e->slot;
		*seq = f->unexpired++;
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
