/* SPDX-License-Identifier: MIT */
#include "common/mesh_self.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

#define ADDRS_MAX 256 /* of this machine's own that are looked at */

int
mesh_self(const struct mesh *mesh, const char *node, size_t *self, struct err *err)
{
	struct addr addrs[ADDRS_MAX];
	struct ifaddrs *list = NULL;
	size_t n = 0;

	if (node) {
		*self = mesh_find(mesh, node);
		if (*self == SIZE_MAX)
			return err_code(err, ENOENT,
			    "--node %s: mesh %s has no such node", node, mesh->name);
		return 0;
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
