/* SPDX-License-Identifier: MIT */
/*
 * Files of the state directory: read whole, and written whole or not at all.
 */
#include "optimizer/agent/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/signed.h"

#define PATH_MAX_BYTES 4096

static void
path_of(const char *dir, const char *name, char path[PATH_MAX_BYTES])
{
	(void)snprintf(path, PATH_MAX_BYTES, "%s/%s", dir, name); /* opens or fails */
}

static int
read_all(int fd, uint8_t *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, buf + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

int
keep_read(const char *dir, const char *name, uint8_t **out, size_t *len,
    struct wall *written)
{
	char path[PATH_MAX_BYTES];
	struct stat st;
	int fd, rc = 0;

	path_of(dir, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	*out = NULL;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size <= 0 ||
		 st.st_size > SIGNED_BYTES_MAX)
		rc = -EINVAL;
	if (rc == 0) {
		*len = (size_t)st.st_size;
		written->ns = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
		*out = mem_alloc(*len);
		rc = read_all(fd, *out, *len);
	}
	(void)close(fd); /* only read */
	if (rc < 0) {
		free(*out);
		*out = NULL;
	}
	return rc;
}

static int
write_synced(int fd, const uint8_t *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, buf + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int
keep_write(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[PATH_MAX_BYTES], temp[PATH_MAX_BYTES + 8];
	int fd, rc;

	path_of(dir, name, path);
	(void)snprintf(temp, sizeof(temp), "%s.new", path); /* fits */
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	rc = write_synced(fd, bytes, len);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temp, path) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlink(temp); /* it may not be there */
		return rc;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd); /* only read */
	return rc;
}
