/* SPDX-License-Identifier: MIT */
/*
 * The directory of a spool: segments are files NUMBER.seg, sixteen hexadecimal digits,
 * and `lock` is held by the one process that may write.
 */
#ifndef PROBER_SPOOL_DIR_H
#define PROBER_SPOOL_DIR_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Make it if it is missing, open and lock it.  0 or -errno, -EBUSY if it is taken. */
int spool_dir_lock(const char *dir, int *dir_fd, int *lock_fd, struct err *err);
/* Either may be -1. */
void spool_dir_unlock(int dir_fd, int lock_fd);

/* Calls back once a segment, the oldest first; one that cannot be read is an error. */
typedef void spool_dir_cb(const uint8_t *bytes, size_t len, uint64_t number, void *ctx);
int spool_dir_read(const char *dir, int dir_fd, spool_dir_cb *cb, void *ctx,
    struct err *err);

/* A descriptor or -errno; create: for writing, and it must not be there yet. */
int spool_dir_create(int dir_fd, uint64_t number);
int spool_dir_open(int dir_fd, uint64_t number);
void spool_dir_unlink(int dir_fd, uint64_t number);

#endif
