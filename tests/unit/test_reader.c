/* SPDX-License-Identifier: MIT */
/*
 * The two lanes: every job is done once and on the loop's side, in its order; a quick
 * one does not wait for a long one, and a long one not for a second long one's lane.
 * links: collector/reader.c
 */
#include "collector/reader.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define JOBS 40
/* The machine may be ten times slower than it is. */
#define LIMIT_S 60

struct job {
	struct reader_job job;
	atomic_bool *gate; /* runs until it is open, or the end; NULL = at once */
	atomic_bool began;
	int done, order;
};

static atomic_int wakes;
static int n_done;

static void
pause_a_little(void)
{
	(void)nanosleep(&(struct timespec){ 0, 200000 }, NULL); /* polls go on */
}

static void
on_run(struct reader_job *job, struct store *store)
{
	struct job *j = (struct job *)job;

	assert_null(store);
	atomic_store(&j->began, true);
	while (j->gate && !atomic_load(j->gate) && !reader_stopping(job))
		pause_a_little();
}

static void
on_done(struct reader_job *job)
{
	struct job *j = (struct job *)job;

	j->done++;
	j->order = n_done++;
}

static void
on_wake(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&wakes, 1);
}

static struct reader *
start(void)
{
	struct store *const none[READER_LANES] = { NULL };

	n_done = 0;
	return reader_new(none, on_wake, NULL);
}

static void
submit(struct reader *r, struct job *j, bool quick, atomic_bool *gate)
{
	*j = (struct job){ .job = { .run = on_run, .done = on_done, .quick = quick } };
	j->gate = gate;
	assert_int_equal(reader_submit(r, &j->job), 0);
}

static void
wait_done(struct reader *r, const struct job *j)
{
	time_t end = time(NULL) + LIMIT_S;

	while (!j->done && time(NULL) < end) {
		reader_poll(r);
		pause_a_little();
	}
	assert_int_equal(j->done, 1);
	assert_true(j->job.ran);
}

static void
wait_began(struct job *j)
{
	time_t end = time(NULL) + LIMIT_S;

	while (!atomic_load(&j->began) && time(NULL) < end)
		pause_a_little();
	assert_true(atomic_load(&j->began));
}

static void
quick_ones_do_not_wait(void **state)
{
	atomic_bool gate = false;
	struct job slow, second, quick[JOBS];
	struct reader *r = start();

	(void)state;
	submit(r, &slow, false, &gate);
	submit(r, &second, false, NULL);
	wait_began(&slow);
	for (int i = 0; i < JOBS; i++)
		submit(r, &quick[i], true, NULL);
	for (int i = 0; i < JOBS; i++)
		wait_done(r, &quick[i]);
	for (int i = 1; i < JOBS; i++)
		assert_true(quick[i - 1].order < quick[i].order);
	assert_int_equal(slow.done, 0);
	assert_false(atomic_load(&second.began)); /* its lane is taken */
	atomic_store(&gate, true);
	wait_done(r, &slow);
	wait_done(r, &second);
	assert_true(slow.order < second.order);
	reader_free(r);
}

static void
the_first_lane_helps_out(void **state)
{
	atomic_bool gate = false;
	struct job stuck, quick;
	struct reader *r = start();

	(void)state;
	/* Whichever lane takes the first, the other has the second. */
	submit(r, &stuck, true, &gate);
	wait_began(&stuck);
	submit(r, &quick, true, NULL);
	wait_done(r, &quick);
	atomic_store(&gate, true);
	wait_done(r, &stuck);
	reader_free(r);
}

static void
all_are_told_at_the_end(void **state)
{
	atomic_bool never = false;
	struct job slow, quick[3], waits[2], late;
	struct reader *r = start();

	(void)state;
	submit(r, &slow, false, &never);
	wait_began(&slow);
	submit(r, &quick[0], true, &never);
	wait_began(&quick[0]);
	submit(r, &waits[0], false, NULL);
	submit(r, &waits[1], true, NULL);
	reader_stop(r);
	assert_int_equal(n_done, 4);
	assert_true(slow.done == 1 && slow.job.ran);
	assert_true(quick[0].done == 1 && quick[0].job.ran);
	assert_true(waits[0].done == 1 && !waits[0].job.ran);
	assert_true(waits[1].done == 1 && !waits[1].job.ran);
	late = (struct job){ .job = { .run = on_run, .done = on_done } };
	assert_int_equal(reader_submit(r, &late.job), -ESHUTDOWN);
	reader_free(r);
	reader_free(NULL);
}

static void
too_many_are_refused(void **state)
{
	atomic_bool gate = false;
	static struct job first, slow[1000];
	struct reader *r = start();
	struct job quick;
	size_t n = 0;
	int code;

	(void)state;
	submit(r, &first, false, &gate);
	wait_began(&first);
	do {
		slow[n] = (struct job){ .job = { .run = on_run, .done = on_done } };
		code = reader_submit(r, &slow[n].job);
	} while (code == 0 && ++n < 1000);
	assert_int_equal(code, -EAGAIN);
	submit(r, &quick, true, NULL); /* has room of its own */
	wait_done(r, &quick);
	atomic_store(&gate, true);
	wait_done(r, &slow[n - 1]);
	assert_true(atomic_load(&wakes) > 0);
	reader_free(r);
	assert_int_equal(n_done, (int)n + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_ones_do_not_wait),
		cmocka_unit_test(the_first_lane_helps_out),
		cmocka_unit_test(all_are_told_at_the_end),
		cmocka_unit_test(too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
