/* SPDX-License-Identifier: MIT */
/*
 * What is known at one moment of a history: medians and limits over the slices of a
 * window, and what a pair's tunnel saves at least.
 */
#ifndef OPTIMIZER_DECIDE_OUTLOOK_H
#define OPTIMIZER_DECIDE_OUTLOOK_H

#include "optimizer/decide/history.h"
#include "optimizer/decide/instance.h"

struct outlook {
	const struct history *history; /* borrowed */
	size_t from, to;	       /* slices, both included */
	size_t hub;		       /* node */
	unsigned conf_pct;
	struct matrix *mid, *hi; /* owned; medians and upper limits */
};

/* The caller sets hub. */
struct outlook *outlook_new(const struct history *h, size_t from, size_t to,
    unsigned conf_pct);
void outlook_free(struct outlook *o);

/*
 * Sets the limits of a measured pair, and returns what its tunnel saves at least: the
 * lower limit of hub minus direct slice by slice, since both paths share the moods of
 * the access lines; never more than the medians say.
 */
int64_t outlook_limit(const struct outlook *o, struct pair *p);

#endif
