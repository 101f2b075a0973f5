/* SPDX-License-Identifier: MIT */
/*
 * What the files of meshopt peer share.
 */
#ifndef OPTIMIZER_CMD_PEER_H
#define OPTIMIZER_CMD_PEER_H

#include <limits.h>

#include "common/mesh.h"
#include "optimizer/apply/kernel.h"

struct cmd_peer {
	/* options; NULL or 0 = not given */
	const char *mesh_path, *node, *name;
	const char *key, *region, *role, *address, *allowed, *endpoint;
	uint32_t keepalive_s;
	bool no_save, write_mesh, force, json;
	char conf[PATH_MAX]; /* the wg-quick file */
	/* what was read */
	struct mesh *mesh;
	struct kernel *k; /* of the hub interface: this one may change it */
	struct kernel_device *dev;
	size_t self;
};

/* Exit status, or -errno with err. */
int cmd_peer_change_add(struct cmd_peer *p, struct err *err);
int cmd_peer_change_remove(struct cmd_peer *p, struct err *err);

/*
 * The mesh with one [Node] more, that the options describe: *out is what mesh_read()
 * says of file and section together, *node the new one; *text is the section.
 */
int cmd_peer_node(const struct cmd_peer *p, struct mesh **out, size_t *node,
    char **text, struct err *err);
/* Append it to the mesh file. */
int cmd_peer_node_write(const struct cmd_peer *p, const char *text, struct err *err);

/* All of a small file, with an end that is not counted. */
int cmd_peer_node_read_file(const char *path, char **text, size_t *len,
    struct err *err);

#endif
