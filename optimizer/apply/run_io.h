/* SPDX-License-Identifier: MIT */
/*
 * The world outside the kernel's tables, as run.c sees it: the time, waiting, and
 * probes in the tunnel.  Unit tests bring their own, on a clock that they turn
 * themselves.
 */
#ifndef OPTIMIZER_APPLY_RUN_IO_H
#define OPTIMIZER_APPLY_RUN_IO_H

#include "common/pinger.h"

struct run_io {
	void *ctx;
	struct mono (*mono)(void *ctx);
	struct wall (*wall)(void *ctx);
	bool (*stopped)(void *ctx); /* the user wants it to end */
	/* Until then, or until a probe is answered, or until stopped. */
	void (*wait)(void *ctx, struct mono until);
	/* Bound to this interface; once it exists.  Closed by close, in any state. */
	int (*open)(void *ctx, const char *device, struct err *err);
	void (*close)(void *ctx);
	/* As pinger_send(); scope is the interface's index. */
	int (*send)(void *ctx, uint32_t slot, const struct addr *to, unsigned scope,
	    size_t payload);
	void (*drain)(void *ctx, pinger_cb *cb, void *cb_ctx);
};

/*
 * The real one: the kernel's clocks and common/pinger.h.  SIGINT and SIGTERM stop it,
 * from this call until run_io_free().
 */
struct run_io *run_io_new(void);
void run_io_free(struct run_io *io);

#endif
