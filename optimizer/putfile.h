/* SPDX-License-Identifier: MIT */
/*
 * Files that must arrive whole, and key files, which nobody else may read.
 */
#ifndef OPTIMIZER_PUTFILE_H
#define OPTIMIZER_PUTFILE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/wgkey.h"

/*
 * A new file, on the disk when this returns 0; -EEXIST, and untouched, when there is
 * one of that name, be it a dangling link.
 */
int putfile_new(const char *path, mode_t mode, const char *text, size_t len,
    struct err *err);
/* The same in place of what was there: a reader sees the old file or the new one. */
int putfile_replace(const char *path, mode_t mode, const char *text, size_t len,
    struct err *err);

/* A private key as `wg genkey` prints it, in a new file of mode 0600. */
int putfile_key(const char *path, const struct wgkey *key, struct err *err);
/* Read one; refused when others than owner and group may read it. */
int putfile_read_key(const char *path, struct wgkey *key, struct err *err);

#endif
