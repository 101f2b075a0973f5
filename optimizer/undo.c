/* SPDX-License-Identifier: MIT */
#include "optimizer/undo.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mesh.h"
#include "optimizer/apply/place.h"
#include "optimizer/apply/state.h"
#include "optimizer/cmd.h"

struct undoing {
	const struct undo *opts;
	struct kernel *k;
	struct mesh *mesh;
	struct state state;
	size_t found, failed;
};

static void
tell(const struct undoing *u, const struct prefix *prefix, const struct addr *src)
{
	char text[PREFIX_TEXT_MAX], own[ADDR_TEXT_MAX] = "";

	prefix_format(prefix, text);
	if (src->family)
		addr_format(src, own);
	printf("%s%s: delete route %s dev %s%s%s\n", u->opts->yes ? "" : "would ",
	    u->mesh->direct_interface, text, u->mesh->direct_interface,
	    own[0] ? " src " : "", own);
}

/* Who says undo gets it, but is told. */
static void
warn_unrouted(const struct undoing *u, const struct prefix *prefix)
{
	const struct kernel_route *hub = state_fallback(&u->state, prefix);
	char text[PREFIX_TEXT_MAX];

	if (hub && hub->ifindex == u->state.hub_link.ifindex)
		return;
	prefix_format(prefix, text);
	log_warnx("%s: %s does not route it", text, u->mesh->interface);
}

static void
undo_one(struct undoing *u, const struct kernel_route *route, bool leased)
{
	struct kernel_lease lease = { .own = route->src, .prefix = route->dst };
	char text[PREFIX_TEXT_MAX];
	int rc;

	u->found++;
	tell(u, &route->dst, &route->src);
	warn_unrouted(u, &route->dst);
	if (!u->opts->yes)
		return;
	rc = leased ? kernel_lease_del(u->k, &lease) : kernel_route_del(u->k, route);
	/* It has just run out. */
	if (rc == 0 || (leased && (rc == -EADDRNOTAVAIL || rc == -ESRCH)))
		return;
	u->failed++;
	prefix_format(&route->dst, text);
	log_warnx("%s: delete route %s: %s", u->mesh->direct_interface, text,
	    strerror(-rc));
}

static int
undo_all(struct undoing *u)
{
	const char *dev = u->mesh->direct_interface;

	for (size_t i = 0; i < u->state.n_routes; i++) {
		const struct kernel_route *route = &u->state.routes[i];
		bool leased = state_leased(&u->state, route);

		if (leased || state_ours(&u->state, route))
			undo_one(u, route, leased);
	}
	if (u->failed) {
		log_warnx("%zu of %zu routes were not deleted", u->failed, u->found);
		return u->failed < u->found ? EXIT_PARTIAL : EXIT_FAILED;
	}
	if (u->found == 0)
		printf("nothing to undo: meshopt has no route on %s\n", dev);
	else if (u->opts->yes)
		log_info("all by the hub; %s and its peers stay, unused, as the other "
			 "ends may still send by them; once they are undone too: ip "
			 "link del %s",
		    dev, dev);
	else
		log_info("nothing was changed; --yes does it");
	return u->found && !u->opts->yes && u->opts->exit_code ? EXIT_PENDING
							       : EXIT_DONE;
}

static void
print_back(const char *name, void *ctx)
{
	struct undoing *u = ctx;

	u->found++;
	printf("%s%s: by the hub\n", u->opts->yes ? "" : "would be ", name);
}

static int
undo_place(struct undoing *u)
{
	int rc = place_undo(u->k, u->mesh, u->opts->yes, print_back, u);

	if (rc < 0) {
		log_warnx("%s: giving prefixes back to the hub's peer: %s",
		    u->mesh->interface, strerror(-rc));
		return EXIT_FAILED;
	}
	return u->found && !u->opts->yes && u->opts->exit_code ? EXIT_PENDING
							       : EXIT_DONE;
}

int
undo(const struct undo *o)
{
	struct undoing u = { .opts = o };
	struct err err;
	int rc = mesh_load(o->mesh, &u.mesh, &err), status = EXIT_FAILED;

	if (rc == 0)
		rc = kernel_open(u.mesh->direct_interface, &u.k, &err);
	if (rc == 0 && !u.mesh->in_place)
		rc = state_read(u.k, u.mesh, clock_wall(), &u.state, &err);
	if (rc < 0)
		log_warnx("%s", err.text);
	else
		status = u.mesh->in_place ? undo_place(&u) : undo_all(&u);
	state_fini(&u.state);
	kernel_close(u.k);
	mesh_free(u.mesh);
	return status;
}
