/* SPDX-License-Identifier: MIT */
/*
 * The two shell scripts of a key rotation; meshopt-rotate(1) says how they play
 * together.  Both may be run again at any time, and go on where they stopped.
 */
#ifndef OPTIMIZER_ROTATE_SCRIPT_H
#define OPTIMIZER_ROTATE_SCRIPT_H

#include <stdio.h>

#include "common/mesh.h"

/* The mesh has a NextPublicKey for the node. */
void rotate_script_peer(const struct mesh *mesh, size_t node, FILE *out);
void rotate_script_node(const struct mesh *mesh, size_t node, FILE *out);

#endif
