/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static const char *log_name = "meshopt";
static bool log_verbose;
static bool log_levels;

/*
 * Started with standard descriptors closed (">&-"), the next file or socket would get
 * their numbers, and what is printed would go into it.  They are opened such that a
 * write fails, and is seen to fail.
 */
static void
hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		(void)close(fd); /* only opened to see its number */
}

void
log_init(const char *name, bool verbose)
{
	hold_standard_fds();
	log_name = name;
	log_verbose = verbose;
	/* systemd sets this when stderr goes to the journal: sd-daemon(3). */
	log_levels = getenv("JOURNAL_STREAM") != NULL;
}

static void
put(int level, const char *fmt, va_list ap, int code)
{
	char line[1024];
	int saved = errno;

	(void)vsnprintf(line, sizeof(line), fmt, ap); /* a cut line is still a line */
	if (log_levels)
		fprintf(stderr, "<%d>", level);
	if (code)
		fprintf(stderr, "%s: %s: %s\n", log_name, line, strerror(code));
	else
		fprintf(stderr, "%s: %s\n", log_name, line);
	errno = saved;
}

void
log_warn(const char *fmt, ...)
{
	int code = errno;
	va_list ap;

	va_start(ap, fmt);
	put(LOG_WARNING, fmt, ap, code);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_WARNING, fmt, ap, 0);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_INFO, fmt, ap, 0);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_verbose)
		return;
	va_start(ap, fmt);
	put(LOG_DEBUG, fmt, ap, 0);
	va_end(ap);
}

void
log_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_ERR, fmt, ap, 0);
	va_end(ap);
	exit(1);
}
