/* SPDX-License-Identifier: MIT */
/*
 * One mutex guards the two lists and the flags; the store is touched outside of it, by
 * the writer's thread alone.  A store that fails is told about once, and once more when
 * it works again: the probers keep their reports and will ask often.
 */
#include "collector/writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

/* Jobs that may wait: four reports of each of 1,000 nodes. */
#define QUEUE_MAX 4096
/* One transaction: bounds the wait of the first job in it, and the size of the WAL.  At
 * 40 kB a report it is as fast as 1,024 and the slowest answer comes sooner. */
#define BATCH_MAX 256
/* Tasks that may wait: events of each node, at once. */
#define TASKS_MAX  1024
#define BUCKET0_US INT64_C(500)

struct list {
	struct writer_job *head, **tail;
	size_t n;
};

struct tasks {
	struct writer_task *head, **tail;
	size_t n;
};

struct writer {
	struct store *store; /* owned */
	writer_wake_cb *wake;
	void *ctx;
	pthread_t thread;
	bool running; /* thread is to be joined; the loop's side only */

	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct list queue, finished;
	struct tasks tasks, tasks_done;
	struct writer_stats stats;
	bool stopping, failing;
	bool expiring;
	struct upkeep_keep keep;
	struct wall now; /* of the housekeeping that was asked for */

	struct upkeep upkeep;		       /* the thread's own */
	struct store_report *batch[BATCH_MAX]; /* the thread's own */
};

static void
list_init(struct list *l)
{
	l->head = NULL;
	l->tail = &l->head;
	l->n = 0;
}

static void
list_add(struct list *l, struct writer_job *job)
{
	job->next = NULL;
	*l->tail = job;
	l->tail = &job->next;
	l->n++;
}

static struct writer_job *
list_take(struct list *l)
{
	struct writer_job *job = l->head;

	l->head = job->next;
	if (!l->head)
		l->tail = &l->head;
	l->n--;
	return job;
}

static void
tasks_init(struct tasks *t)
{
	*t = (struct tasks){ .tail = &t->head };
}

static void
tasks_add(struct tasks *t, struct writer_task *task)
{
	task->next = NULL;
	*t->tail = task;
	t->tail = &task->next;
	t->n++;
}

static struct writer_task *
tasks_take(struct tasks *t)
{
	struct writer_task *task = t->head;

	t->head = task->next;
	if (!t->head)
		t->tail = &t->head;
	t->n--;
	return task;
}

int64_t
writer_bound_us(unsigned bucket)
{
	return BUCKET0_US << bucket;
}

/* With the mutex held. */
static void
note_time(struct writer *w, int64_t ns)
{
	unsigned i = 0;

	while (i < WRITER_BUCKETS && ns > writer_bound_us(i) * NS_PER_US)
		i++;
	w->stats.commits[i]++;
	w->stats.commit_ns += ns;
}

/* With the mutex held. */
static void
note_result(struct writer *w, int error, const struct err *err)
{
	if (error && !w->failing)
		log_warnx("%s; reports are refused until it works again", err->text);
	else if (!error && w->failing)
		log_info("the store works again");
	w->failing = error != 0;
}

static void
commit(struct writer *w, struct list *jobs)
{
	struct err err = { "" };
	struct mono begin = clock_mono();
	size_t n = 0;
	int error;

	for (struct writer_job *job = jobs->head; job; job = job->next)
		w->batch[n++] = &job->report;
	error = w->store->ops->put_reports(w->store, w->batch, n, &err);
	pthread_mutex_lock(&w->mutex);
	note_result(w, error, &err);
	note_time(w, mono_diff(clock_mono(), begin));
	while (jobs->head) {
		struct writer_job *job = list_take(jobs);

		job->error = error;
		list_add(&w->finished, job);
	}
	pthread_mutex_unlock(&w->mutex);
	w->wake(w->ctx);
}

static void
run_task(struct writer *w, struct writer_task *task)
{
	struct err err = { "" };

	task->error = task->run(task, w->store, &err);
	pthread_mutex_lock(&w->mutex);
	note_result(w, task->error, &err);
	tasks_add(&w->tasks_done, task);
	pthread_mutex_unlock(&w->mutex);
	w->wake(w->ctx);
}

