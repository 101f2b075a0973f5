/* SPDX-License-Identifier: MIT */
/*
 * One token bucket an address, kept as the time at which it is full again (GCRA): a
 * single number, and no timer that fills it.
 */
#include "common/stamp_gate.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define STEP_NS (NS_PER_S / STAMP_GATE_RATE)

struct source {
	struct addr addr;
	struct mono full; /* when its bucket is full again */
};

struct stamp_gate {
	struct source *sources; /* sorted by address */
	size_t n;
};

struct stamp_gate *
stamp_gate_new(void)
{
	return mem_alloc(sizeof(struct stamp_gate));
}

void
stamp_gate_free(struct stamp_gate *g)
{
	if (!g)
		return;
	free(g->sources);
	free(g);
}

static int
by_addr(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->addr.family != y->addr.family)
		return (int)x->addr.family - (int)y->addr.family;
	return memcmp(x->addr.b, y->addr.b, sizeof(x->addr.b));
}

static struct source *
find(const struct stamp_gate *g, const struct addr *addr)
{
	struct source key = { .addr = *addr };

	return g->n ? bsearch(&key, g->sources, g->n, sizeof(key), by_addr) : NULL;
}

void
stamp_gate_set(struct stamp_gate *g, const struct addr *addrs, size_t n)
{
	struct source *fresh = mem_array(n, sizeof(*fresh));

	for (size_t i = 0; i < n; i++) {
		const struct source *old = find(g, &addrs[i]);

		fresh[i].addr = addrs[i];
		if (old)
			fresh[i].full = old->full;
	}
	if (n)
		qsort(fresh, n, sizeof(*fresh), by_addr);
	free(g->sources);
	g->sources = fresh;
	g->n = n;
}

enum stamp_gate_verdict
stamp_gate_try(struct stamp_gate *g, const struct addr *from, struct mono now)
{
	struct source *s = find(g, from);

	if (!s)
		return STAMP_GATE_STRANGER;
	if (mono_diff(now, s->full) > 0)
		s->full = now;
	if (mono_diff(s->full, now) > (STAMP_GATE_BURST - 1) * STEP_NS)
		return STAMP_GATE_LIMITED;
	s->full = mono_add(s->full, STEP_NS);
	return STAMP_GATE_OPEN;
}
