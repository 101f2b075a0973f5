/* SPDX-License-Identifier: MIT */
/*
 * What the probes of each stretch of time found.  A probe belongs to the window in
 * which it was sent, whenever its answer comes; a window becomes a report one timeout
 * after its end, when its last probe has been answered or given up.  So a few windows
 * are alive at once: the open one and those that wait.  Pure.
 *
 * Rows are numbered peer * PATH_COUNT + path, and that number is the probe's slot.
 */
#ifndef PROBER_WINDOW_H
#define PROBER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/pinger.h"
#include "common/report.h"

struct window_set;

/* The moment that one window ends and the next begins. */
struct window_edge {
	struct mono now;
	struct wall wall;
	uint64_t next_seq; /* the first probe that belongs to the new window */
	enum stamp stamp;  /* of the new window's RTTs */
	struct pinger_counts counts;
};

/* Begins with the first window open. */
struct window_set *window_new(int64_t timeout_ns, const struct window_edge *edge);
void window_free(struct window_set *set);

/* End the open window and begin the next. */
void window_roll(struct window_set *set, const struct window_edge *edge);

/* A probe left in the open window. */
void window_sent(struct window_set *set, uint32_t row);
/* It did not after all. */
void window_unsent(struct window_set *set, uint32_t row);
/* A probe could not leave because there is no way to the target: sent and lost. */
void window_unsendable(struct window_set *set, uint32_t row);
/*
 * The fate of a probe; with_rtt false: an answer whose RTT belongs to no row.  What is
 * late or double after its window has been reported is counted in the open one.
 */
void window_result(struct window_set *set, const struct pinger_result *r,
    bool with_rtt);

/*
 * Tell what pinger_counts() says, at least once between the drain and window_take().
 * While answers were dropped for want of room in the socket buffer, nobody knows of a
 * missing answer whether it was one of those.  So in a window with such drops, up to
 * the end of its wait, a path that answered at all has no loss: its unanswered probes
 * count as not sent.  A path that did not answer keeps its loss, if more is missing
 * than was dropped.
 */
void window_counts(struct window_set *set, const struct pinger_counts *counts);

/* Would window_take() have one now? */
bool window_is_complete(const struct window_set *set, struct mono now);

/*
 * Take the oldest window that is complete by now: times, counts and rows of *r are
 * filled in (r: zeroed, then the caller's to report_fini()); name gives the peers'
 * names. False: none is complete.
 */
typedef const char *window_name_fn(uint32_t peer, const void *ctx);
bool window_take(struct window_set *set, struct mono now, struct report *r,
    window_name_fn *name, const void *ctx);

/* When window_take() may next have one; false: no window waits. */
bool window_next(const struct window_set *set, struct mono *when);

#endif
