/* SPDX-License-Identifier: MIT */
/*
 * Encoded reports that wait for the collector: newest out first, because fresh figures
 * are what decisions are made from; over the limit the oldest go.  Pure.
 */
#ifndef PROBER_BACKLOG_H
#define PROBER_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

struct backlog;

struct body {
	uint8_t *data; /* malloc()ed; NULL = none */
	size_t len;
};

struct backlog *backlog_new(size_t max);
void backlog_free(struct backlog *b);

/* Takes the body over. */
void backlog_put(struct backlog *b, struct body body);
/* Hands the newest over, data NULL if there is none. */
struct body backlog_take(struct backlog *b);

size_t backlog_count(const struct backlog *b);
/* How many had to go for want of room, ever. */
uint64_t backlog_overflowed(const struct backlog *b);

#endif
