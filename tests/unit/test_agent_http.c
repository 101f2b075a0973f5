/* SPDX-License-Identifier: MIT */
/*
 * The agent's HTTP: a name server that does not answer must not hold up the loop, which
 * guards the paths.
 *
 * links: optimizer/agent/http.c
 */
#include "optimizer/agent/http.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"

#define SLOW_S 4 /* of a name server */

static atomic_int asked;

/* In the place of the C library's. */
int
getaddrinfo(const char *restrict name, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	struct timespec slow = { .tv_sec = SLOW_S };

	(void)name;
	(void)service;
	(void)hints;
	*res = NULL;
	asked++;
	(void)nanosleep(&slow, NULL); /* a signal would do no harm */
	return EAI_AGAIN;
}

struct run {
	struct ev_loop *loop;
	struct mono last;
	int64_t longest_ns; /* between two beats */
	bool answered;
	long status;
};

static void
on_answer(const struct http_answer *a, void *ctx)
{
	struct run *r = ctx;

	r->answered = true;
	r->status = a->status;
	ev_break(r->loop, EVBREAK_ALL);
}

static void
on_beat(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct run *r = w->data;
	struct mono now = clock_mono();

	(void)loop;
	(void)revents;
	if (mono_diff(now, r->last) > r->longest_ns)
		r->longest_ns = mono_diff(now, r->last);
	r->last = now;
}

static void
slow_names_hold_nothing_up(void **state)
{
	struct run r = { .loop = ev_default_loop(EVFLAG_AUTO), .last = clock_mono() };
	struct http_request request = { .url = "http://collector.invalid:8650/",
		.timeout_ms = 500,
		.most = 100,
		.cb = on_answer,
		.ctx = &r };
	struct http *http;
	struct err err;
	struct mono before;
	ev_timer beat;

	(void)state;
	assert_int_equal(http_new(r.loop, &http, &err), 0);
	ev_timer_init(&beat, on_beat, 0., 0.05);
	beat.data = &r;
	ev_timer_start(r.loop, &beat);
	assert_int_equal(http_start(http, 0, &request), 0);
	ev_run(r.loop, 0);
	on_beat(r.loop, &beat, 0);
	assert_true(r.answered);
	assert_int_equal(r.status, 0);
	if (!asked)
		skip(); /* a libcurl with a resolver of its own */
	assert_true(r.longest_ns < SLOW_S * NS_PER_S / 2);
	/* Nor the end, in the middle of a lookup. */
	assert_int_equal(http_start(http, 0, &request), 0);
	while (asked < 2)
		ev_run(r.loop, EVRUN_ONCE);
	before = clock_mono();
	http_free(http);
	assert_true(mono_diff(clock_mono(), before) < SLOW_S * NS_PER_S / 2);
	ev_timer_stop(r.loop, &beat);
	ev_loop_destroy(r.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_names_hold_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
