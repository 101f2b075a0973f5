/* SPDX-License-Identifier: MIT */
/*
 * netd's journal on a disk that fails: cut at each byte, each bit turned, full, broken,
 * of another version. What is whole is read, what is not is set aside, and nothing that
 * was never written is ever believed.
 *
 * links: optimizer/netd/journal.c
 */
#include "optimizer/netd/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bigend.h"
#include "common/crc32c.h"

#define N 4 /* records of the file that is damaged */

static char path[64], bad[80];
static uint8_t whole[N * JOURNAL_RECORD];

static struct {
	unsigned n;
	uint8_t first[16]; /* the first byte of each payload */
} seen;

static struct {
	int write_errno, sync_errno;
	size_t write_most; /* bytes at a time; 0 = all */
	unsigned syncs, interrupts;
	int directory_errno;
	unsigned directory_syncs;
} disk;

static void
each(const uint8_t payload[JOURNAL_PAYLOAD], void *ctx)
{
	(void)ctx;
	for (size_t i = 1; i < JOURNAL_PAYLOAD; i++)
		assert_int_equal(payload[i], payload[0]);
	seen.first[seen.n++ % 16] = payload[0];
}

static ssize_t
shim_write(int fd, const void *buf, size_t len, off_t at)
{
	if (disk.interrupts > 0) {
		disk.interrupts--;
		errno = EINTR;
		return -1;
	}
	if (disk.write_most && len > disk.write_most)
		len = disk.write_most;
	if (disk.write_errno && !disk.write_most) {
		/* Half of it is there before the disk is full. */
		(void)!pwrite(fd, buf, len / 2, at);
		errno = disk.write_errno;
		return -1;
	}
	return pwrite(fd, buf, len, at);
}

static int
shim_sync(int fd)
{
	(void)fd;
	disk.syncs++;
	errno = disk.sync_errno;
	return disk.sync_errno ? -1 : 0;
}

static const struct journal_io shim = { shim_write, shim_sync };

static struct journal *
open_it(void)
{
	struct journal *j = NULL;
	struct err err;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(journal_open(path, &shim, each, NULL, &j, &err), 0);
	return j;
}

static int
put(struct journal *j, int v)
{
	uint8_t payload[JOURNAL_PAYLOAD];

	memset(payload, v, sizeof(payload));
	return journal_append(j, payload);
}

