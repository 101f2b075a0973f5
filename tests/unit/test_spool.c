/* SPDX-License-Identifier: MIT */
/*
 * The spool in a directory of its own: order, recovery, damage, limits, a full disk.
 *
 * links: prober/spool.c prober/spool_dir.c prober/spool_record.c
 */
#include "prober/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crc32c.h"
#include "prober/spool_record.h"
#include "tests/unit/seed.h"

#define MODEL_MAX 400

static char dir[64];

static struct spool *
open_max(uint64_t bytes_max)
{
	struct spool *s = NULL;
	struct err err = { "" };

	if (spool_open(dir, bytes_max, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static struct spool *
open_it(void)
{
	return open_max(SPOOL_BYTES_MAX);
}

static void
empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0); /* . and .. stay */
	if (d)
		closedir(d);
}

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/meshopt-spool.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	empty(dir);
	return rmdir(dir);
}

/* The body of report n: its length and bytes follow from n. */
static size_t
body_of(uint32_t n, uint8_t body[2048])
{
	size_t len = 1 + n * 37 % 301;

	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)(n * 31 + i * 7);
	return len;
}

static void
put(struct spool *s, uint32_t n)
{
	uint8_t body[2048];

	spool_put(s, body, body_of(n, body));
}

static bool
is_report(const struct spool_item *item, uint32_t n)
{
	uint8_t body[2048];
	size_t len = body_of(n, body);

	return item->data && item->len == len && memcmp(item->data, body, len) == 0;
}

/* Take the newest, which must be report n. */
static void
expect(struct spool *s, uint32_t n)
{
	struct spool_item item = spool_newest(s);

	if (!is_report(&item, n))
		fail_msg("the newest is not report %u", n);
	spool_done(s, item.id);
	free(item.data);
}

static void
expect_empty(struct spool *s)
{
	struct spool_item item = spool_newest(s);

	assert_null(item.data);
	assert_int_equal(spool_stats(s).reports, 0);
}

static void
test_crc(void **state)
{
	uint8_t zeros[32] = { 0 };

	(void)state;
	/* RFC 3720, B.4, and the check value of the CRC catalogue. */
	assert_int_equal(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void
test_newest_first(void **state)
{
	struct spool *s = open_it();
	struct spool_item item;

	(void)state;
	expect_empty(s);
	for (uint32_t n = 0; n < 5; n++)
		put(s, n);
	item = spool_newest(s);
	put(s, 5); /* while 4 is being sent */
	spool_done(s, item.id);
	spool_done(s, item.id); /* twice does nothing */
	free(item.data);
	expect(s, 5);
	expect(s, 3);
	spool_free(s);
	s = open_it();
	put(s, 6);
	expect(s, 6);
	for (uint32_t n = 3; n-- > 0;)
		expect(s, n);
	spool_free(s);
	s = open_it(); /* what has been dealt with does not come back */
	expect_empty(s);
	assert_int_equal(spool_stats(s).bytes, 0);
	spool_free(s);
}

static void
test_memory(void **state)
{
	struct spool *s = NULL;

	(void)state;
	assert_int_equal(spool_open(NULL, SPOOL_BYTES_MAX, &s, NULL), 0);
	for (uint32_t n = 0; n < SPOOL_MEMORY_MAX + 3; n++)
		put(s, n);
	assert_int_equal(spool_stats(s).dropped, 3);
	for (uint32_t n = SPOOL_MEMORY_MAX + 3; n-- > 3;)
		expect(s, n);
	expect_empty(s);
	spool_free(s);
}

static void
test_lock(void **state)
{
	struct spool *s = open_it(), *other = NULL;
	struct err err = { "" };

	(void)state;
	assert_int_equal(spool_open(dir, SPOOL_BYTES_MAX, &other, &err), -EBUSY);
	assert_non_null(strstr(err.text, "--spool DIR"));
	assert_int_equal(spool_open("/proc/none/spool", SPOOL_BYTES_MAX, &other, &err),
	    -ENOENT);
	spool_free(s);
}

/* A segment of reports 0..n-1 in memory, and where each record ends. */
static size_t
make_segment(uint8_t *segment, size_t *ends, uint32_t n)
{
	size_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *body = segment + at + SPOOL_RECORD_HEAD;
		size_t len = body_of(i, body);

		spool_record_head(i + 1, body, len, segment + at);
		at += SPOOL_RECORD_HEAD + len;
		ends[i] = at;
	}
	return at;
}

static void
write_segment(const uint8_t *segment, size_t len)
{
	char name[128];
	int fd;

	empty(dir);
	(void)snprintf(name, sizeof(name), "%s/%016x.seg", dir, 1);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, segment, len), (ssize_t)len);
	close(fd);
}

