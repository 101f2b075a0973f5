/* SPDX-License-Identifier: MIT */
/*
 * Instances in files: the text format and CPLEX LP.
 */
#ifndef OPTIMIZER_INSTANCE_FILE_H
#define OPTIMIZER_INSTANCE_FILE_H

#include "optimizer/decide/instance.h"

/* "-" is standard input.  On failure *out is NULL and err names the file. */
int instance_file_load(const char *path, struct instance **out, struct err *err);
/* "-" is standard output. */
int instance_file_write(const char *path, const struct instance *in, struct err *err);
int instance_file_write_lp(const char *path, const struct instance *in,
    struct err *err);

#endif
