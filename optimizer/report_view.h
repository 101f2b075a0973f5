/* SPDX-License-Identifier: MIT */
/*
 * What a latency report says of each pair, whatever the form it is told in: what it has
 * now, what the hub gives, what a tunnel of its own gives or would give, and what it
 * had in the window before.
 */
#ifndef OPTIMIZER_REPORT_VIEW_H
#define OPTIMIZER_REPORT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "optimizer/input.h"
#include "optimizer/measure_index.h"

enum report_now { REPORT_UNKNOWN, REPORT_HUB, REPORT_DIRECT, REPORT_HALF };

/* One pair; times in us, -1 = unknown; loss is a share, negative = unknown. */
struct report_line {
	const char *a, *b; /* borrowed */
	enum report_now now;
	int64_t now_us, hub_us, direct_us, jitter_us, p95_us;
	double loss;
	int64_t before_us; /* p50 in the window before */
	double before_loss;
};

/* Over the pairs that are known in both windows, if there are two. */
struct report_totals {
	size_t pairs, measured, direct;
	double mean_ms, before_ms; /* negative = unknown */
	double loss, before_loss;  /* likewise */
};

struct report_view {
	const struct input *in; /* borrowed */
	struct measure_index now, before;
	struct report_line *lines; /* owned; by falling saving */
	size_t n_lines;
	bool windowed;	 /* there is a window before */
	double newest_s; /* age of the newest row; negative = there is none */
	struct report_totals totals;
};

/* before: NULL = not asked for.  Both are borrowed. */
void report_view_init(struct report_view *v, const struct input *in,
    const struct measure *before);
void report_view_fini(struct report_view *v);

/* The row of the path that src uses towards dst now, or NULL. */
const struct measure_row *report_view_row(const struct measure_index *rows,
    const char *src, const char *dst);

const char *report_view_path(enum report_now now);

/*
 * The lines, most telling first and at most max of them, as indices; how many.
 *
 * Worst: by p95.  Gain: those by the hub that a tunnel would make faster by more than
 * REPORT_GAIN_US.  Change: those that are not as they were: by more than
 * REPORT_CHANGE_US and a tenth, or by more than REPORT_CHANGE_LOSS.
 */
enum report_order { REPORT_WORST, REPORT_GAIN, REPORT_CHANGE };
#define REPORT_GAIN_US	   10000
#define REPORT_CHANGE_US   5000
#define REPORT_CHANGE_LOSS 0.01
size_t report_view_top(const struct report_view *v, enum report_order order,
    size_t *out, size_t max);

#endif
