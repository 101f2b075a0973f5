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
#include <stdint.h>

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

/*
 * Something else to write than reports: run is called on the writer's thread, between
 * two batches, in the order of submission; done on the loop's, with error set to what
 * run returned (0, or -errno and err).
 */
struct writer_task {
	int (*run)(struct writer_task *task, struct store *store, struct err *err);
	void (*done)(struct writer_task *task);
	int error;
	struct writer_task *next; /* the writer's */
};

#define WRITER_BUCKETS 14
/* Commits of reports so far, by how long they took. */
struct writer_stats {
	uint64_t commits[WRITER_BUCKETS + 1]; /* the last one: longer than all */
	int64_t commit_ns;		      /* all together */
};

struct writer *writer_new(struct store *store, writer_wake_cb *wake, void *ctx);

/*
 * 0: done will be called, by a later writer_poll().  -EAGAIN: the queue is full;
 * -ESHUTDOWN: stopped.  Then it is never called.
 */
int writer_submit(struct writer *w, struct writer_job *job);

/* As writer_submit(). */
int writer_do(struct writer *w, struct writer_task *task);

void writer_get_stats(struct writer *w, struct writer_stats *out);
/* Upper bound of a bucket: 0.5 ms, and twice as much each. */
int64_t writer_bound_us(unsigned bucket);

/* Call done for every job and task that is finished. */
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
