/* SPDX-License-Identifier: MIT */
/*
 * A mesh as the lines of a mesh file: what mesh_parse() reads back as the same.  What a
 * file need not say, because it is the default, is left out.
 */
#ifndef COMMON_MESH_WRITE_H
#define COMMON_MESH_WRITE_H

#include <stdio.h>

#include "common/mesh.h"

/* Each key of a section with its value, in the order of mesh.conf(5). */
typedef void mesh_write_cb(const char *key, const char *value, void *ctx);

void mesh_write_settings(const struct mesh *mesh, mesh_write_cb *line, void *ctx);
void mesh_write_node(const struct mesh *mesh, size_t node, mesh_write_cb *line,
    void *ctx);

/* The whole file, without comments. */
void mesh_write(const struct mesh *mesh, FILE *out);
/* Its parts, with line_prefix before each line. */
void mesh_write_head(const struct mesh *mesh, FILE *out, const char *line_prefix);
void mesh_write_region(const struct mesh_region *region, FILE *out,
    const char *line_prefix);
void mesh_write_pair(const struct mesh *mesh, const struct mesh_pair *pair, FILE *out,
    const char *line_prefix);

#endif
