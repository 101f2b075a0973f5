/* SPDX-License-Identifier: MIT */
/*
 * Where reports are kept, behind one table of functions.  A store keeps the validated
 * binary body of each report as it is, under the key (source, start of the window in
 * ms), and knows nothing of what is inside.
 *
 * A store belongs to one thread at a time: it may be opened by one and handed to
 * another, never used by two at once.  Every function returns 0 or -errno with err
 * filled in; after a failure of put or expire the store is still usable and may be
 * tried again.
 */
#ifndef COLLECTOR_STORE_H
#define COLLECTOR_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

struct store_ops;

/* The common head of every backend's own struct. */
struct store {
	const struct store_ops *ops;
};

enum store_fate {
	STORE_NEW,
	STORE_DUPLICATE /* the key was there already; what was there stays */
};

struct store_report {
	const char *src; /* borrowed; name of a node */
	struct wall start;
	const uint8_t *body; /* borrowed */
	size_t len;
	enum store_fate fate; /* out, of put_reports that returned 0 */
};

/* from <= start < to */
struct store_window {
	struct wall from, to;
};

/* Returns 0 to go on, anything else to stop the scan, which then returns that. */
typedef int store_scan_cb(const struct store_report *report, void *ctx);

struct store_ops {
	const char *name;

	/* where: a path, or what else the backend takes.  Makes what is not there. */
	int (*open)(const char *where, struct store **out, struct err *err);
	/* NULL is fine. */
	void (*close)(struct store *store);

	/*
	 * All or nothing, in one transaction that is on disk when this returns 0.  A
	 * report that is twice in the batch is new once.
	 */
	int (*put_reports)(struct store *store, struct store_report *const *reports,
	    size_t n, struct err *err);

	/*
	 * Every report of the window, in order of start.  The callback must not use the
	 * store.
	 */
	int (*scan_window)(struct store *store, const struct store_window *window,
	    store_scan_cb *cb, void *ctx, struct err *err);

	/*
	 * Delete at most max of the reports that started before the given time, oldest
	 * first; *gone tells how many, less than max when none is left.
	 */
	int (*expire)(struct store *store, struct wall before, size_t max, size_t *gone,
	    struct err *err);
};

extern const struct store_ops store_sqlite;

#endif
