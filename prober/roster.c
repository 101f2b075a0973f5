/* SPDX-License-Identifier: MIT */
/*
 * The one place where the prober asks DNS.  getaddrinfo() blocks, so it is called
 * before the loop runs and never from it.
 */
#include "prober/roster.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define RESOLVE_MAX_NS (10 * NS_PER_S) /* in all; then names are passed over */
#define ADDRS_MAX      256	       /* of this machine's own that are looked at */

/* The index of this machine's node. */
static int
find_self(const struct mesh *mesh, const char *node, size_t *self, struct err *err)
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

static int
resolve(const char *host, struct addr *out)
{
	struct addrinfo hints = { .ai_flags = AI_ADDRCONFIG,
		.ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &found);

	if (rc != 0) {
		log_warnx("%s: %s; its public path is not probed", host,
		    gai_strerror(rc));
		return -ENOENT;
	}
	/* The first, as WireGuard takes it. */
	if (!addr_from_sockaddr(found->ai_addr, out))
		rc = -EAFNOSUPPORT;
	freeaddrinfo(found);
	return rc;
}

void
roster_resolve(struct roster *r)
{
	struct mono end = mono_add(clock_mono(), RESOLVE_MAX_NS);

	for (size_t i = 0; i < r->view.n_targets; i++) {
		struct target *t = &r->targets[i];
		const char *host = r->mesh->nodes[t->node].endpoint.host;

		if (t->addr.family)
			continue;
		if (mono_diff(end, clock_mono()) <= 0)
			log_warnx(
			    "%s: names take too long; its public path is not probed",
			    host);
		else
			(void)resolve(host, &t->addr); /* it has said why */
	}
}

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
		rc = find_self(r->mesh, node, &r->view.self, err);
	if (rc < 0) {
		roster_free(r);
		return rc;
	}
	r->view.mesh = r->mesh;
	r->view.n_targets = target_list(r->mesh, r->view.self, &r->targets);
	r->view.targets = r->targets;
	return 0;
}

void
roster_inherit(struct roster *now, const struct roster *old)
{
	for (size_t i = 0; i < now->view.n_targets; i++) {
		struct target *t = &now->targets[i];
		const char *host = now->mesh->nodes[t->node].endpoint.host;

		for (size_t k = 0; !t->addr.family && k < old->view.n_targets; k++) {
			const struct target *o = &old->targets[k];

			if (o->kind == TARGET_PUBLIC &&
			    strcmp(old->mesh->nodes[o->node].endpoint.host, host) == 0)
				t->addr = o->addr;
		}
		if (!t->addr.family)
			log_warnx("%s: a new name; its public path is probed after a "
				  "restart",
			    host);
	}
}
