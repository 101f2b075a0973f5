/* SPDX-License-Identifier: MIT */
/*
 * One HTTP GET, for the verbs that ask the collector.
 */
#ifndef OPTIMIZER_FETCH_H
#define OPTIMIZER_FETCH_H

#include <stddef.h>

#include "common/err.h"

/*
 * The body of base + path, with an end that is not counted in *len; the caller frees
 * it. Up to 30 s and 1 GiB.  NULL, and err saying what to do, if the collector is away
 * or answers anything but 200.
 */
char *fetch(const char *base, const char *path, size_t *len, struct err *err);

#endif
