/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/named.h"

#include <stdlib.h>

#include "common/mem.h"

static bool
is_named(const struct mesh_node *node)
{
	return node->endpoint.host[0] && !node->endpoint.addr.family;
}

void
named_want(struct names *names, const struct mesh *mesh)
{
	const char **hosts = mem_array(mesh->n_nodes, sizeof(*hosts));
	size_t n = 0;

	for (size_t i = 0; i < mesh->n_nodes; i++) {
		if (is_named(&mesh->nodes[i]))
			hosts[n++] = mesh->nodes[i].endpoint.host;
	}
	names_want(names, hosts, n);
	free(hosts);
}

void
named_hint(const struct names *names, const struct mesh *mesh, struct way_wish *wishes)
{
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		if (is_named(&mesh->nodes[i]) &&
		    names_find(names, mesh->nodes[i].endpoint.host, &wishes[i].hint))
			wishes[i].hint_port = mesh_direct_port(mesh, &mesh->nodes[i]);
	}
}
