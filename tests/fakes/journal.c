/* SPDX-License-Identifier: MIT */
/*
 * See journal.h beside this.
 */
#include "tests/fakes/journal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "tests/fakes/kernel.h"

struct journal {
	uint8_t payload[FAKE_RECORDS][JOURNAL_PAYLOAD];
	size_t n;
};

static struct journal journals[FAKE_JOURNALS];

void
fake_journal_clear(void)
{
	for (int i = 0; i < FAKE_JOURNALS; i++)
		journals[i].n = 0;
}

int
journal_open(const char *path, const struct journal_io *io, journal_cb *each, void *ctx,
    struct journal **out, struct err *err)
{
	(void)io;
	(void)err;
	*out = &journals[*path - '0'];
	for (size_t i = 0; i < (*out)->n; i++)
		each((*out)->payload[i], ctx);
	return 0;
}

void
journal_close(struct journal *j)
{
	(void)j; /* it stays, as a file does */
}

bool
journal_damaged(const struct journal *j)
{
	(void)j;
	return false;
}

bool
journal_wants_rewrite(const struct journal *j)
{
	return j->n == FAKE_RECORDS;
}

int
journal_append(struct journal *j, const uint8_t payload[JOURNAL_PAYLOAD])
{
	assert(j->n < FAKE_RECORDS);
	if (!fake_step())
		return -EIO;
	memcpy(j->payload[j->n++], payload, JOURNAL_PAYLOAD);
	return 0;
}

int
journal_rewrite(struct journal *j, const uint8_t (*payload)[JOURNAL_PAYLOAD], size_t n)
{
	assert(n < FAKE_RECORDS);
	if (!fake_step())
		return -EIO;
	memcpy(j->payload, payload, n * JOURNAL_PAYLOAD);
	j->n = n;
	return 0;
}
