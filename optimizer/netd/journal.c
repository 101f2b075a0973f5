/* SPDX-License-Identifier: MIT */
/*
 * A record:
 *
 *	0 "moj1"  4 version  8 sequence  16 payload  508 CRC-32C of all before it
 *
 * Sequence numbers go up by one; a record that does not follow its neighbour is the
 * leftover of another time and ends the journal as damage does.
 */
#include "optimizer/netd/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bigend.h"
#include "common/crc32c.h"
#include "common/mem.h"

#define MAGIC UINT32_C(0x6d6f6a31)

struct journal {
	char path[PATH_MAX - 8]; /* room for the names beside it */
	struct journal_io io;
	int fd;
	uint64_t seq; /* of the last record */
	off_t end;    /* of the last whole record */
	bool damaged, rewrite;
};

static const struct journal_io system_io = { pwrite, fdatasync };

static void
encode(uint8_t record[JOURNAL_RECORD], uint64_t seq, const uint8_t *payload)
{
	bigend_put(record, MAGIC, 4);
	bigend_put(record + 4, JOURNAL_VERSION, 4);
	bigend_put(record + 8, seq, 8);
	memcpy(record + 16, payload, JOURNAL_PAYLOAD);
	bigend_put(record + JOURNAL_RECORD - 4, crc32c(0, record, JOURNAL_RECORD - 4),
	    4);
}

static bool
whole(const uint8_t record[JOURNAL_RECORD])
{
	return bigend_get(record, 4) == MAGIC &&
	       bigend_get(record + 4, 4) == JOURNAL_VERSION &&
	       bigend_get(record + JOURNAL_RECORD - 4, 4) ==
		   crc32c(0, record, JOURNAL_RECORD - 4);
}

/* All of it, whatever write does by halves or is interrupted in. */
static int
write_all(const struct journal *j, int fd, const uint8_t *buf, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = j->io.write(fd, buf, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* As far as it is whole.  0 or -errno of reading. */
static int
load(struct journal *j, journal_cb *each, void *ctx)
{
	uint8_t record[JOURNAL_RECORD];

	for (;;) {
		size_t got = 0;

		while (got < sizeof(record)) {
			ssize_t n = pread(j->fd, record + got, sizeof(record) - got,
			    j->end + (off_t)got);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return -errno;
			if (n == 0)
				break;
			got += (size_t)n;
		}
		j->damaged =
		    got > 0 &&
		    (got < sizeof(record) || !whole(record) ||
			(j->end > 0 && bigend_get(record + 8, 8) != j->seq + 1));
		if (got == 0 || j->damaged)
			return 0;
		j->seq = bigend_get(record + 8, 8);
		j->end += JOURNAL_RECORD;
		each(record + 16, ctx);
	}
}

int
journal_open(const char *path, const struct journal_io *io, journal_cb *each, void *ctx,
    struct journal **out, struct err *err)
{
	struct journal *j = mem_alloc(sizeof(*j));
	char bad[PATH_MAX];
	int rc;

	*out = NULL;
	j->io = io ? *io : system_io;
	j->fd = -1;
	if (strlen(path) >= sizeof(j->path)) {
		journal_close(j);
		return err_code(err, ENAMETOOLONG, "%.100s...: name too long", path);
	}
	strncpy(j->path, path, sizeof(j->path) - 1);
	j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = j->fd < 0 ? -errno : load(j, each, ctx);
	if (rc < 0) {
		journal_close(j);
		return err_code(err, -rc, "%s: %s", path, strerror(-rc));
	}
	(void)snprintf(bad, sizeof(bad), "%s.bad", path); /* fits by its size */
	/* A link: until the new one is complete, the old one must be found. */
	if (j->damaged) {
		(void)unlink(bad); /* of an earlier time, or none */
		if (link(path, bad) < 0)
			bad[0] = '\0'; /* only a person would look at it */
		j->rewrite = true;
	}
	*out = j;
	return 0;
}

void
journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		(void)close(j->fd); /* every record was synced when it was written */
	free(j);
}

bool
journal_damaged(const struct journal *j)
{
	return j->damaged;
}

bool
journal_wants_rewrite(const struct journal *j)
{
	return j->rewrite || j->end >= (off_t)JOURNAL_RECORDS * JOURNAL_RECORD;
}

int
journal_append(struct journal *j, const uint8_t payload[JOURNAL_PAYLOAD])
{
	uint8_t record[JOURNAL_RECORD];
	int rc;

	if (j->rewrite)
		return -EIO;
	encode(record, j->seq + 1, payload);
	/* What a failure leaves behind the end is written over by the next one. */
	rc = write_all(j, j->fd, record, sizeof(record), j->end);
	if (rc < 0)
		return rc;
	if (j->io.sync(j->fd) < 0) {
		rc = -errno;
		j->rewrite = true;
		return rc;
	}
	j->seq++;
	j->end += JOURNAL_RECORD;
	return 0;
}

static int
sync_directory(const struct journal *j)
{
	char path[PATH_MAX];
	int fd, rc;

	strncpy(path, j->path, sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd); /* was only synced */
	return rc;
}

int
journal_rewrite(struct journal *j, const uint8_t (*payload)[JOURNAL_PAYLOAD], size_t n)
{
	uint8_t record[JOURNAL_RECORD];
	char path[PATH_MAX];
	int fd, rc = 0;

	(void)snprintf(path, sizeof(path), "%s.new", j->path); /* fits by its size */
	(void)unlink(path); /* of a rewrite that was cut short, or none */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n && rc == 0; i++) {
		encode(record, j->seq + 1 + i, payload[i]);
		rc =
		    write_all(j, fd, record, sizeof(record), (off_t)i * JOURNAL_RECORD);
	}
	if (rc == 0 && (j->io.sync(fd) < 0 || rename(path, j->path) < 0))
		rc = -errno;
	if (rc < 0) {
		(void)close(fd);    /* is thrown away */
		(void)unlink(path); /* else next time */
		return rc;
	}
	(void)close(j->fd); /* has no name any more */
	j->fd = fd;
	j->seq += n;
	j->end = (off_t)n * JOURNAL_RECORD;
	/* Until the directory is on disk the old name may come back. */
	rc = sync_directory(j);
	j->rewrite = rc < 0;
	return rc;
}
