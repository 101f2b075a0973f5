/* SPDX-License-Identifier: MIT */
#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/num.h"

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

int
wall_parse_date(const char *text, struct wall *out)
{
	char part[3][5] = { "", "", "" };
	uint32_t y, m, d;
	struct tm tm = { 0 };
	time_t sec;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return -EINVAL;
	memcpy(part[0], text, 4);
	memcpy(part[1], text + 5, 2);
	memcpy(part[2], text + 8, 2);
	if (num_u32(part[0], 1970, 2199, &y) < 0 || num_u32(part[1], 1, 12, &m) < 0 ||
	    num_u32(part[2], 1, 31, &d) < 0)
		return -EINVAL;
	tm.tm_year = (int)y - 1900;
	tm.tm_mon = (int)m - 1;
	tm.tm_mday = (int)d;
	sec = timegm(&tm);
	/* timegm() makes the 31st of February a day in March. */
	if (tm.tm_mday != (int)d)
		return -EINVAL;
	out->ns = sec * NS_PER_S;
	return 0;
}
