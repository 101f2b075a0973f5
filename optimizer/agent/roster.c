/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/roster.h"

#include "common/mesh_self.h"

int
roster_load(const char *path, const char *node, struct mesh **out, size_t *self,
    struct err *err)
{
	int rc = mesh_load(path, out, err);

	if (rc == 0)
		rc = mesh_self(*out, node, self, err);
	if (rc < 0) {
		mesh_free(*out);
		*out = NULL;
	}
	return rc;
}
