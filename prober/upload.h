/* SPDX-License-Identifier: MIT */
/*
 * Reports on their way to the collector: libcurl on the libev loop, one request at a
 * time.  While the collector is away they wait here, in memory, the newest to be sent
 * first; what exceeds UPLOAD_QUEUE_MAX goes, the oldest first, and is counted.
 *
 * 2xx: delivered.  400, 413, 415: this report will never do, so it is dropped.  401,
 * 403: kept, tried again seldom.  429, 503: kept for as long as Retry-After says.
 * Anything else and every network error: kept, tried again with growing pauses.
 */
#ifndef PROBER_UPLOAD_H
#define PROBER_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/report.h"

#define UPLOAD_QUEUE_MAX 1000 /* reports: 4 MB and 2.7 h in a mesh of 200 */

struct ev_loop;
struct upload;

/* url: that of the collector, without /api. */
int upload_new(struct ev_loop *loop, const char *url, struct upload **out,
    struct err *err);
/* Stops what is under way; what waits is lost. */
void upload_free(struct upload *u);

void upload_push(struct upload *u, const struct report *r);

/* Nothing waits, or nothing can be delivered now: at an exit, waiting is in vain. */
bool upload_is_idle(const struct upload *u);

#endif
