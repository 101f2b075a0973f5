/* SPDX-License-Identifier: MIT */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static const char *log_name = "meshopt";
static bool log_verbose;
static bool log_levels;
static bool log_drops;
static unsigned log_lost;

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

void
log_no_wait(void)
{
	log_drops = true;
}

/* A pipe that polls so takes a whole page, and a socket of journald's far more. */
static bool
has_room(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return !log_drops || poll(&fd, 1, 0) != 0;
}

/* At once, or lines of two processes would mix. */
static void
print(int level, const char *line, const char *colon, const char *reason)
{
	char text[1400], mark[8] = "";
	int n;

	if (log_levels)
		(void)snprintf(mark, sizeof(mark), "<%d>", level); /* fits */
	n = snprintf(text, sizeof(text), "%s%s: %s%s%s\n", mark, log_name, line, colon,
	    reason); /* fits: names and reasons are short */
	(void)!write(STDERR_FILENO, text, (size_t)n); /* nobody else to tell */
}

static void
put(int level, const char *fmt, va_list ap, int code)
{
	char line[1024];
	int saved = errno;

	if (!has_room()) {
		log_lost++;
		errno = saved;
		return;
	}
	if (log_lost) {
		(void)snprintf(line, sizeof(line),
		    "%u lines are lost: nobody took them", log_lost); /* fits */
		print(LOG_WARNING, line, "", "");
		log_lost = 0;
	}
	(void)vsnprintf(line, sizeof(line), fmt, ap); /* a cut line is still a line */
	print(level, line, code ? ": " : "", code ? strerror(code) : "");
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
