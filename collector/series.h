/* SPDX-License-Identifier: MIT */
/*
 * What one node measured of another over time, in steps of equal length.
 */
#ifndef COLLECTOR_SERIES_H
#define COLLECTOR_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/report.h"

#define SERIES_STEPS_MAX 20000

struct series;

struct series_opts {
	const char *peer; /* borrowed */
	struct wall from;
	int64_t step_ns;
	size_t n; /* steps; 1..SERIES_STEPS_MAX */
};

struct series *series_new(const struct series_opts *opts);
void series_free(struct series *s); /* NULL is fine */

/* A stored report of the node.  One that starts outside the steps is left out.
 * -EBADMSG if it is none. */
int series_add(struct series *s, const uint8_t *body, size_t len);

/*
 * The sum of a step by one path, borrowed; NULL if no probe was sent in it.
 */
const struct report_row *series_get(struct series *s, size_t step, enum path path);

#endif
