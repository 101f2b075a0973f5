/* SPDX-License-Identifier: MIT */
/*
 * What netd was about to do, on disk before it is done: records of 512 bytes, each with
 * a sequence number and a CRC, appended with write and fdatasync.
 *
 * A journal that ends in the middle of a record, or has a bit turned, is read as far as
 * it is whole; the rest is set aside under another name and reported.  After a failed
 * fdatasync nobody knows what the disk has, so the file is then written anew and never
 * synced again.
 */
#ifndef OPTIMIZER_NETD_JOURNAL_H
#define OPTIMIZER_NETD_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

#define JOURNAL_VERSION 1
#define JOURNAL_RECORD	512
#define JOURNAL_PAYLOAD (JOURNAL_RECORD - 20)
#define JOURNAL_RECORDS 4096 /* 2 MiB; then it is written anew */

struct journal;

/* What it does to a file; NULL = the system's.  A test puts failures there. */
struct journal_io {
	ssize_t (*write)(int fd, const void *buf, size_t len, off_t at);
	int (*sync)(int fd);
};

/* One whole record, oldest first. */
typedef void journal_cb(const uint8_t payload[JOURNAL_PAYLOAD], void *ctx);

/* path: of the file, made if there is none.  0 or -errno with err in words. */
int journal_open(const char *path, const struct journal_io *io, journal_cb *each,
    void *ctx, struct journal **out, struct err *err);
void journal_close(struct journal *j);

/* Some of it was not whole, or of another version, and is now beside it as .bad. */
bool journal_damaged(const struct journal *j);

/* It has to be written anew before the next record: too long, or a sync failed. */
bool journal_wants_rewrite(const struct journal *j);

/* On disk when it returns 0; -ENOSPC, -EIO and the like leave what there was. */
int journal_append(struct journal *j, const uint8_t payload[JOURNAL_PAYLOAD]);

/* These n records and no others, by way of a second file and a rename. */
int journal_rewrite(struct journal *j, const uint8_t (*payload)[JOURNAL_PAYLOAD],
    size_t n);

#endif
