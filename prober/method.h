/* SPDX-License-Identifier: MIT */
/*
 * One row for each path, whichever way it was probed.  Where only STAMP was sent the
 * row is STAMP's.  Where both were, it is that of ICMP, unless ICMP is policed: then
 * its loss is none of the path's, and the row is STAMP's.  Pure.
 */
#ifndef PROBER_METHOD_H
#define PROBER_METHOD_H

#include <stdbool.h>

#include "common/report.h"

/*
 * At least METHOD_LOST of ICMP's probes were lost, and a share METHOD_TIMES as large as
 * of STAMP's.  With ten probes each on a path that loses 10 % of everything that is by
 * chance in 1 window of 50.
 */
#define METHOD_LOST  3u
#define METHOD_TIMES 4u

bool method_is_policed(const struct report_row *icmp, const struct report_row *stamp);

/* Called once a path that was probed both ways. */
typedef void method_cb(const struct report_row *icmp, bool policed, void *ctx);

/*
 * Move the rows of stamp, the report of the same window, into r, as said above, and
 * leave stamp empty.  The stamps of r are then the poorer of the two.
 */
void method_merge(struct report *r, struct report *stamp, method_cb *cb, void *ctx);

#endif
