/* SPDX-License-Identifier: MIT */
/*
 * Time.  The two clocks have two types, so that the compiler refuses to mix them: mono
 * for everything that waits or measures, wall for what other machines read.  Only this
 * module asks the kernel; core code is handed the time.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define US_PER_MS INT64_C(1000)
#define US_PER_S  INT64_C(1000000)

struct mono {
	int64_t ns; /* CLOCK_MONOTONIC */
};

struct wall {
	int64_t ns; /* CLOCK_REALTIME, since 1970-01-01T00:00:00Z */
};

struct mono clock_mono(void);
struct wall clock_wall(void);

static inline struct mono
mono_add(struct mono t, int64_t ns)
{
	return (struct mono){ t.ns + ns };
}

/* later - earlier, in ns */
static inline int64_t
mono_diff(struct mono later, struct mono earlier)
{
	return later.ns - earlier.ns;
}

#define WALL_TEXT_MAX 32 /* "2026-11-22T13:53:20.123Z" and its end */

/* RFC 3339 in UTC with milliseconds. */
void wall_format(struct wall t, char text[WALL_TEXT_MAX]);

/* Midnight UTC of "2026-11-01", exactly so.  0, or -EINVAL with *out untouched. */
int wall_parse_date(const char *text, struct wall *out);

#endif
