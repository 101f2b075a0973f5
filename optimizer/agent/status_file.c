/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/status_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static int
write_text(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len); /* a file in memory takes all or fails */
	if (n != (ssize_t)len)
		rc = n < 0 ? -errno : -ENOSPC;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

void
status_file_write(const char *dir, const struct status_json *status)
{
	static int said;
	char path[PATH_MAX], temp[PATH_MAX];
	char *text = status_json(status);
	int rc = -ENOMEM;

	(void)snprintf(path, sizeof(path), "%s/" STATUS_FILE, dir); /* or fails */
	(void)snprintf(temp, sizeof(temp), "%s/" STATUS_FILE ".new",
	    dir); /* likewise */
	if (text)
		rc = write_text(temp, text);
	if (rc == 0 && rename(temp, path) < 0)
		rc = -errno;
	if (rc < 0 && rc != said)
		log_warnx("status %s: %s", path, strerror(-rc));
	said = rc;
	free(text);
}
