/* SPDX-License-Identifier: MIT */
#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void
put(struct err *err, const char *fmt, va_list ap)
{
	if (err)
		(void)vsnprintf(err->text, sizeof(err->text), fmt,
		    ap); /* cut is fine */
}

int
err_set(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(err, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int
err_code(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(err, fmt, ap);
	va_end(ap);
	return -code;
}
