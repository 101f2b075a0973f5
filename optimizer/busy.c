/* SPDX-License-Identifier: MIT */
/*
 * A line that comes and goes.  It is written at once rather than after a second, since
 * that would want a timer beside what is at work; one that is gone in no time harms
 * nobody.
 */
#include "optimizer/busy.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void
busy_begin(const char *fmt, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

void
busy_end(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}
