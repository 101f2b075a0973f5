/* SPDX-License-Identifier: MIT */
#include "collector/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* A report of 12 nodes has 450 bytes, one of 100 has 4 kB. */
#define FIRST_BYTES 4096

int
body_add(struct body *b, struct body_budget *budget, size_t max, const void *piece,
    size_t n)
{
	size_t cap = b->cap;

	if (n > max - b->len)
		return -EFBIG;
	if (n == 0)
		return 0; /* memcpy() wants no NULL even then */
	/* Doubling, and never on the word of a Content-Length that costs nothing. */
	while (cap < b->len + n)
		cap = cap ? 2 * cap : FIRST_BYTES;
	if (cap - b->cap > budget->max - budget->used)
		return -ENOBUFS;
	if (cap > b->cap) {
		b->bytes = mem_grow(b->bytes, cap, 1);
		budget->used += cap - b->cap;
		b->cap = cap;
	}
	memcpy(b->bytes + b->len, piece, n);
	b->len += n;
	return 0;
}

void
body_fini(struct body *b, struct body_budget *budget)
{
	budget->used -= b->cap;
	free(b->bytes);
	*b = (struct body){ 0 };
}