static void
upkeep(struct writer *w, struct wall now)
{
	struct err err = { "" };
	int more = upkeep_step(&w->upkeep, w->store, now, &err);

	pthread_mutex_lock(&w->mutex);
	note_result(w, more < 0 ? more : 0, &err);
	if (more <= 0)
		w->expiring = false;
	pthread_mutex_unlock(&w->mutex);
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	struct list jobs;
	struct wall now;
	struct writer_task *task;
	bool expiring;

	for (;;) {
		list_init(&jobs);
		pthread_mutex_lock(&w->mutex);
		while (!w->queue.n && !w->tasks.n && !w->expiring && !w->stopping)
			pthread_cond_wait(&w->work, &w->mutex);
		while (w->queue.n && jobs.n < BATCH_MAX)
			list_add(&jobs, list_take(&w->queue));
		task = w->tasks.n ? tasks_take(&w->tasks) : NULL;
		expiring = w->expiring && !w->stopping;
		now = w->now;
		w->upkeep.keep = w->keep;
		pthread_mutex_unlock(&w->mutex);
		if (!jobs.n && !task && !expiring)
			return NULL; /* stopping, and nothing is left */
		if (jobs.n)
			commit(w, &jobs);
		if (task)
			run_task(w, task);
		if (expiring)
			upkeep(w, now);
	}
}

struct writer *
writer_new(struct store *store, writer_wake_cb *wake, void *ctx)
{
	struct writer *w = mem_alloc(sizeof(*w));
	sigset_t all, old;
	int code;

	w->store = store;
	w->wake = wake;
	w->ctx = ctx;
	list_init(&w->queue);
	list_init(&w->finished);
	tasks_init(&w->tasks);
	tasks_init(&w->tasks_done);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->work, NULL);
	/* Signals belong to the loop, which libev's handlers must interrupt. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code)
		log_die("start the writer: %s", strerror(code));
	w->running = true;
	return w;
}

int
writer_submit(struct writer *w, struct writer_job *job)
{
	int r = 0;

	assert(job->done);
	pthread_mutex_lock(&w->mutex);
	if (w->stopping)
		r = -ESHUTDOWN;
	else if (w->queue.n >= QUEUE_MAX)
		r = -EAGAIN;
	else
		list_add(&w->queue, job);
	if (r == 0)
		pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
	return r;
}

int
writer_do(struct writer *w, struct writer_task *task)
{
	int r = 0;

	assert(task->run && task->done);
	pthread_mutex_lock(&w->mutex);
	if (w->stopping)
		r = -ESHUTDOWN;
	else if (w->tasks.n >= TASKS_MAX)
		r = -EAGAIN;
	else
		tasks_add(&w->tasks, task);
	if (r == 0)
		pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
	return r;
}

void
writer_get_stats(struct writer *w, struct writer_stats *out)
{
	pthread_mutex_lock(&w->mutex);
	*out = w->stats;
	pthread_mutex_unlock(&w->mutex);
}

void
writer_poll(struct writer *w)
{
	struct writer_job *job;
	struct writer_task *task;

	pthread_mutex_lock(&w->mutex);
	job = w->finished.head;
	list_init(&w->finished);
	task = w->tasks_done.head;
	tasks_init(&w->tasks_done);
	pthread_mutex_unlock(&w->mutex);
	while (task) {
		struct writer_task *next = task->next; /* done may free the task */

		task->done(task);
		task = next;
	}
	while (job) {
		struct writer_job *next = job->next; /* done may free the job */

		job->done(job);
		job = next;
	}
}

void
writer_upkeep(struct writer *w, const struct upkeep_keep *keep, struct wall now)
{
	pthread_mutex_lock(&w->mutex);
	w->keep = *keep;
	w->now = now;
	w->expiring = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
}

bool
writer_ok(struct writer *w)
{
	bool ok;

	pthread_mutex_lock(&w->mutex);
	ok = !w->failing && !w->stopping;
	pthread_mutex_unlock(&w->mutex);
	return ok;
}

void
writer_stop(struct writer *w)
{
	if (!w->running)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stopping = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	w->running = false;
	writer_poll(w);
}

void
writer_free(struct writer *w)
{
	if (!w)
		return;
	writer_stop(w);
	w->store->ops->close(w->store);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}
