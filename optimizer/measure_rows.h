/* SPDX-License-Identifier: MIT */
/*
 * The collector's matrix in its binary form, common/figures.h, as a struct measure.
 */
#ifndef OPTIMIZER_MEASURE_ROWS_H
#define OPTIMIZER_MEASURE_ROWS_H

#include "common/figures.h"
#include "optimizer/measure_json.h"

/* JSON of 1,000 nodes is 500 MB, which is all that an older collector has. */
#define MEASURE_ROWS_ACCEPT FIGURES_MEDIA_TYPE ", application/json;q=0.5"

/* What came for that; JSON as well. */
int measure_rows_decode(const char *bytes, size_t len, struct measure **out,
    struct err *err);

#endif
