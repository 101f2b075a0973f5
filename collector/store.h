/* SPDX-License-Identifier: MIT */
/*
 * Where reports are kept, behind one table of functions.
 *
 * Three tiers, one codec: the raw reports as they came, and roll-ups of 5 minutes and
 * of an hour, which are reports of that length (rollup.h makes them).  The key is
 * (tier, source, start).  A store knows nothing of what is inside a body.
 *
 * A bucket of a roll-up whose reports have changed since it was made has a mark, which
 * is set in the transaction that stores the report and cleared in the one that stores
 * the roll-up: so every roll-up is made, whatever is killed when.  What a roll-up is
 * made of goes, by expire(), in whole buckets and never while the bucket is marked.
 * From then on the bucket is sealed: what still comes for it must be merged into what
 * is there, because making it anew would forget what has gone.
 *
 * A store belongs to one thread at a time: it may be opened by one and handed to
 * another, never used by two at once.  A thread that only reads opens one of its own.
 * Every function returns 0 or -errno with err filled in; after a failure the store is
 * still usable and may be tried again.  Sources and nodes are mesh names.
 */
#ifndef COLLECTOR_STORE_H
#define COLLECTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/mesh.h"

struct store_ops;

/* The common head of every backend's own struct. */
struct store {
	const struct store_ops *ops;
};

enum store_mode {
	STORE_WRITE, /* the one that writes; makes what is not there */
	STORE_READ   /* put, expire fail; beside a writer, which it does not hold up */
};

enum store_tier {
	STORE_RAW,
	STORE_5MIN,
	STORE_HOUR,
	STORE_TIERS,
	STORE_EVENTS = STORE_TIERS /* for expire() only */
};

#define STORE_5MIN_MS (300 * INT64_C(1000))
#define STORE_HOUR_MS (3600 * INT64_C(1000))
/* Plans that are kept, to go back to. */
#define STORE_PLANS 50

enum store_fate {
	STORE_NEW,
	STORE_DUPLICATE, /* the key was there already; what was there stays */
	STORE_STALE	 /* overtaken: not stored */
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

struct store_scan {
	enum store_tier tier;
	struct store_window window;
	const char *const *srcs; /* borrowed; n_srcs == 0: of all sources */
	size_t n_srcs;
};

/* A bucket of a roll-up that is to be made. */
struct store_mark {
	enum store_tier tier; /* of the roll-up: 5MIN or HOUR */
	char src[MESH_NAME_MAX];
	struct wall start; /* of the bucket */
	int64_t version;   /* changes whenever a report of the bucket comes */
	bool sealed;	   /* see above */
};

struct store_due {
	enum store_tier tier;
	struct wall start_before; /* buckets that begin earlier */
	/* Of a sealed bucket only if nothing came since: until it is merged, a report
	 * that is sent again is known as a duplicate. */
	struct wall quiet_since;
};

struct store_rollup {
	struct store_mark mark;
	const uint8_t *body; /* borrowed; NULL: clear the mark and store nothing */
	size_t len;
	enum store_fate fate; /* out: NEW, or STALE if the mark has changed */
};

struct store_event {
	const char *node;   /* with boot and seq the key */
	uint64_t boot, seq; /* seq below 2^63 */
	struct wall at;	    /* by the node's clock; whole ms are kept */
	const char *kind, *text;
	enum store_fate fate; /* out: NEW or DUPLICATE */
};

struct store_plan {
	uint64_t epoch; /* below 2^63 */
	struct wall at; /* when it came; whole ms are kept */
	const uint8_t *body;
	size_t len;
	/*
	 * For put_plan(): may a stored plan still be handed out?  NULL = all of them.
	 * Those that may not, as after a change of PlanKey, are no reason to refuse,
	 * and go where their epoch is not below this one's.
	 */
	bool (*counts)(const uint8_t *body, size_t len, const void *ctx);
	const void *ctx;
	enum store_fate fate; /* out: NEW; DUPLICATE: the newest, again, byte for byte;
				 STALE: an epoch that is not above the newest; of those
				 that count */
};

/*
 * Return 0 to go on, anything else to stop the scan, which then returns that.  What
 * they are shown is valid until they return; they must not use the store.
 */
typedef int store_scan_cb(const struct store_report *report, void *ctx);
typedef int store_event_cb(const struct store_event *event, void *ctx);
typedef int store_plan_cb(const struct store_plan *plan, void *ctx);

struct store_ops {
	const char *name;

	/*
	 * where: a path, or what else the backend takes.  -EBADMSG: it was a store of
	 * ours and is damaged; nothing was changed.
	 */
	int (*open)(const char *where, enum store_mode mode, struct store **out,
	    struct err *err);
	/* NULL is fine. */
	void (*close)(struct store *store);

