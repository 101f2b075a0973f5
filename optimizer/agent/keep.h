/* SPDX-License-Identifier: MIT */
/*
 * Small files that outlive the agent, in its state directory.
 */
#ifndef OPTIMIZER_AGENT_KEEP_H
#define OPTIMIZER_AGENT_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

/* 0 or -errno; *out is for free().  Empty, or larger than a plan may be: -EINVAL. */
int keep_read(const char *dir, const char *name, uint8_t **out, size_t *len,
    struct wall *written);

/* The old one or the new one, whatever happens: rename(2), and both ends synced. */
int keep_write(const char *dir, const char *name, const void *bytes, size_t len);

#endif
