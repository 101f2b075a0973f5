/* SPDX-License-Identifier: MIT */
#include "common/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/num.h"

#define DAY_S	 86400
#define YEAR_MIN 1970
#define YEAR_MAX 2199
/* 2200-01-01, beyond which RFC 3339 is refused too. */
#define UNIX_MAX INT64_C(7258118400)

/* Exactly n digits with a value of lo to hi. */
static bool
field(const char **text, int n, int lo, int hi, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*text)++) {
		if (!isdigit((unsigned char)**text))
			return false;
		v = v * 10 + (**text - '0');
	}
	*out = v;
	return v >= lo && v <= hi;
}

static bool
one_of(const char **text, const char *set)
{
	if (!**text || !strchr(set, **text))
		return false;
	(*text)++;
	return true;
}

/* ".123": what is below a ns is cut off.  None is 0. */
static bool
fraction(const char **text, int64_t *ns)
{
	int64_t unit = NS_PER_S / 10;

	*ns = 0;
	if (**text != '.')
		return true;
	if (!isdigit((unsigned char)*++*text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++, unit /= 10)
		*ns += (**text - '0') * unit;
	return true;
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static int64_t
days_since_1970(int year, int month, int day)
{
	int64_t days = day - 1;

	for (int y = YEAR_MIN; y < year; y++)
		days += 337 + month_days(y, 2); /* the other months: 337 */
	for (int m = 1; m < month; m++)
		days += month_days(year, m);
	return days;
}

/* "Z", "+01:00": seconds that local time is ahead. */
static bool
offset(const char **text, int *out)
{
	const char *sign = *text;
	int hours, minutes;

	*out = 0;
	if (one_of(text, "Zz"))
		return true;
	if (!one_of(text, "+- ") || !field(text, 2, 0, 23, &hours) ||
	    !one_of(text, ":") || !field(text, 2, 0, 59, &minutes))
		return false;
	*out = (hours * 60 + minutes) * 60;
	if (*sign == '-')
		*out = -*out;
	return true;
}

static bool
rfc3339(const char *text, struct wall *out)
{
	int year, month, day, hour, minute, second, ahead;
	int64_t ns, days;

	if (!field(&text, 4, YEAR_MIN, YEAR_MAX, &year) || !one_of(&text, "-") ||
	    !field(&text, 2, 1, 12, &month) || !one_of(&text, "-") ||
	    !field(&text, 2, 1, month_days(year, month), &day) ||
	    !one_of(&text, "Tt") || !field(&text, 2, 0, 23, &hour) ||
	    !one_of(&text, ":") || !field(&text, 2, 0, 59, &minute) ||
	    !one_of(&text, ":") || !field(&text, 2, 0, 60, &second) ||
	    !fraction(&text, &ns) || !offset(&text, &ahead) || *text)
		return false;
	days = days_since_1970(year, month, day);
	out->ns =
	    (days * DAY_S + (hour * 60 + minute) * 60 + second - ahead) * NS_PER_S + ns;
	return out->ns >= 0;
}

static bool
unix_time(const char *text, struct wall *out)
{
	int64_t s = 0, ns;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		s = s * 10 + (*text - '0');
		if (s >= UNIX_MAX)
			return false;
	}
	if (!fraction(&text, &ns) || *text)
		return false;
	out->ns = s * NS_PER_S + ns;
	return true;
}

int
when_parse(const char *text, struct wall now, struct wall *out)
{
	struct wall t;
	int64_t ago;

	if (strcmp(text, "now") == 0)
		t = now;
	else if (unix_time(text, &t) || rfc3339(text, &t))
		; /* done */
	else if (num_duration(text, &ago) == 0)
		t.ns = now.ns > ago ? now.ns - ago : 0;
	else
		return -EINVAL;
	*out = t;
	return 0;
}

int
when_parse_rfc3339(const char *text, struct wall *out)
{
	struct wall t;

	if (!rfc3339(text, &t))
		return -EINVAL;
	*out = t;
	return 0;
}
