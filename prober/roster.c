/* SPDX-License-Identifier: MIT */
#include "prober/roster.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/mesh_self.h"

void
roster_free(struct roster *r)
{
	mesh_free(r->mesh);
	free(r->targets);
	*r = (struct roster){ 0 };
}

int
roster_load(struct roster *r, const char *path, const char *node, struct err *err)
{
	int rc = mesh_load(path, &r->mesh, err);

	if (rc == 0)
		rc = mesh_self(r->mesh, node, &r->view.self, err);
	if (rc < 0) {
		roster_free(r);
		return rc;
	}
	r->view.mesh = r->mesh;
	r->view.n_targets = target_list(r->mesh, r->view.self, &r->targets);
	r->view.targets = r->targets;
	return 0;
}

/* The name that a target's address comes from, or NULL. */
static const char *
name_of(const struct roster *r, const struct target *t)
{
	const struct endpoint *ep = &r->mesh->nodes[t->node].endpoint;

	return t->kind == TARGET_PUBLIC && !ep->addr.family ? ep->host : NULL;
}

void
roster_want(const struct roster *r, struct names *names)
{
	const char **hosts = mem_array(r->view.n_targets, sizeof(*hosts));
	size_t n = 0;

	for (size_t i = 0; i < r->view.n_targets; i++) {
		const char *host = name_of(r, &r->targets[i]);

		if (host)
			hosts[n++] = host;
	}
	names_want(names, hosts, n);
	free(hosts);
}

void
roster_resolve(struct roster *r, const struct names *names)
{
	for (size_t i = 0; i < r->view.n_targets; i++) {
		struct target *t = &r->targets[i];
		const char *host = name_of(r, t);

		if (host)
			(void)names_find(names, host, &t->addr); /* else it waits */
	}
}