static void
write_file(const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

static int
fresh(void **unused)
{
	struct journal *j;
	FILE *in;

	(void)unused;
	memset(&disk, 0, sizeof(disk));
	(void)snprintf(path, sizeof(path), "/tmp/journal.%d", (int)getpid());
	(void)snprintf(bad, sizeof(bad), "%s.bad", path);
	(void)unlink(path); /* of an earlier test, likewise */
	(void)unlink(bad);
	j = open_it();
	for (int i = 0; i < N; i++)
		assert_int_equal(put(j, i + 1), 0);
	assert_int_equal(disk.syncs, N);
	journal_close(j);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_int_equal(fread(whole, 1, sizeof(whole), in), sizeof(whole));
	(void)fclose(in); /* was only read */
	return 0;
}

static int
clean(void **unused)
{
	(void)unused;
	(void)unlink(path); /* ours */
	(void)unlink(bad);  /* in some tests */
	return 0;
}

/* After damage it is written anew with what was whole, and then is whole again. */
static void
goes_on(struct journal *j, unsigned records)
{
	uint8_t payload[N][JOURNAL_PAYLOAD];

	for (unsigned i = 0; i < records; i++)
		memset(payload[i], seen.first[i], JOURNAL_PAYLOAD);
	assert_true(journal_wants_rewrite(j));
	assert_int_equal(put(j, 9), -EIO);
	assert_int_equal(journal_rewrite(j, payload, records), 0);
	assert_int_equal(put(j, 9), 0);
	journal_close(j);
	j = open_it();
	assert_false(journal_damaged(j));
	assert_int_equal(seen.n, records + 1);
	assert_int_equal(seen.first[records], 9);
	journal_close(j);
}

static void
cut_at_each_byte(void **unused)
{
	(void)unused;
	for (size_t len = 0; len <= sizeof(whole); len++) {
		unsigned records;
		struct journal *j;

		/* Of the first record and the last; those between are like them. */
		if (len == JOURNAL_RECORD + 1)
			len = (N - 1) * JOURNAL_RECORD;
		records = (unsigned)(len / JOURNAL_RECORD);
		write_file(whole, len);
		j = open_it();
		assert_int_equal(seen.n, records);
		for (unsigned i = 0; i < records; i++)
			assert_int_equal(seen.first[i], i + 1);
		assert_true(journal_damaged(j) == (len % JOURNAL_RECORD != 0));
		assert_true((access(bad, F_OK) == 0) == journal_damaged(j));
		if (journal_damaged(j))
			goes_on(j, records);
		else
			journal_close(j);
		(void)unlink(bad); /* the next one makes its own */
	}
}

/* Of one record among others; each is made alike. */
static void
each_bit_turned(void **unused)
{
	int fd = open(path, O_WRONLY);

	(void)unused;
	assert_true(fd >= 0);
	for (size_t bit = 0; bit < JOURNAL_RECORD * 8; bit++) {
		size_t at = JOURNAL_RECORD + bit / 8;
		uint8_t turned = whole[at] ^ (uint8_t)(1 << bit % 8);
		struct journal *j;

		assert_int_equal(pwrite(fd, &turned, 1, (off_t)at), 1);
		j = open_it();
		assert_true(journal_damaged(j));
		assert_int_equal(seen.n, 1);
		journal_close(j);
		assert_int_equal(pwrite(fd, &whole[at], 1, (off_t)at), 1);
	}
	(void)close(fd); /* the test's */
}

static void
leftovers_of_another_time(void **unused)
{
	uint8_t copy[sizeof(whole)];
	struct journal *j;

	(void)unused;
	memcpy(copy, whole, sizeof(copy));
	/* The third is followed by the second once more: whole, and not its turn. */
	memcpy(copy + 3 * JOURNAL_RECORD, whole + JOURNAL_RECORD, JOURNAL_RECORD);
	write_file(copy, sizeof(copy));
	j = open_it();
	assert_true(journal_damaged(j));
	assert_int_equal(seen.n, 3);
	goes_on(j, 3);
}

/* Whole, and not of this program's: magic, version. */
static void
of_another_program(void **unused)
{
	(void)unused;
	for (size_t at = 3; at <= 7; at += 4) {
		uint8_t copy[sizeof(whole)];
		uint8_t *record = copy + JOURNAL_RECORD;
		struct journal *j;

		memcpy(copy, whole, sizeof(copy));
		record[at]++;
		bigend_put(record + JOURNAL_RECORD - 4,
		    crc32c(0, record, JOURNAL_RECORD - 4), 4);
		write_file(copy, sizeof(copy));
		j = open_it();
		assert_true(journal_damaged(j));
		assert_int_equal(seen.n, 1);
		goes_on(j, 1);
		(void)unlink(bad); /* the next one makes its own */
	}
}

/* The directory's; the file's go through the shim. */
int
fsync(int fd)
{
	(void)fd;
	disk.directory_syncs++;
	errno = disk.directory_errno;
	return disk.directory_errno ? -1 : 0;
}

static void
a_new_name_is_synced(void **unused)
{
	uint8_t payload[1][JOURNAL_PAYLOAD] = { 0 };
	struct journal *j = open_it();

	(void)unused;
	disk.directory_errno = EIO;
	assert_int_equal(journal_rewrite(j, payload, 1), -EIO);
	assert_int_equal(put(j, 6), -EIO);
	disk.directory_errno = 0;
	assert_int_equal(journal_rewrite(j, payload, 1), 0);
	assert_int_equal(disk.directory_syncs, 2);
	assert_int_equal(put(j, 6), 0);
	journal_close(j);
}

static void
a_full_disk(void **unused)
{
	struct journal *j = open_it();

	(void)unused;
	disk.write_errno = ENOSPC;
	assert_int_equal(put(j, 7), -ENOSPC);
	assert_int_equal(put(j, 7), -ENOSPC);
	assert_false(journal_wants_rewrite(j));
	disk.write_errno = 0;
	assert_int_equal(put(j, 8), 0); /* over what was left of the others */
	journal_close(j);
	j = open_it();
	assert_false(journal_damaged(j));
	assert_int_equal(seen.n, N + 1);
	assert_int_equal(seen.first[N], 8);
	journal_close(j);
}

static void
a_sync_that_failed_is_not_tried_again(void **unused)
{
	uint8_t payload[1][JOURNAL_PAYLOAD];
	struct journal *j = open_it();
	unsigned syncs = disk.syncs;

	(void)unused;
	disk.sync_errno = EIO;
	assert_int_equal(put(j, 7), -EIO);
	assert_int_equal(put(j, 7), -EIO);
	assert_int_equal(disk.syncs, syncs + 1);
	assert_true(journal_wants_rewrite(j));
	memset(payload, 5, sizeof(payload));
	assert_int_equal(journal_rewrite(j, payload, 1), -EIO);
	assert_true(journal_wants_rewrite(j));
	disk.sync_errno = 0;
	assert_int_equal(journal_rewrite(j, payload, 1), 0);
	assert_int_equal(put(j, 6), 0);
	journal_close(j);
	j = open_it();
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.first[0], 5);
	journal_close(j);
}

static void
short_writes(void **unused)
{
	struct journal *j = open_it();

	(void)unused;
	disk.write_most = 7;
	disk.interrupts = 2;
	assert_int_equal(put(j, 3), 0);
	journal_close(j);
	j = open_it();
	assert_false(journal_damaged(j));
	assert_int_equal(seen.n, N + 1);
	journal_close(j);
}

static void
no_place_for_it(void **unused)
{
	struct journal *j = NULL;
	struct err err;

	(void)unused;
	assert_int_equal(journal_open("/nonexistent/journal", NULL, each, NULL, &j,
			     &err),
	    -ENOENT);
	assert_null(j);
	/* A link that somebody left there is not followed. */
	clean(NULL);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(journal_open(path, NULL, each, NULL, &j, &err), -ELOOP);
	journal_close(NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, clean)
	static const struct CMUnitTest tests[] = {
		T(cut_at_each_byte),
		T(each_bit_turned),
		T(leftovers_of_another_time),
		T(of_another_program),
		T(a_new_name_is_synced),
		T(a_full_disk),
		T(a_sync_that_failed_is_not_tried_again),
		T(short_writes),
		T(no_place_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
