/* SPDX-License-Identifier: MIT */
/*
 * A process that writes to its spool, killed at any moment, again and again: what it
 * said it had put is there, in order and unharmed.
 *
 * links: prober/spool.c prober/spool_dir.c prober/spool_record.c
 */
#include "prober/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/seed.h"

#define ROUNDS	 100
#define BODY_MAX 4000

static char dir[64];

/* A body says its own number, over and over. */
static size_t
body_of(uint32_t n, uint32_t body[BODY_MAX / 4])
{
	size_t words = 1 + n * 61 % (BODY_MAX / 4);

	for (size_t i = 0; i < words; i++)
		body[i] = n;
	return 4 * words;
}

/* The child: puts, and tells each number that it has put; takes one back now and then.
 */
static void
work(int told, uint32_t from)
{
	static uint32_t body[BODY_MAX / 4];
	struct spool *s = NULL;

	if (spool_open(dir, SPOOL_BYTES_MAX, &s, NULL) < 0)
		_exit(1);
	for (uint32_t n = from;; n++) {
		spool_put(s, (const uint8_t *)body, body_of(n, body));
		if (write(told, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

/* Start it, kill it when it has told so many, and return the last number that it told.
 */
static uint32_t
run_and_kill(uint32_t from, uint32_t reads)
{
	uint32_t last = 0, n;
	int told[2];
	pid_t child;

	assert_int_equal(pipe(told), 0);
	child = fork();
	if (child == 0) {
		close(told[0]);
		work(told[1], from);
	}
	close(told[1]);
	/* It tells hundreds in a millisecond: a number of reads is a moment. */
	for (uint32_t i = 0; i < reads; i++) {
		assert_int_equal(read(told[0], &n, sizeof(n)), sizeof(n));
		last = n;
	}
	kill(child, SIGKILL);
	while (read(told[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(told[0]);
	return last;
}

static void
killed_at_any_moment(void **state)
{
	struct seed seed = seed_new("killed_at_any_moment");
	uint32_t next = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		static uint32_t body[BODY_MAX / 4];
		uint32_t last = run_and_kill(next, 1 + seed_below(&seed, 100));
		struct spool *s = NULL;
		struct spool_item item;

		assert_int_equal(spool_open(dir, SPOOL_BYTES_MAX, &s, NULL), 0);
		item = spool_newest(s);
		assert_non_null(item.data);
		memcpy(&next, item.data, sizeof(next));
		/* One more may have been put and not told. */
		assert_in_range(next, last, last + 1);
		for (uint32_t n = next;; n--) {
			assert_int_equal(item.len, body_of(n, body));
			assert_memory_equal(item.data, body, item.len);
			spool_done(s, item.id);
			free(item.data);
			item = spool_newest(s);
			if (!item.data)
				break;
		}
		assert_int_equal(spool_stats(s).dropped, 0);
		spool_free(s);
		next++;
	}
	assert_true(next > ROUNDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_moment),
	};
	struct dirent *e;
	DIR *d;
	int rc;

	(void)snprintf(dir, sizeof(dir), "/tmp/meshopt-spool.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	d = opendir(dir);
	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0); /* . and .. stay */
	if (d)
		closedir(d);
	(void)rmdir(dir);
	return rc;
}
