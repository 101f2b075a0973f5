/* SPDX-License-Identifier: MIT */
/*
 * Histories from files.  One CSV of slices: a heading "a,b,LABEL,...", then a line a
 * pair with its RTT in ms in each slice, empty where there is none, plain or gzipped.
 * Or a directory of square matrices (matrix_csv.h), a slice each, in the order of their
 * names, which are the labels.
 */
#ifndef OPTIMIZER_HISTORY_READ_H
#define OPTIMIZER_HISTORY_READ_H

#include "common/err.h"
#include "optimizer/decide/history.h"

/* On failure *out is NULL and err names the file and, where there is one, the line. */
int history_read(const char *path, struct history **out, struct err *err);

#endif