	/*
	 * Raw reports.  All or nothing, in one transaction that is on disk when this
	 * returns 0.  A report that is twice in the batch is new once.
	 */
	int (*put_reports)(struct store *store, struct store_report *const *reports,
	    size_t n, struct err *err);

	/*
	 * What is of one source comes in order of start; with srcs, source by source
	 * as they stand there.  One that the store has never seen has nothing.
	 */
	int (*scan)(struct store *store, const struct store_scan *scan,
	    store_scan_cb *cb, void *ctx, struct err *err);

	/* Of each source its newest report, of the finest tier that has one. */
	int (*last)(struct store *store, store_scan_cb *cb, void *ctx, struct err *err);

	/* The oldest marks that are due, at most max; *n tells how many. */
	int (*marks)(struct store *store, const struct store_due *due,
	    struct store_mark *out, size_t max, size_t *n, struct err *err);

	/*
	 * All or nothing: for each whose mark is still of that version, replace the
	 * roll-up, clear the mark, and mark the hour of a 5-minute one.  Of a sealed
	 * bucket the reports below it, which were merged in, go as well.
	 */
	int (*put_rollups)(struct store *store, struct store_rollup *rollups, size_t n,
	    struct err *err);

	/*
	 * Delete about max reports of a tier (roll-ups are reports), or events, that
	 * are wholly before the given time, the oldest of a source first, in whole
	 * buckets of the next tier; *gone tells how many, less than max when none is
	 * left that may go.
	 */
	int (*expire)(struct store *store, enum store_tier tier, struct wall before,
	    size_t max, size_t *gone, struct err *err);

	int (*put_events)(struct store *store, struct store_event *events, size_t n,
	    struct err *err);
	/* In order of time. */
	int (*scan_events)(struct store *store, const struct store_window *window,
	    store_event_cb *cb, void *ctx, struct err *err);

	/* Keeps the newest STORE_PLANS. */
	int (*put_plan)(struct store *store, struct store_plan *plan, struct err *err);
	/* Newest first. */
	int (*scan_plans)(struct store *store, store_plan_cb *cb, void *ctx,
	    struct err *err);

	/* Epoch and at of the newest; epoch 0 = none.  NULL: nobody else writes here.
	 */
	int (
	    *newest_plan)(struct store *store, struct store_plan *out, struct err *err);

	/* Look at every page.  -EBADMSG, with the first fault, if it is damaged. */
	int (*check)(struct store *store, struct err *err);
};

extern const struct store_ops store_sqlite;
#ifdef MESHOPT_PG
extern const struct store_ops store_pg;
#endif

/* Is it a database server's URL or conninfo, and not a file's path? */
bool store_is_server(const char *where);

/*
 * Open with the backend that `where` names.  A damaged file that was to be written is
 * renamed, with its log, to FILE.damaged-DATE and a new one is begun: *aside is that
 * name (to be freed) then, else NULL.
 */
int store_open(const char *where, enum store_mode mode, struct store **out,
    char **aside, struct err *err);

/* How many such files there are; *newest (to be freed) is NULL without one. */
size_t store_asides(const char *where, char **newest);

/* The length of a tier's buckets; 0 of raw ones, which have any length. */
static inline int64_t
store_tier_ms(enum store_tier tier)
{
	return tier == STORE_5MIN   ? STORE_5MIN_MS
	       : tier == STORE_HOUR ? STORE_HOUR_MS
				    : 0;
}

/* Where the bucket of that length begins that t is in, in ms; t is not before 1970. */
/* For backends: what a stored plan, the newest that was not looked at, says of one. */
struct store_found {
	int64_t epoch;
	bool foreign; /* it does not count: look at the next */
	enum store_fate fate;
};

static inline struct store_found
store_compare(const struct store_plan *plan, int64_t epoch, const void *body,
    size_t len)
{
	struct store_found found = { .epoch = epoch, .fate = STORE_NEW };

	if (plan->counts && !plan->counts(body, len, plan->ctx))
		found.foreign = true;
	else if ((int64_t)plan->epoch == epoch && plan->len == len &&
		 memcmp(plan->body, body, len) == 0)
		found.fate = STORE_DUPLICATE;
	else if ((int64_t)plan->epoch <= epoch)
		found.fate = STORE_STALE;
	return found;
}

static inline int64_t
store_bucket_ms(struct wall t, int64_t length_ms)
{
	int64_t ms = t.ns / NS_PER_MS;

	return ms - ms % length_ms;
}

#endif
