/* SPDX-License-Identifier: MIT */
/*
 * A square matrix from CSV: first row and first column are names, the first cell is
 * empty or anything.  An empty cell is unknown, the diagonal is empty or 0.  Rows may
 * stand in another order than columns, and a name without a row has unknown cells.
 */
#ifndef OPTIMIZER_MATRIX_CSV_H
#define OPTIMIZER_MATRIX_CSV_H

#include "common/err.h"
#include "optimizer/decide/matrix.h"

enum matrix_unit {
	MATRIX_MS,     /* RTT in ms with decimals, above 0, to whole us */
	MATRIX_WEIGHT, /* whole numbers from 0 to 1,000,000,000, symmetric */
};

/* On failure *out is NULL and err names file, line and column. */
int matrix_csv_load(const char *path, enum matrix_unit unit, struct matrix **out,
    struct err *err);

#endif
