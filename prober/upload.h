/* SPDX-License-Identifier: MIT */
/*
 * Reports on their way to the collector: libcurl on the libev loop, one request at a
 * time.  What cannot be delivered waits in the spool, the newest to be sent first.
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

struct ev_loop;
struct spool;
struct upload;

/* url: that of the collector, without /api.  The spool is the caller's. */
int upload_new(struct ev_loop *loop, const char *url, struct spool *spool,
    struct upload **out, struct err *err);
/* Stops what is under way; it waits in the spool. */
void upload_free(struct upload *u);

void upload_push(struct upload *u, const struct report *r);
/* Begin with what the spool already has. */
void upload_start(struct upload *u);

/* Nothing waits, or nothing can be delivered now: at an exit, waiting is in vain. */
bool upload_is_idle(const struct upload *u);

#endif
