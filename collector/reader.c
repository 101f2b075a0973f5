/* SPDX-License-Identifier: MIT */
/*
 * One mutex guards the two lists; the store and the job that runs are the thread's.
 */
#include "collector/reader.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

/* A page opens six connections, and there may be ten who look at it. */
#define QUEUE_MAX 64

struct list {
	struct reader_job *head, **tail;
	size_t n;
};

struct reader {
	struct store *store; /* owned; NULL = none */
	reader_wake_cb *wake;
	void *ctx;
	pthread_t thread;
	bool running; /* thread is to be joined; the loop's side only */
	atomic_bool stopping;

	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct list queue, finished;
};

static void
list_init(struct list *l)
{
	*l = (struct list){ .tail = &l->head };
}

static void
list_add(struct list *l, struct reader_job *job)
{
	job->next = NULL;
	*l->tail = job;
	l->tail = &job->next;
	l->n++;
}

static struct reader_job *
list_take(struct list *l)
{
	struct reader_job *job = l->head;

	l->head = job->next;
	if (!l->head)
		l->tail = &l->head;
	l->n--;
	return job;
}

static void *
reader_main(void *arg)
{
	struct reader *r = arg;
	struct reader_job *job;

	for (;;) {
		pthread_mutex_lock(&r->mutex);
		while (!r->queue.n && !atomic_load(&r->stopping))
			pthread_cond_wait(&r->work, &r->mutex);
		if (atomic_load(&r->stopping)) {
			pthread_mutex_unlock(&r->mutex);
			return NULL;
		}
		job = list_take(&r->queue);
		pthread_mutex_unlock(&r->mutex);
		job->run(job, r->store);
		job->ran = true;
		pthread_mutex_lock(&r->mutex);
		list_add(&r->finished, job);
		pthread_mutex_unlock(&r->mutex);
		r->wake(r->ctx);
	}
}

struct reader *
reader_new(struct store *store, reader_wake_cb *wake, void *ctx)
{
	struct reader *r = mem_alloc(sizeof(*r));
	sigset_t all, old;
	int code;

	r->store = store;
	r->wake = wake;
	r->ctx = ctx;
	list_init(&r->queue);
	list_init(&r->finished);
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->work, NULL);
	/* Signals belong to the loop, which libev's handlers must interrupt. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&r->thread, NULL, reader_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code)
		log_die("start the reader: %s", strerror(code));
	r->running = true;
	return r;
}

int
reader_submit(struct reader *r, struct reader_job *job)
{
	int code = 0;

	assert(job->run && job->done);
	job->ran = false;
	job->reader = r;
	pthread_mutex_lock(&r->mutex);
	if (atomic_load(&r->stopping))
		code = -ESHUTDOWN;
	else if (r->queue.n >= QUEUE_MAX)
		code = -EAGAIN;
	else
		list_add(&r->queue, job);
	if (code == 0)
		pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->mutex);
	return code;
}

void
reader_poll(struct reader *r)
{
	struct reader_job *job;

	pthread_mutex_lock(&r->mutex);
	job = r->finished.head;
	list_init(&r->finished);
	pthread_mutex_unlock(&r->mutex);
	while (job) {
		struct reader_job *next = job->next; /* done may free the job */

		job->done(job);
		job = next;
	}
}

bool
reader_stopping(const struct reader_job *job)
{
	return atomic_load_explicit(&job->reader->stopping, memory_order_relaxed);
}

void
reader_stop(struct reader *r)
{
	if (!r->running)
		return;
	pthread_mutex_lock(&r->mutex);
	atomic_store(&r->stopping, true);
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->mutex);
	pthread_join(r->thread, NULL);
	r->running = false;
	while (r->queue.n) /* the thread is gone: nobody else looks */
		list_add(&r->finished, list_take(&r->queue));
	reader_poll(r);
}

void
reader_free(struct reader *r)
{
	if (!r)
		return;
	reader_stop(r);
	if (r->store)
		r->store->ops->close(r->store);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}
