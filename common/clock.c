/* SPDX-License-Identifier: MIT */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

struct mono
clock_mono(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (struct mono){ ts.tv_sec * NS_PER_S + ts.tv_nsec };
}

struct wall
clock_wall(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock */
	return (struct wall){ ts.tv_sec * NS_PER_S + ts.tv_nsec };
}

void
wall_format(struct wall t, char text[WALL_TEXT_MAX])
{
	int64_t ms = t.ns / NS_PER_MS;
	time_t sec = (time_t)(ms / 1000);
	struct tm tm;
	char day[24];

	if (!gmtime_r(&sec, &tm) ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		day[0] = '\0';
	(void)snprintf(text, WALL_TEXT_MAX, "%s.%03dZ", day, (int)(ms % 1000));
}
