/* SPDX-License-Identifier: MIT */
/*
 * Calls that fail: the n-th change of the kernel, read of it, write or sync of the
 * journal, alone or with all of its kind after it.
 */
#ifndef TESTS_UNIT_NETD_FAIL_H
#define TESTS_UNIT_NETD_FAIL_H

#include "tests/unit/netd_test.h"

/* What can fail. */
enum kind { CHANGE, READ, WRITE, SYNC, KINDS };

static unsigned write_fails_in, sync_fails_in;

static inline ssize_t
fail_write(int fd, const void *buf, size_t len, off_t at)
{
	errno = ENOSPC;
	return fake_fails(&write_fails_in) ? -1 : pwrite(fd, buf, len, at);
}

static inline int
fail_sync(int fd)
{
	(void)fd; /* a file that is read again by the same kernel */
	errno = EIO;
	return fake_fails(&sync_fails_in) ? -1 : 0;
}

static const struct journal_io fail_io = { fail_write, fail_sync };

/* From now on the call after n-1 of its kind fails; never, if n is 0. */
static inline void
break_at(enum kind kind, bool lasting, unsigned n)
{
	unsigned *const in[KINDS] = { [CHANGE] = &fake.fail_in,
		[READ] = &fake.read_fails_in,
		[WRITE] = &write_fails_in,
		[SYNC] = &sync_fails_in };

	for (int i = 0; i < KINDS; i++)
		*in[i] = 0;
	*in[kind] = n;
	fake.lasting = lasting;
	fake.failed = 0;
}

#endif
