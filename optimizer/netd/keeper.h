/* SPDX-License-Identifier: MIT */
/*
 * netd without its process: requests in, answers out, one look at the kernel every ten
 * seconds.  It does no I/O but through kernel.h and journal.h, and is told the time, so
 * that tests can run two of it against two kernels of tables.
 *
 * Every change is judged by policy.h, journalled, made, read back, and undone if it did
 * not turn out as asked.  Whatever happens, the hub's path is the one that is left.
 */
#ifndef OPTIMIZER_NETD_KEEPER_H
#define OPTIMIZER_NETD_KEEPER_H

#include "optimizer/netd/policy.h"

#define KEEPER_POLL (10 * NS_PER_S) /* operators' changes are seen within this */

struct keeper;

struct keeper_now {
	struct mono mono;
	struct wall wall;
	bool freeze; /* the file is there */
};

struct keeper_opts {
	struct kernel *kernel; /* borrowed */
	struct mesh *mesh;     /* taken over */
	size_t self;
	/* Path, borrowed during keeper_open(); NULL = none: nobody goes on from here.
	 */
	const char *journal;
	const struct journal_io *io; /* NULL = the system's */
	uint8_t boot[BOOK_BOOT];
	struct policy_limit limit; /* of path changes; 0 = default */
	/* Both with ctx.  An answer that cannot be sent is lost. */
	void (*send)(const void *message, size_t len, void *ctx);
	/* The mesh file again, or NULL with err; it becomes the keeper's. */
	struct mesh *(*load)(size_t *self, struct err *err, void *ctx);
	void *ctx;
};

/*
 * Read the journal and the kernel, and bring to an end what a crash left half-done: a
 * withdrawal is finished, anything else that is not whole is withdrawn.  What is right
 * is not touched.
 */
int keeper_open(const struct keeper_opts *opts, struct keeper_now now,
    struct keeper **out, struct err *err);
void keeper_close(struct keeper *keeper);

/* One message, whatever it holds; ends with one reply. */
void keeper_handle(struct keeper *keeper, const void *message, size_t len,
    struct keeper_now now);

/* Look, and do what is netd's own: see keeper_watch.c.  Also when the monitor woke. */
void keeper_poll(struct keeper *keeper, struct keeper_now now);

/* When to look at the latest, for a lease that the kernel does not hold. */
struct mono keeper_wake(const struct keeper *keeper);

/* Nobody will renew anything: what is not committed is taken back. */
void keeper_leave(struct keeper *keeper, struct keeper_now now);

/* Of the two interfaces, as last seen; for kernel_monitor_read(). */
const unsigned *keeper_ifindex(const struct keeper *keeper);

/* Once, what a person should know about the start; "" = nothing. */
const char *keeper_words(const struct keeper *keeper);

#endif
