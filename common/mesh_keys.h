/* SPDX-License-Identifier: MIT */
/*
 * Which keys each section of the mesh file has, and what their values may be: tables,
 * in which a key is one line.  mesh_parse.c walks them; nobody else needs this header.
 */
#ifndef COMMON_MESH_KEYS_H
#define COMMON_MESH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mesh.h"

enum mesh_section {
	MESH_IN_NONE,
	MESH_IN_MESH,
	MESH_IN_NODE,
	MESH_IN_PAIR,
	MESH_IN_REGION
};

/* A [Pair] names its nodes before they may have been defined. */
struct mesh_pair_draft {
	struct mesh_pair pair;
	char a[MESH_NAME_MAX], b[MESH_NAME_MAX];
};

struct mesh_key;

/*
 * Read value into the field.  NULL, or what a right value would have looked like, which
 * for a range of numbers is the key's own want.
 */
typedef const char *mesh_key_set(void *field, const char *value,
    const struct mesh_key *key);

struct mesh_key {
	const char *name; /* NULL ends a table */
	mesh_key_set *set;
	size_t offset; /* of the field in the section's struct */
	bool required;
	uint32_t lo, hi; /* of a number */
	const char *want;
};

/* At most 64 keys a section: mesh_parse.c counts them in a word. */
struct mesh_section_rule {
	const char *name;
	const struct mesh_key *keys; /* of struct mesh, mesh_node, mesh_pair_draft or
					mesh_region */
};

extern const struct mesh_section_rule mesh_keys_of[MESH_IN_REGION + 1];

#endif
