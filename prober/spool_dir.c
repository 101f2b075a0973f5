/* SPDX-License-Identifier: MIT */
#include "prober/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/report.h"
#include "prober/spool.h"
#include "prober/spool_record.h"

#define NAME_MAX_LEN 24
/* A larger file is none of ours: one record may begin just before the limit. */
#define FILE_MAX (SPOOL_SEGMENT_BYTES + REPORT_BYTES_MAX + 2 * SPOOL_RECORD_HEAD)

static void
name_of(uint64_t number, char name[NAME_MAX_LEN])
{
	(void)snprintf(name, NAME_MAX_LEN, "%016" PRIx64 ".seg", number); /* 20 */
}

/* 0 if the name is not that of a segment. */
static uint64_t
number_of(const char *name)
{
	char again[NAME_MAX_LEN], *end;
	uint64_t number = strtoull(name, &end, 16);

	name_of(number, again);
	return strcmp(name, again) == 0 && number <= INT64_MAX ? number : 0;
}

int
spool_dir_lock(const char *dir, int *dir_fd, int *lock_fd, struct err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_code(err, errno, "spool %s: cannot be made: %s", dir,
		    strerror(errno));
	*dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return err_code(err, errno, "spool %s: %s", dir, strerror(errno));
	*lock_fd = openat(*dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock_fd < 0)
		return err_code(err, errno, "spool %s: not writable: %s", dir,
		    strerror(errno));
	if (flock(*lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_code(err, errno == EWOULDBLOCK ? EBUSY : errno,
		    "spool %s: another prober uses it; give this one its own by "
		    "--spool DIR",
		    dir);
	return 0;
}

void
spool_dir_unlock(int dir_fd, int lock_fd)
{
	if (dir_fd >= 0)
		(void)close(dir_fd); /* neither has anything buffered */
	if (lock_fd >= 0)
		(void)close(lock_fd);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The numbers of the segments, rising, for the caller to free(). */
static uint64_t *
list(int dir_fd, size_t *n)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t *numbers = NULL, number;
	struct dirent *e;

	*n = 0;
	if (!d) {
		if (fd >= 0)
			(void)close(fd); /* it was only read */
		return NULL;
	}
	while ((e = readdir(d))) {
		number = number_of(e->d_name);
		if (!number)
			continue;
		numbers = mem_grow(numbers, *n + 1, sizeof(*numbers));
		numbers[(*n)++] = number;
	}
	(void)closedir(d); /* likewise */
	if (*n)
		qsort(numbers, *n, sizeof(*numbers), by_number);
	return numbers;
}

/* One segment; 0 or -errno. */
static int
load(int dir_fd, uint64_t number, spool_dir_cb *cb, void *ctx)
{
	int fd = spool_dir_open(dir_fd, number), rc = 0;
	uint8_t *bytes = NULL;
	size_t len = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)FILE_MAX) {
		rc = -EFBIG;
		goto out;
	}
	bytes = mem_alloc((size_t)st.st_size);
	while (len < (size_t)st.st_size) {
		n = read(fd, bytes + len, (size_t)st.st_size - len);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR) {
			rc = -errno;
			goto out;
		}
		len += n > 0 ? (size_t)n : 0;
	}
	cb(bytes, len, number, ctx);
out:
	free(bytes);
	(void)close(fd); /* it was only read */
	return rc;
}

int
spool_dir_read(const char *dir, int dir_fd, spool_dir_cb *cb, void *ctx,
    struct err *err)
{
	size_t n;
	uint64_t *numbers = list(dir_fd, &n);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = load(dir_fd, numbers[i], cb, ctx);
		if (rc < 0)
			rc = err_code(err, -rc,
			    "spool %s: segment %016" PRIx64
			    ".seg: %s; move it away to start without it",
			    dir, numbers[i], strerror(-rc));
	}
	free(numbers);
	return rc;
}

int
spool_dir_create(int dir_fd, uint64_t number)
{
	char name[NAME_MAX_LEN];
	int fd;

	name_of(number, name);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int
spool_dir_open(int dir_fd, uint64_t number)
{
	char name[NAME_MAX_LEN];
	int fd;

	name_of(number, name);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

void
spool_dir_unlink(int dir_fd, uint64_t number)
{
	char name[NAME_MAX_LEN];

	name_of(number, name);
	(void)unlinkat(dir_fd, name,
	    0); /* if it stays it is found again, and sent again */
}