static void
test_truncated_anywhere(void **state)
{
	static uint8_t segment[8192];
	size_t ends[6], len = make_segment(segment, ends, 6);

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct spool *s;
		uint32_t whole = 0;

		write_segment(segment, cut);
		while (whole < 6 && ends[whole] <= cut)
			whole++;
		s = open_it();
		assert_int_equal(spool_stats(s).reports, whole);
		put(s, 100); /* and it goes on */
		expect(s, 100);
		while (whole > 0)
			expect(s, --whole);
		expect_empty(s);
		spool_free(s);
	}
}

/* One byte changed costs one record, not those behind it. */
static void
test_changed_anywhere(void **state)
{
	static uint8_t segment[8192];
	size_t ends[6], len = make_segment(segment, ends, 6);

	(void)state;
	for (size_t at = 0; at < len; at++) {
		struct spool *s;
		uint32_t hit = 0;

		segment[at] ^= 0x10;
		write_segment(segment, len);
		segment[at] ^= 0x10;
		while (ends[hit] <= at)
			hit++;
		s = open_it();
		assert_true(spool_stats(s).damaged > 0);
		for (uint32_t n = 6; n-- > 0;)
			if (n != hit)
				expect(s, n);
		expect_empty(s);
		spool_free(s);
	}
}

/* Against a list, with a restart now and then. */
static void
test_random(void **state)
{
	struct seed seed = seed_new("test_random");
	uint32_t model[MODEL_MAX];
	size_t n = 0;
	struct spool *s = open_it();

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t what = seed_below(&seed, 100);

		if (what < 45 && n < MODEL_MAX) {
			put(s, i);
			model[n++] = i;
		} else if (what < 97 && n > 0) {
			expect(s, model[--n]);
		} else if (what >= 97) {
			spool_free(s);
			s = open_it();
		}
		assert_int_equal(spool_stats(s).reports, n);
	}
	assert_int_equal(spool_stats(s).dropped, 0);
	assert_int_equal(spool_stats(s).damaged, 0);
	while (n > 0)
		expect(s, model[--n]);
	spool_free(s);
}

static void
test_oldest_dropped(void **state)
{
	static uint8_t big[300000];
	struct spool *s = open_max(2 * SPOOL_SEGMENT_BYTES);
	struct spool_item item;
	uint64_t left;

	(void)state;
	for (uint32_t n = 0; n < 40; n++) {
		memset(big, (int)n, sizeof(big));
		spool_put(s, big, sizeof(big));
		assert_true(spool_stats(s).bytes <= 2 * SPOOL_SEGMENT_BYTES);
	}
	left = spool_stats(s).reports;
	assert_true(left >= 4);
	assert_int_equal(spool_stats(s).dropped, 40 - left);
	for (uint32_t n = 40; n-- > 40 - left;) {
		item = spool_newest(s);
		assert_int_equal(item.len, sizeof(big));
		assert_int_equal(item.data[7], n);
		spool_done(s, item.id);
		free(item.data);
	}
	expect_empty(s);
	spool_free(s);
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on file sizes stands for a disk without room. */
static void
test_full_disk(void **state)
{
	struct spool *s = open_it();
	struct spool_stats stats;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	put(s, 0);
	limit_files(spool_stats(s).bytes + 30); /* half a record fits */
	for (uint32_t n = 1; n < 10; n++)
		put(s, n);
	stats = spool_stats(s);
	assert_int_equal(stats.write_errors, 9);
	assert_int_equal(stats.in_memory, 9);
	assert_int_not_equal(stats.code, 0);
	expect(s, 9);
	limit_files(RLIM_INFINITY);
	put(s, 10);
	stats = spool_stats(s);
	assert_int_equal(stats.in_memory, 0);
	assert_int_equal(stats.code, 0);
	assert_int_equal(stats.dropped, 0);
	spool_free(s);
	s = open_it(); /* all of it is on the disk now, in the right order */
	assert_int_equal(spool_stats(s).damaged, 0);
	expect(s, 10);
	for (uint32_t n = 9; n-- > 0;)
		expect(s, n);
	expect_empty(s);
	spool_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test_setup_teardown(test_newest_first, setup, teardown),
		cmocka_unit_test(test_memory),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated_anywhere, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_changed_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oldest_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
