/* SPDX-License-Identifier: MIT */
/*
 * The body of a request as it comes in, in pieces: kept up to a limit of its own and a
 * budget that all bodies share.
 */
#ifndef COLLECTOR_BODY_H
#define COLLECTOR_BODY_H

#include <stddef.h>
#include <stdint.h>

struct body_budget {
	size_t max, used; /* bytes, of all bodies together */
};

/* All zero is an empty body. */
struct body {
	uint8_t *bytes; /* owned */
	size_t len, cap;
};

/* 0; -EFBIG: longer than max; -ENOBUFS: the budget is spent.  Then nothing was added.
 */
int body_add(struct body *b, struct body_budget *budget, size_t max, const void *piece,
    size_t n);
/* Frees, and gives back to the budget. */
void body_fini(struct body *b, struct body_budget *budget);

#endif
