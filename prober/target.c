/* SPDX-License-Identifier: MIT */
/*
 * The list is small and made once a reload, so it is built in the plainest way.
 */
#include "prober/target.h"

#include "common/mem.h"

static bool
may_have_tunnel(const struct mesh *mesh, size_t a, size_t b)
{
	const struct mesh_node *x = &mesh->nodes[a], *y = &mesh->nodes[b];

	return x->role != MESH_HUB && y->role != MESH_HUB &&
	       (x->endpoint.host[0] || y->endpoint.host[0]);
}

size_t
target_list(const struct mesh *mesh, size_t self, struct target **out)
{
	struct target *t = mem_array(mesh->n_nodes * TARGET_KINDS, sizeof(*t));
	size_t n = 0;

	for (size_t i = 0; i < mesh->n_nodes; i++) {
		const struct mesh_node *node = &mesh->nodes[i];

		if (i == self)
			continue;
		t[n++] =
		    (struct target){ i, TARGET_OVERLAY, .addr = node->address.addr };
		if (node->endpoint.host[0])
			t[n++] = (struct target){ i, TARGET_PUBLIC,
				.addr = node->endpoint.addr };
		if (may_have_tunnel(mesh, self, i))
			t[n++] = (struct target){ i, TARGET_TUNNEL,
				.addr = wgkey_link_local(&node->key) };
	}
	for (size_t k = 0; k < n; k++) {
		bool behind_nat =
		    t[k].kind == TARGET_PUBLIC && !mesh->nodes[self].endpoint.host[0];

		t[k].method = behind_nat ? MESH_ICMP : mesh->nodes[t[k].node].method;
		t[k].dscp = mesh->nodes[t[k].node].dscp;
	}
	*out = t;
	return n;
}

const char *
target_kind_name(enum target_kind kind)
{
	static const char *const names[] = { "overlay", "public", "tunnel" };

	return names[kind];
}
