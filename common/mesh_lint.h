/* SPDX-License-Identifier: MIT */
/*
 * The rules a mesh must keep.  A hard fault makes every program refuse the file; a
 * warning is shown by `meshopt lint` alone.
 */
#ifndef COMMON_MESH_LINT_H
#define COMMON_MESH_LINT_H

#include <stdbool.h>

#include "common/mesh.h"

struct mesh_fault {
	bool hard;
	unsigned line; /* in the mesh file; 0 = the file as a whole */
	char text[400];
};

typedef void mesh_fault_cb(const struct mesh_fault *fault, void *ctx);

/* Calls report once a fault, in the order of the file; returns the number of hard ones.
 */
size_t mesh_lint(const struct mesh *mesh, mesh_fault_cb *report, void *ctx);

/*
 * Warnings of the keys that are older than 12 months, for `meshopt lint`: no program
 * should start or not by the calendar.
 */
void mesh_lint_age(const struct mesh *mesh, struct wall now, mesh_fault_cb *report,
    void *ctx);

/*
 * Read like mesh_read() but without the judgement, for `meshopt lint`, which wants
 * every fault and not only the first.
 */
int mesh_parse(FILE *in, const char *name, struct mesh **out, struct err *err);

#endif
