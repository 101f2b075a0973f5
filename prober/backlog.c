/* SPDX-License-Identifier: MIT */
/*
 * A ring: n bodies from head on, the oldest first.
 */
#include "prober/backlog.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

struct backlog {
	struct body *ring;
	size_t max, head, n;
	uint64_t overflowed;
};

struct backlog *
backlog_new(size_t max)
{
	struct backlog *b = mem_alloc(sizeof(*b));

	assert(max > 0);
	b->max = max;
	b->ring = mem_array(max, sizeof(*b->ring));
	return b;
}

void
backlog_free(struct backlog *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++)
		free(b->ring[(b->head + i) % b->max].data);
	free(b->ring);
	free(b);
}

void
backlog_put(struct backlog *b, struct body body)
{
	if (b->n == b->max) {
		free(b->ring[b->head].data);
		b->head = (b->head + 1) % b->max;
		b->n--;
		b->overflowed++;
	}
	b->ring[(b->head + b->n++) % b->max] = body;
}

struct body
backlog_take(struct backlog *b)
{
	if (!b->n)
		return (struct body){ 0 };
	return b->ring[(b->head + --b->n) % b->max];
}

size_t
backlog_count(const struct backlog *b)
{
	return b->n;
}

uint64_t
backlog_overflowed(const struct backlog *b)
{
	return b->overflowed;
}
