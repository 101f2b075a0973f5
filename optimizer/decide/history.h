/* SPDX-License-Identifier: MIT */
/*
 * Recorded RTTs: one matrix a slice of time, all over the same nodes in the order of
 * the alphabet, so that the order of the files' columns cannot matter.
 */
#ifndef OPTIMIZER_DECIDE_HISTORY_H
#define OPTIMIZER_DECIDE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "optimizer/decide/matrix.h"

#define HISTORY_LABEL_MAX  64
#define HISTORY_SLICES_MAX 100000
#define HISTORY_CELLS_MAX  ((size_t)1 << 28) /* 1 GB in all */

struct history {
	struct matrix **slices;		   /* owned */
	char (*labels)[HISTORY_LABEL_MAX]; /* owned; one a slice */
	size_t n;
};

void history_free(struct history *h);

static inline size_t
history_nodes(const struct history *h)
{
	return h->n ? h->slices[0]->n : 0;
}

/* Index of a slice by its label or, failing that, by its number from 1; SIZE_MAX. */
size_t history_find(const struct history *h, const char *label);

/* RTT of a path made of two, by way of a third node; MATRIX_UNKNOWN. */
static inline int32_t
history_via(const struct matrix *m, size_t a, size_t b, size_t via)
{
	int32_t x = matrix_pair(m, a, via), y = matrix_pair(m, b, via);

	return x == MATRIX_UNKNOWN || y == MATRIX_UNKNOWN ? MATRIX_UNKNOWN : x + y;
}

/* Keep these nodes only: one flag a node. */
void history_keep(struct history *h, const bool *keep);

/* Medians of the slices from..to, both included; free with matrix_free(). */
struct matrix *history_median(const struct history *h, size_t from, size_t to);

/*
 * The node from which the others are nearest in sum: the kindest choice of a hub, so
 * that savings are not flattered.  What is not measured counts as the worst RTT.
 */
size_t history_centre(const struct matrix *m);

#endif
