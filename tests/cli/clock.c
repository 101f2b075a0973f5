/* SPDX-License-Identifier: MIT */
/*
 * For tests, to be preloaded: the wall clock is ahead by the seconds in the file that
 * CLOCK_AHEAD names.  The clock that never jumps is left alone, as by date(1) and by a
 * machine that slept.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);
	const char *name = getenv("CLOCK_AHEAD");
	char text[16] = "";
	int fd;

	if (rc < 0 || id != CLOCK_REALTIME || !name)
		return rc;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return rc;
	if (read(fd, text, sizeof(text) - 1) > 0)
		ts->tv_sec += strtol(text, NULL, 10);
	(void)close(fd); /* only read */
	return rc;
}
