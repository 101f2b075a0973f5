/* SPDX-License-Identifier: MIT */
/*
 * One mutex guards the lists; the store and the job that runs are the lane's thread's.
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

struct lane {
	struct reader *reader;
	struct store *store; /* owned; NULL = none */
	bool quick;	     /* runs nothing else */
	pthread_t thread;
};

struct reader {
	struct lane lanes[READER_LANES];
	reader_wake_cb *wake;
	void *ctx;
	bool running; /* threads are to be joined; the loop's side only */
	atomic_bool stopping;

	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct list slow, quick, finished;
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

/* What the lane is to run next, or NULL; under the mutex. */
static struct reader_job *
next_job(struct reader *r, const struct lane *lane)
{
	if (!lane->quick && r->slow.n)
		return list_take(&r->slow);
	return r->quick.n ? list_take(&r->quick) : NULL;
}

static void *
reader_main(void *arg)
{
	struct lane *lane = arg;
	struct reader *r = lane->reader;
	struct reader_job *job = NULL;

	for (;;) {
		pthread_mutex_lock(&r->mutex);
		while (!atomic_load(&r->stopping) && !(job = next_job(r, lane)))
			pthread_cond_wait(&r->work, &r->mutex);
		if (atomic_load(&r->stopping)) {
			pthread_mutex_unlock(&r->mutex);
			return NULL;
		}
		pthread_mutex_unlock(&r->mutex);
		job->run(job, lane->store);
		job->ran = true;
		pthread_mutex_lock(&r->mutex);
		list_add(&r->finished, job);
		pthread_mutex_unlock(&r->mutex);
		r->wake(r->ctx);
	}
}

struct reader *
reader_new(struct store *const stores[READER_LANES], reader_wake_cb *wake, void *ctx)
{
	struct reader *r = mem_alloc(sizeof(*r));
	sigset_t all, old;
	int code = 0;

	r->wake = wake;
	r->ctx = ctx;
	list_init(&r->slow);
	list_init(&r->quick);
	list_init(&r->finished);
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->work, NULL);
	/* Signals belong to the loop, which libev's handlers must interrupt. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; code == 0 && i < READER_LANES; i++) {
		struct lane *lane = &r->lanes[i];

		*lane = (struct lane){ r, stores[i], .quick = i > 0 };
		code = pthread_create(&lane->thread, NULL, reader_main, lane);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code)
		log_die("start the reader: %s", strerror(code));
	r->running = true;
	return r;
}

int
reader_submit(struct reader *r, struct reader_job *job)
{
	struct list *queue = job->quick ? &r->quick : &r->slow;
	int code = 0;

	assert(job->run && job->done);
	job->ran = false;
	job->reader = r;
	pthread_mutex_lock(&r->mutex);
	if (atomic_load(&r->stopping))
		code = -ESHUTDOWN;
	else if (queue->n >= QUEUE_MAX)
		code = -EAGAIN;
	else
		list_add(queue, job);
	if (code == 0)
		pthread_cond_broadcast(&r->work); /* either may not want it */
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
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->mutex);
	for (int i = 0; i < READER_LANES; i++)
		pthread_join(r->lanes[i].thread, NULL);
	r->running = false;
	while (r->slow.n) /* the threads are gone: nobody else looks */
		list_add(&r->finished, list_take(&r->slow));
	while (r->quick.n)
		list_add(&r->finished, list_take(&r->quick));
	reader_poll(r);
}

void
reader_free(struct reader *r)
{
	if (!r)
		return;
	reader_stop(r);
	for (int i = 0; i < READER_LANES; i++)
		if (r->lanes[i].store)
			r->lanes[i].store->ops->close(r->lanes[i].store);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}
