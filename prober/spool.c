/* SPDX-License-Identifier: MIT */
/*
 * Every report is written before it is sent, and its end is a record, too: what a crash
 * in between leaves is sent twice, which the collector knows how to bear.
 *
 * A segment is deleted when nothing in it waits and no older one is left: the end of an
 * older report may stand in it.  A new run begins a new segment and never appends to
 * one that may be torn.  There is no fsync(): it can block for seconds, and the kernel
 * has what a killed process wrote.
 */
#include "prober/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/mem.h"
#include "prober/spool_dir.h"
#include "prober/spool_record.h"

struct entry {
	uint64_t id;
	uint64_t segment; /* number; 0 = in memory */
	size_t at, len;	  /* of the body */
	uint8_t *data;	  /* owned; of one in memory */
};

struct segment {
	uint64_t number; /* from 1 */
	size_t bytes;
	uint64_t waiting;
};

struct spool {
	char *dir;
	int dir_fd, lock_fd, fd; /* fd: the last segment, open for appending */
	uint64_t bytes_max;
	uint64_t next_id, next_number;
	struct entry *entries; /* by id, rising */
	size_t n, cap;
	struct segment *segments; /* by number, rising */
	size_t n_segments;
	struct spool_stats stats;
};

static size_t
find(const struct spool *s, uint64_t id)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
insert(struct spool *s, const struct entry *e)
{
	size_t i = find(s, e->id);

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->entries = mem_grow(s->entries, s->cap, sizeof(*s->entries));
	}
	memmove(&s->entries[i + 1], &s->entries[i], (s->n - i) * sizeof(*s->entries));
	s->entries[i] = *e;
	s->n++;
	s->stats.in_memory += e->data != NULL;
}

static struct segment *
segment_of(struct spool *s, uint64_t number)
{
	for (size_t i = s->n_segments; i-- > 0;)
		if (s->segments[i].number == number)
			return &s->segments[i];
	return NULL;
}

/* Take an entry out of the list; its record, if any, stays. */
static void
forget(struct spool *s, size_t i)
{
	struct entry *e = &s->entries[i];
	struct segment *seg = e->segment ? segment_of(s, e->segment) : NULL;

	if (seg)
		seg->waiting--;
	s->stats.in_memory -= e->data != NULL;
	free(e->data);
	s->n--;
	memmove(e, e + 1, (s->n - i) * sizeof(*e));
}

static void
close_segment(struct spool *s)
{
	if (s->fd >= 0)
		(void)close(s->fd); /* a lost write shows in a record's checksum */
	s->fd = -1;
}

/* Delete the oldest segment and drop what waits in it. */
static void
drop_oldest(struct spool *s)
{
	struct segment oldest = s->segments[0];
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].segment != oldest.number)
			s->entries[kept++] = s->entries[i];
	s->stats.dropped += s->n - kept;
	s->n = kept;
	if (s->n_segments == 1)
		close_segment(s);
	spool_dir_unlink(s->dir_fd, oldest.number);
	s->stats.bytes -= oldest.bytes;
	s->n_segments--;
	memmove(s->segments, s->segments + 1, s->n_segments * sizeof(*s->segments));
}

/* Delete what is no longer needed.  The last one is kept while it is small. */
static void
tidy(struct spool *s)
{
	while (s->n_segments > 0 && s->segments[0].waiting == 0 &&
	       (s->n_segments > 1 || s->fd < 0 ||
		   s->segments[0].bytes >= SPOOL_SEGMENT_BYTES / 16))
		drop_oldest(s);
}

static struct segment *
add_segment(struct spool *s, uint64_t number, size_t bytes)
{
	s->segments = mem_grow(s->segments, s->n_segments + 1, sizeof(*s->segments));
	s->segments[s->n_segments] = (struct segment){ number, bytes, 0 };
	s->stats.bytes += bytes;
	return &s->segments[s->n_segments++];
}

/* The segment to append so much to, or NULL. */
static struct segment *
room_for(struct spool *s, size_t bytes)
{
	if (s->fd >= 0 &&
	    s->segments[s->n_segments - 1].bytes + bytes > SPOOL_SEGMENT_BYTES)
		close_segment(s);
	while (s->n_segments > 0 && s->stats.bytes + bytes > s->bytes_max)
		drop_oldest(s);
	if (s->fd < 0) {
		s->fd = spool_dir_create(s->dir_fd, s->next_number);
		if (s->fd < 0) {
			errno = -s->fd;
			return NULL;
		}
		(void)add_segment(s, s->next_number++, 0);
	}
	return &s->segments[s->n_segments - 1];
}

/* Append a record: the segment it is in now, or NULL and it has left no trace. */
static struct segment *
append(struct spool *s, uint64_t id, const uint8_t *body, size_t len)
{
	uint8_t head[SPOOL_RECORD_HEAD];
	struct iovec iov[2] = { { head, sizeof(head) }, { NULL, len } };
	struct segment *seg = room_for(s, sizeof(head) + len);
	ssize_t n = -1;

	spool_record_head(id, body, len, head);
	iov[1].iov_base = (void *)(uintptr_t)body; /* writev() only reads it */
	if (seg)
		n = pwritev(s->fd, iov, 2, (off_t)seg->bytes);
	s->stats.code = n < 0 ? errno : 0;
	if (n >= 0 && (size_t)n == sizeof(head) + len) {
		seg->bytes += (size_t)n;
		s->stats.bytes += (size_t)n;
		return seg;
	}
	s->stats.write_errors++;
	if (n >= 0) { /* half a record: the disk is full */
		s->stats.code = ENOSPC;
		/* If it stays it is found damaged, or written over. */
		(void)!ftruncate(s->fd, (off_t)seg->bytes);
	}
	return NULL;
}

