/* SPDX-License-Identifier: MIT */
#include "optimizer/operate/self.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

int
self_find(struct kernel *k, const struct mesh *mesh, const char *name, size_t *self,
    struct err *err)
{
	struct kernel_addr *found = NULL;
	struct addr *addrs;
	size_t n;
	int rc;

	if (name) {
		*self = mesh_find(mesh, name);
		return *self == SIZE_MAX
			   ? err_set(err, "--node: %s: the mesh file has no such node",
				 name)
			   : 0;
	}
	rc = kernel_addrs(k, 0, &found, &n);
	if (rc < 0)
		return err_code(err, -rc, "reading addresses: %s", strerror(-rc));
	addrs = mem_array(n, sizeof(*addrs));
	for (size_t i = 0; i < n; i++)
		addrs[i] = found[i].prefix.addr;
	rc = mesh_find_self(mesh, addrs, n, self, err);
	free(addrs);
	free(found);
	return rc;
}
