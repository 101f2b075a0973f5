/* SPDX-License-Identifier: MIT */
/*
 * Plans in files: written whole or not at all, read plain or signed.
 */
#ifndef OPTIMIZER_PLAN_FILE_H
#define OPTIMIZER_PLAN_FILE_H

#include "common/err.h"
#include "optimizer/decide/plan.h"

/* 0, or -1 after saying why not. */
int plan_file_write(const char *path, const struct plan *plan);

/*
 * A signed plan must be by the mesh's PlanKey.  On failure *out is NULL and err names
 * the file.
 */
int plan_file_read(const char *path, const struct mesh *mesh, struct plan **out,
    struct err *err);

#endif
