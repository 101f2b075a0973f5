/* SPDX-License-Identifier: MIT */
/*
 * The thread that writes.  The loop hands it reports through a bounded queue; it
 * commits whatever has gathered in one transaction, so that the fdatasync of one batch
 * is the time in which the next one grows.  It owns the store from writer_new() on.
 *
 * Threads meet only inside this module: everything here is called by the loop's thread,
 * and so are the completions.  Only wake() runs on the writer's own thread, and it must
 * do no more than make the loop call writer_poll().
 */
#ifndef COLLECTOR_WRITER_H
#define COLLECTOR_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clock.h"

#include "collector/store.h"
#include "collector/upkeep.h"

struct writer;
struct writer_job;

typedef void writer_done_cb(struct writer_job *job);
typedef void writer_wake_cb(void *ctx);

/* The caller's memory, and what it points to, until done was called. */
struct writer_job {
	struct store_report report; /* its fate is set if error is 0 */
	int error;		    /* 0 = on disk, or -errno */
	writer_done_cb *done;
	struct writer_job *next; /* the writer's */
};

struct writer *writer_new(struct store *store, writer_wake_cb *wake, void *ctx);

/*
 * 0: done will be called, by a later writer_poll().  -EAGAIN: the queue is full;
 * -ESHUTDOWN: stopped.  Then it is never called.
 */
int writer_submit(struct writer *w, struct writer_job *job);

/* Call done for every job that is finished. */
void writer_poll(struct writer *w);

/* Start the store's housekeeping, in small steps between batches. */
void writer_upkeep(struct writer *w, const struct upkeep_keep *keep, struct wall now);

/* Did the last use of the store succeed? */
bool writer_ok(struct writer *w);

/* Take no more, write what is queued, end the thread, call the rest of the dones. */
void writer_stop(struct writer *w);
/* Stops if need be; closes the store.  NULL is fine. */
void writer_free(struct writer *w);

#endif
