/* SPDX-License-Identifier: MIT */
/*
 * Words on a stderr that nobody reads: a daemon goes on, and says later what was lost.
 */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_S 30 /* then the test is stuck in a write */

/* All that is in the pipe; cut to its end. */
static void
drain(int fd, char *text, size_t size)
{
	char buf[4096];
	ssize_t n;

	text[0] = '\0';
	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		if ((size_t)n < size)
			memcpy(text, buf, (size_t)n + 1);
	}
}

static void
full_pipes_hold_nothing_up(void **state)
{
	char page[4096] = "", text[4096], after[4096];
	int ends[2], saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], page, sizeof(page)) > 0)
		continue;
	/* As systemd, a shell or docker hands it over. */
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
	(void)alarm(DEADLINE_S);
	(void)dup2(ends[1], STDERR_FILENO);
	log_no_wait();
	for (int i = 0; i < 3; i++)
		log_warn("line %d", i);
	drain(ends[0], text, sizeof(text));
	errno = ENOENT;
	log_warn("line %d", 3);
	drain(ends[0], text, sizeof(text));
	log_info("line %d", 4);
	drain(ends[0], after, sizeof(after));
	(void)dup2(saved, STDERR_FILENO);
	(void)alarm(0);
	assert_string_equal(text, "here: 3 lines are lost: nobody took them\n"
				  "here: line 3: No such file or directory\n");
	assert_string_equal(after, "here: line 4\n");
	(void)close(saved);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_pipes_hold_nothing_up),
	};

	(void)unsetenv("JOURNAL_STREAM");
	log_init("here", false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
