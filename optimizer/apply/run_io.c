/* SPDX-License-Identifier: MIT */
/*
 * Clocks, signals and the pinger behind struct run_io.
 */
#include "optimizer/apply/run_io.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/apply/pair.h"

/* A signal that comes between the check and the sleep costs one of these. */
#define NAP_MAX (250 * NS_PER_MS)

struct real {
	struct run_io io; /* first, so that free() of it frees all */
	struct pinger *pinger;
	struct sigaction old_int, old_term;
};

static volatile sig_atomic_t stop_asked;

static void
on_signal(int number)
{
	(void)number;
	stop_asked = 1;
}

static struct mono
real_mono(void *ctx)
{
	(void)ctx;
	return clock_mono();
}

static struct wall
real_wall(void *ctx)
{
	(void)ctx;
	return clock_wall();
}

static bool
real_stopped(void *ctx)
{
	(void)ctx;
	return stop_asked;
}

static void
real_wait(void *ctx, struct mono until)
{
	struct real *r = ctx;
	int64_t ns = mono_diff(until, clock_mono());
	struct pollfd poll_fds[PINGER_FDS];
	int fds[PINGER_FDS];
	size_t n = r->pinger ? pinger_fds(r->pinger, fds) : 0;

	if (ns <= 0)
		return;
	if (ns > NAP_MAX)
		ns = NAP_MAX;
	for (size_t i = 0; i < n; i++)
		poll_fds[i] = (struct pollfd){ fds[i], POLLIN, 0 };
	/* The caller looks at everything again, however this ends. */
	(void)poll(poll_fds, n, (int)((ns + NS_PER_MS - 1) / NS_PER_MS));
}

static void
real_close(void *ctx)
{
	struct real *r = ctx;

	if (r->pinger)
		pinger_free(r->pinger);
	r->pinger = NULL;
}

static int
real_open(void *ctx, const char *device, struct err *err)
{
	struct real *r = ctx;

	real_close(ctx);
	return pinger_new(&(struct pinger_opts){ .device = device,
			      .timeout_ns = PAIR_PROBE_TIMEOUT,
			      .dont_fragment = true },
	    &r->pinger, err);
}

static int
real_send(void *ctx, uint32_t slot, const struct addr *to, unsigned scope,
    size_t payload)
{
	struct pinger_probe probe = { .slot = slot,
		.to = *to,
		.scope = scope,
		.payload = payload,
		.overlay = true };
	struct real *r = ctx;
	uint64_t seq;

	return pinger_send(r->pinger, &probe, clock_mono(), &seq);
}

static void
real_drain(void *ctx, pinger_cb *cb, void *cb_ctx)
{
	struct real *r = ctx;

	if (r->pinger)
		(void)pinger_drain(r->pinger, clock_mono(), cb,
		    cb_ctx); /* count unused */
}

struct run_io *
run_io_new(void)
{
	struct real *r = mem_alloc(sizeof(*r));
	struct sigaction action = { .sa_handler = on_signal };

	r->io = (struct run_io){ .ctx = r,
		.mono = real_mono,
		.wall = real_wall,
		.stopped = real_stopped,
		.wait = real_wait,
		.open = real_open,
		.close = real_close,
		.send = real_send,
		.drain = real_drain };
	stop_asked = 0;
	/* No SA_RESTART: a sleep is to end. */
	(void)sigaction(SIGINT, &action, &r->old_int);	 /* cannot fail */
	(void)sigaction(SIGTERM, &action, &r->old_term); /* likewise */
	return &r->io;
}

void
run_io_free(struct run_io *io)
{
	struct real *r;

	if (!io)
		return;
	r = io->ctx;
	real_close(r);
	(void)sigaction(SIGINT, &r->old_int, NULL);   /* cannot fail */
	(void)sigaction(SIGTERM, &r->old_term, NULL); /* likewise */
	free(r);
}
