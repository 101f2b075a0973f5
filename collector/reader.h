/* SPDX-License-Identifier: MIT */
/*
 * The thread that reads: whatever takes longer than the loop may wait, be it a scan of
 * the store, the merge of a large matrix or the packing of its text.  It has a store
 * handle of its own, for reading, which it owns from reader_new() on.
 *
 * Everything here is called by the loop's thread, and so is done; run and wake are
 * called on the reader's.  One job runs at a time, in the order of their coming.
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
	bool ran;		 /* false: the reader was stopped before */
	struct reader_job *next; /* the reader's */
	struct reader *reader;	 /* likewise */
};

/* store may be NULL: then every run gets NULL. */
struct reader *reader_new(struct store *store, reader_wake_cb *wake, void *ctx);

/*
 * 0: done will be called, by a later reader_poll().  -EAGAIN: too many wait;
 * -ESHUTDOWN: stopped.  Then it is never called.
 */
int reader_submit(struct reader *r, struct reader_job *job);

/* Call done for every job that is finished. */
void reader_poll(struct reader *r);

/* For a run that takes long: should it end early?  Its answer is thrown away. */
bool reader_stopping(const struct reader_job *job);

/* End the thread after the job that runs, which is told; call the rest of the dones. */
void reader_stop(struct reader *r);
/* Stops if need be; closes the store.  NULL is fine. */
void reader_free(struct reader *r);

#endif
