/* SPDX-License-Identifier: MIT */
/*
 * Change single keys of a mesh file's text and leave every other byte, comments above
 * all, as its owner wrote it.  Pure.
 */
#ifndef OPTIMIZER_MESH_EDIT_H
#define OPTIMIZER_MESH_EDIT_H

#include <stddef.h>

struct mesh_edit {
	const char *key;
	const char *value; /* NULL: the line goes */
};

/*
 * The text with those keys set in the section that begins in the given line, from 1.  A
 * key that is not there comes after the section's heading and the keys it has.  The
 * result is for free().
 */
char *mesh_edit(const char *text, unsigned line, const struct mesh_edit *edits,
    size_t n);

#endif
