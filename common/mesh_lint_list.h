/* SPDX-License-Identifier: MIT */
/*
 * Inside mesh_lint*.c: the list of faults, and the rules that live in mesh_lint_soft.c.
 */
#ifndef COMMON_MESH_LINT_LIST_H
#define COMMON_MESH_LINT_LIST_H

#include "common/mesh_lint.h"

struct lint {
	const struct mesh *mesh;
	struct mesh_fault *faults;
	size_t n;
};

void mesh_lint_add(struct lint *l, bool hard, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

void mesh_lint_region(struct lint *l);
void mesh_lint_nodes(struct lint *l);
void mesh_lint_keys(struct lint *l, struct wall now);

#endif
