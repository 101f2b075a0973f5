/* SPDX-License-Identifier: MIT */
/*
 * The event loop: the engine's tick, the upload and the signals.
 */
#ifndef PROBER_LOOP_H
#define PROBER_LOOP_H

#include "common/err.h"
#include "prober/engine.h"

struct loop;
struct spool;
struct stamp_reflector;

struct loop_opts {
	struct engine_opts engine; /* report and ctx are set here */
	struct engine_roster roster;
	const char *collector; /* base URL */
	/* The caller's, and outlive the loop: */
	struct spool *spool;
	struct stamp_reflector *reflector; /* NULL = none */
	int metrics_fd; /* from metrics_listen(), taken over; -1 = none */
	/* SIGHUP: reads the mesh again and calls engine_reload(). */
	void (*reload)(struct engine *e, void *ctx);
	/* Each second: has a name got another address? */
	void (*poll)(struct engine *e, void *ctx);
	void *ctx;
};

int loop_new(const struct loop_opts *opts, struct loop **out, struct err *err);
void loop_free(struct loop *l);

/* Until SIGTERM or SIGINT; then at most DRAIN_S to deliver what waits. */
void loop_run(struct loop *l);

#endif