static void
drop_memory(struct spool *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!s->entries[i].data)
			continue;
		forget(s, i);
		s->stats.dropped++;
		return;
	}
}

/* Once the disk takes something again, what waits in memory goes there. */
static void
unload(struct spool *s)
{
	for (size_t i = 0; s->stats.in_memory > 0 && i < s->n; i++) {
		struct entry *e = &s->entries[i];
		uint64_t id = e->id;
		struct segment *seg;

		if (!e->data)
			continue;
		seg = append(s, e->id, e->data, e->len);
		if (!seg)
			return;
		i = find(s, id); /* room may have been made before it */
		e = &s->entries[i];
		seg->waiting++;
		e->segment = seg->number;
		e->at = seg->bytes - e->len;
		free(e->data);
		e->data = NULL;
		s->stats.in_memory--;
	}
}

void
spool_put(struct spool *s, const uint8_t *data, size_t len)
{
	struct entry e = { .id = s->next_id++, .len = len };
	struct segment *seg = s->dir ? append(s, e.id, data, len) : NULL;

	assert(len > 0);
	if (seg) {
		seg->waiting++;
		e.segment = seg->number;
		e.at = seg->bytes - len;
	} else {
		if (s->stats.in_memory == SPOOL_MEMORY_MAX)
			drop_memory(s);
		e.data = memcpy(mem_alloc(len), data, len);
	}
	insert(s, &e);
	if (seg)
		unload(s);
}

/* The body of an entry on disk, or NULL if it has been harmed. */
static uint8_t *
read_back(const struct spool *s, const struct entry *e)
{
	size_t len = SPOOL_RECORD_HEAD + e->len;
	uint8_t *record = mem_alloc(len);
	int fd = spool_dir_open(s->dir_fd, e->segment);
	ssize_t n = -1;

	if (fd >= 0) {
		n = pread(fd, record, len, (off_t)(e->at - SPOOL_RECORD_HEAD));
		(void)close(fd); /* it was only read */
	}
	if (n < 0 || (size_t)n != len || !spool_record_is(record, e->id, e->len)) {
		free(record);
		return NULL;
	}
	memmove(record, record + SPOOL_RECORD_HEAD, e->len);
	return record;
}

struct spool_item
spool_newest(struct spool *s)
{
	struct spool_item item = { 0 };

	while (s->n > 0 && !item.data) {
		struct entry *e = &s->entries[s->n - 1];

		item.id = e->id;
		item.len = e->len;
		item.data = e->data ? memcpy(mem_alloc(e->len), e->data, e->len)
				    : read_back(s, e);
		if (item.data)
			break;
		s->stats.dropped++;
		s->stats.damaged += e->len;
		forget(s, s->n - 1);
	}
	return item;
}

void
spool_done(struct spool *s, uint64_t id)
{
	size_t i = find(s, id);
	bool on_disk = i < s->n && s->entries[i].segment != 0;

	if (i == s->n || s->entries[i].id != id)
		return;
	forget(s, i);
	if (!on_disk)
		return;
	/* If this cannot be written the report is sent again after a restart. */
	(void)append(s, id, NULL, 0);
	tidy(s);
}

/* Take in what a segment of a former run holds. */
static void
recover(const uint8_t *bytes, size_t len, uint64_t number, void *ctx)
{
	struct spool *s = ctx;
	struct spool_record r;
	size_t at = 0;

	(void)add_segment(s, number, len);
	if (number >= s->next_number)
		s->next_number = number + 1;
	while (spool_record_next(bytes, len, &at, &r, &s->stats.damaged)) {
		size_t i = find(s, r.id);
		struct entry e = { r.id, number, r.at, r.len, NULL };

		if (r.id >= s->next_id)
			s->next_id = r.id + 1;
		if (i < s->n && s->entries[i].id == r.id)
			forget(s, i); /* its end, or a copy that is as good */
		if (r.len > 0) {
			insert(s, &e);
			segment_of(s, number)->waiting++;
		}
	}
}

int
spool_open(const char *dir, uint64_t bytes_max, struct spool **out, struct err *err)
{
	struct spool *s = mem_alloc(sizeof(*s));
	int rc = 0;

	assert(bytes_max >= 2 * SPOOL_SEGMENT_BYTES);
	s->dir_fd = s->lock_fd = s->fd = -1;
	s->bytes_max = bytes_max;
	s->next_id = s->next_number = 1;
	if (dir) {
		s->dir = mem_strdup(dir);
		rc = spool_dir_lock(dir, &s->dir_fd, &s->lock_fd, err);
		if (rc == 0)
			rc = spool_dir_read(dir, s->dir_fd, recover, s, err);
	}
	if (rc < 0) {
		spool_free(s);
		return rc;
	}
	while (s->n_segments > 0 && s->stats.bytes > bytes_max)
		drop_oldest(s);
	tidy(s);
	*out = s;
	return 0;
}

void
spool_free(struct spool *s)
{
	if (!s)
		return;
	close_segment(s);
	spool_dir_unlock(s->dir_fd, s->lock_fd);
	for (size_t i = 0; i < s->n; i++)
		free(s->entries[i].data);
	free(s->entries);
	free(s->segments);
	free(s->dir);
	free(s);
}

const char *
spool_dir(const struct spool *s)
{
	return s->dir;
}

struct spool_stats
spool_stats(const struct spool *s)
{
	struct spool_stats stats = s->stats;

	stats.reports = s->n;
	return stats;
}
