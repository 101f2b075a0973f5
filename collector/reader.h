/* SPDX-License-Identifier: MIT */
/*
 * The threads that read: whatever takes longer than the loop may wait, be it a scan of
 * the store, the merge of a large matrix or the packing of its text.  Each has a store
 * handle of its own, for reading, which it owns from reader_new() on.
 *
 * There are two lanes, so that a question which is answered in milliseconds does not
 * wait behind one that takes a minute: the first runs what is long, and what is quick
 * when it has nothing else to do; the second only what is quick.  Of each kind jobs
 * begin in the order of their coming.
 *
 * Everything here is called by the loop's thread, and so is done; run and wake are
 * called on the readers'.
 */
#ifndef COLLECTOR_READER_H
#define COLLECTOR_READER_H

#include <stdbool.h>

#include "collector/store.h"

struct reader;
struct reader_job;

typedef void reader_run_cb(struct reader_job *job, struct store *store);
typedef void reader_done_cb(struct reader_job *job);
typedef void reader_wake_cb(void *ctx);

/* The caller's memory until done was called. */
struct reader_job {
	reader_run_cb *run;
	reader_done_cb *done;
	bool quick; /* its cost does not grow with the square of the nodes */
	bool ran;   /* false: the reader was stopped before */
	struct reader_job *next; /* the reader's */
	struct reader *reader;	 /* likewise */
};

#define READER_LANES 2

/* A store may be NULL: then every run of that lane gets NULL. */
struct reader *reader_new(struct store *const stores[READER_LANES],
    reader_wake_cb *wake, void *ctx);

/*
 * 0: done will be called, by a later reader_poll().  -EAGAIN: too many wait;
 * -ESHUTDOWN: stopped.  Then it is never called.
 */
int reader_submit(struct reader *r, struct reader_job *job);

/* Call done for every job that is finished. */
void reader_poll(struct reader *r);

/* For a run that takes long: should it end early?  Its answer is thrown away. */
bool reader_stopping(const struct reader_job *job);

/* End the threads after the jobs that run, which are told; call the rest of the dones.
 */
void reader_stop(struct reader *r);
/* Stops if need be; closes the stores.  NULL is fine. */
void reader_free(struct reader *r);

#endif
