/* SPDX-License-Identifier: MIT */
/*
 * Which node of the mesh file is this machine?
 */
#ifndef OPTIMIZER_OPERATE_SELF_H
#define OPTIMIZER_OPERATE_SELF_H

#include "common/mesh.h"
#include "optimizer/apply/kernel.h"

/* By name, or with NULL by the addresses that this machine has. */
int self_find(struct kernel *k, const struct mesh *mesh, const char *name, size_t *self,
    struct err *err);

#endif
