/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/roster.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

#define ADDRS_MAX 256 /* of this machine's own that are looked at */

static int
find_self(const struct mesh *mesh, const char *node, size_t *self, struct err *err)
{
	struct addr addrs[ADDRS_MAX];
	struct ifaddrs *list = NULL;
	size_t n = 0;

	if (node) {
		*self = mesh_find(mesh, node);
		return *self == SIZE_MAX ? err_code(err, ENOENT,
					       "--node %s: mesh %s has no such node",
					       node, mesh->name)
					 : 0;
	}
	if (getifaddrs(&list) < 0)
		return err_code(err, errno, "own addresses: %s; give --node NAME",
		    strerror(errno));
	for (struct ifaddrs *i = list; i && n < ADDRS_MAX; i = i->ifa_next)
		if (i->ifa_addr && addr_from_sockaddr(i->ifa_addr, &addrs[n]))
			n++;
	freeifaddrs(list);
	return mesh_find_self(mesh, addrs, n, self, err);
}

int
roster_load(const char *path, const char *node, struct mesh **out, size_t *self,
    struct err *err)
{
	int rc = mesh_load(path, out, err);

	if (rc == 0)
		rc = find_self(*out, node, self, err);
	if (rc < 0) {
		mesh_free(*out);
		*out = NULL;
	}
	return rc;
}
