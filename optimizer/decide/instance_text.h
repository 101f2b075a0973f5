/* SPDX-License-Identifier: MIT */
/*
 * An instance as lines of text, so that the same question can be kept, handed to others
 * and asked again.  docs/planning.md describes the format.
 */
#ifndef OPTIMIZER_DECIDE_INSTANCE_TEXT_H
#define OPTIMIZER_DECIDE_INSTANCE_TEXT_H

#include <stdio.h>

#include "optimizer/decide/instance.h"

/*
 * name is used in messages only.  -EINVAL, or -EOVERFLOW for weights that are too
 * large; then *out is NULL and err names the line.
 */
int instance_text_read(const char *name, const char *buf, size_t len,
    struct instance **out, struct err *err);

/* 0, or -EIO when a write failed. */
int instance_text_write(const struct instance *in, FILE *out);

#endif
