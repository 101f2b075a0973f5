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

/* What a value is: mesh_keys.c reads each kind, mesh_write.c writes it. */
enum mesh_kind {
	MESH_K_NAME,
	MESH_K_INTERFACE,
	MESH_K_URL,
	MESH_K_KEY,
	MESH_K_U8,
	MESH_K_U16,
	MESH_K_U32,
	MESH_K_BOOL,
	MESH_K_DATE,
	MESH_K_METHOD,
	MESH_K_SWITCHING,
	MESH_K_ROLE,
	MESH_K_PREFIX,
	MESH_K_SUBNET,
	MESH_K_ENDPOINT,
	MESH_K_ALLOWED,	    /* the field is the whole node */
	MESH_K_PAIR_NODES,  /* the field is the whole draft */
	MESH_K_PAIR_WEIGHT, /* the field is the whole pair */
	MESH_K_PAIR_PATH,
	MESH_N_KINDS
};

struct mesh_key {
	const char *name; /* NULL ends a table */
	enum mesh_kind kind;
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

/*
 * Read value into the section's struct.  NULL, or what a right value would have looked
 * like.
 */
const char *mesh_keys_set(const struct mesh_key *key, void *section, const char *value);

/* What a file has that says nothing. */
void mesh_keys_default_mesh(struct mesh *mesh);
void mesh_keys_default_node(struct mesh_node *node);

extern const struct mesh_section_rule mesh_keys_of[MESH_IN_REGION + 1];

#endif
