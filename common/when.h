/* SPDX-License-Identifier: MIT */
/*
 * A point in time as people write it, strictly: nothing before it, nothing after it.
 */
#ifndef COMMON_WHEN_H
#define COMMON_WHEN_H

#include "common/clock.h"

/*
 * One of
 *	2026-11-22T13:53:20.123Z, or with +01:00 (RFC 3339, 5.6), in 1970 to 2199
 *	1767225600.5	seconds since 1970
 *	24h, 90m, 7d	so long before now; the unit may not be left out
 *	now
 * A blank stands for the "+" of an offset: that is what a URL's query makes of it.
 * 0, or -EINVAL with *out untouched.
 */
int when_parse(const char *text, struct wall now, struct wall *out);
/* The first form alone. */
int when_parse_rfc3339(const char *text, struct wall *out);

#endif
