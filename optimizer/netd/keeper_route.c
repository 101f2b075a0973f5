/* SPDX-License-Identifier: MIT */
/*
 * The arrows that move packets.  As in keeper_peer.c, each is on disk before it is made
 * and is read back; what did not turn out as asked is withdrawn.
 */
#include "optimizer/netd/keeper_core.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* s; a lease that was just renewed may show this much less. */
#define LEASE_SLACK 5

/* Routes of ours for one prefix: leased, permanent, and one that apply made. */
#define ROUTES_MAX 4

/* An address that stands for a prefix in a lookup. */
static struct addr
sample(const struct mesh_node *node, const struct prefix *prefix)
{
	return prefix_contains(prefix, &node->address.addr) ? node->address.addr
							    : prefix->addr;
}

/* Every prefix of the node, by our routes, and they win. */
static int
check_routes(struct keeper *k, uint32_t node, bool leased, struct err *err)
{
	const struct mesh_node *w = keeper_who(k, node);
	struct scene_node s;
	int rc = keeper_look(k, err);

	if (rc < 0)
		return rc;
	scene_node(&k->scene, node, &s);
	if (leased ? !s.leased : !s.committed)
		return err_code(err, EUCLEAN,
		    "%s: the kernel does not show the routes as set", w->name);
	for (size_t i = 0; i < w->n_prefixes; i++) {
		struct addr to = sample(w, &w->prefixes[i]);
		unsigned ifindex = 0;

		if (kernel_lookup(k->opts.kernel, &to, &ifindex) < 0 ||
		    ifindex != k->state.direct_link.ifindex)
			return err_code(err, EUCLEAN,
			    "%s: still leaves by another interface: is there an `ip "
			    "rule` "
			    "or a longer route that wins?",
			    w->name);
	}
	return 0;
}

/* Without looking first: it must work when looking does not. */
static int
delete_routes(struct keeper *k, const struct prefix *prefix)
{
	struct kernel_lease lease = {
		.own = keeper_who(k, (uint32_t)k->self)->address.addr,
		.prefix = *prefix
	};
	struct kernel_route route = { .dst = *prefix,
		.protocol = RTPROT_MESHOPT,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_NOWHERE };
	int rc = 0, first = 0;

	if (prefix->addr.family == AF_INET)
		first = kernel_lease_del(k->opts.kernel, &lease);
	for (int i = 0; i < ROUTES_MAX && rc == 0; i++)
		rc = kernel_route_del(k->opts.kernel, &route);
	if (first == -EADDRNOTAVAIL)
		first = 0;
	/* ESRCH: no more of them; the interface is gone: nor is any route by it. */
	if (rc == -ESRCH || rc == -ENODEV)
		rc = 0;
	return first == 0 || first == -ENODEV ? rc : first;
}

static int
withdraw_routes(struct keeper *k, uint32_t node, struct err *err)
{
	const struct mesh_node *w = keeper_who(k, node);
	struct scene_node s;
	int rc = 0, first = 0;

	for (size_t i = 0; i < w->n_prefixes; i++) {
		rc = delete_routes(k, &w->prefixes[i]);
		first = first < 0 ? first : rc;
	}
	if (first < 0)
		return keeper_failed(k, node, first, "withdrawing", err);
	rc = keeper_look(k, err);
	if (rc < 0)
		return rc;
	scene_node(&k->scene, node, &s);
	if (s.path != NETD_HUB)
		return err_code(err, EUCLEAN, "%s: its routes are still there",
		    w->name);
	return 0;
}

int
keeper_withdraw(struct keeper *k, uint32_t node, struct err *err)
{
	struct book_node *b = &k->book.node[node];
	struct scene_node s;
	int rc = keeper_look(k, err);

	scene_node(&k->scene, node, &s);
	if (rc == 0 && s.path == NETD_HUB && b->stage <= BOOK_STAGED && !b->doing)
		return 0;
	/*
	 * The way back does not wait for a disk.  What fails from here on is begun and
	 * not ended: the next look and a restart go on with it.
	 */
	(void)keeper_note(k, node, NETD_WITHDRAW);
	rc = k->mesh->in_place ? keeper_place_give_back(k, node, err)
			       : withdraw_routes(k, node, err);
	if (rc < 0)
		return rc;
	b->withdrawn = k->now.mono;
	b->urgent = false;
	keeper_end(k, node, b->peer || b->via != NETD_NONE ? BOOK_STAGED : BOOK_HUB);
	return 0;
}

static bool
is_orphan(const struct keeper *k, const struct prefix *prefix)
{
	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		const struct mesh_node *w = keeper_who(k, i);

		if (i != k->self && i != k->mesh->hub &&
		    scene_among(w->prefixes, w->n_prefixes, prefix))
			return false;
	}
	return true;
}

int
keeper_orphans(struct keeper *k, struct err *err)
{
	char text[PREFIX_TEXT_MAX];
	bool deleted = false;
	int rc = 0;

	for (size_t i = 0; i < k->scene.n_ours; i++) {
		const struct prefix *dst = &k->scene.ours[i]->dst;
		int one;

		if (!is_orphan(k, dst))
			continue;
		one = delete_routes(k, dst);
		deleted = true;
		prefix_format(dst, text);
		if (one < 0)
			rc = err_code(err, -one, "%s: withdrawing: %s", text,
			    strerror(-one));
	}
	if (deleted && rc == 0)
		rc = keeper_look(k, err);
	return rc;
}

int
keeper_panic(struct keeper *k, struct err *err)
{
	int rc = keeper_look(k, err);

	for (uint32_t i = 0; i < k->mesh->n_nodes; i++) {
		struct scene_node s;
		int one;

		scene_node(&k->scene, i, &s);
		if (s.path == NETD_HUB && k->book.node[i].stage <= BOOK_STAGED)
			continue;
		one = keeper_withdraw(k, i, err);
		rc = rc < 0 ? rc : one;
	}
	/* Of ours by their mark, though the mesh file knows nobody of the kind. */
	for (size_t i = 0; i < k->scene.n_ours; i++) {
		int one = delete_routes(k, &k->scene.ours[i]->dst);

		rc = rc < 0 ? rc : one;
	}
	return rc;
}

int
keeper_lease(struct keeper *k, uint32_t node, uint32_t seconds, struct err *err)
{
	struct kernel_lease lease = {
		.own = keeper_who(k, (uint32_t)k->self)->address.addr,
		.seconds = seconds
	};
	const struct mesh_node *w = keeper_who(k, node);
	struct scene_node s;
	struct err ignored;
	int rc;

	if (k->mesh->in_place)
		return keeper_place_lease(k, node, seconds, err);
	scene_node(&k->scene, node, &s);
	if (s.committed)
		return 0;
	/* A renewal changes nothing that a restart would have to know. */
	rc = s.leased && k->book.node[node].stage == BOOK_LEASED
		 ? 0
		 : keeper_begin(k, node, NETD_LEASE, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < w->n_prefixes && rc == 0; i++) {
		lease.prefix = w->prefixes[i];
		rc = kernel_lease_set(k->opts.kernel, &lease);
		if (rc < 0)
			(void)keeper_failed(k, node, rc, "leasing", err);
	}
	if (rc == 0)
		rc = check_routes(k, node, true, err);
	scene_node(&k->scene, node, &s);
	if (rc == 0 && s.lease_s + LEASE_SLACK < seconds)
		rc = err_code(err, EUCLEAN, "%s: a lease of %u s shows %u s", w->name,
		    seconds, s.lease_s);
	if (rc == 0) {
		if (k->book.node[node].stage != BOOK_LEASED || k->book.node[node].doing)
			keeper_end(k, node, BOOK_LEASED);
		return 0;
	}
	return keeper_withdraw(k, node, &ignored) < 0 ? -ENOTRECOVERABLE : rc;
}

static int
add_routes(struct keeper *k, uint32_t node, struct err *err)
{
	const struct mesh_node *w = keeper_who(k, node);
	struct addr own = keeper_who(k, (uint32_t)k->self)->address.addr;
	int rc = 0;

	for (size_t i = 0; i < w->n_prefixes && rc == 0; i++) {
		bool v4 = w->prefixes[i].addr.family == AF_INET;
		struct kernel_route route = { .dst = w->prefixes[i],
			.protocol = RTPROT_MESHOPT,
			.type = RTN_UNICAST,
			.scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
			.metric = KERNEL_ROUTE_METRIC };

		if (own.family == w->prefixes[i].addr.family)
			route.src = own;
		if (!scene_route(&k->scene, &w->prefixes[i]))
			rc = kernel_route_add(k->opts.kernel, &route);
		if (rc < 0)
			(void)keeper_failed(k, node, rc, "adding its route", err);
	}
	return rc;
}

int
keeper_commit(struct keeper *k, uint32_t node, struct err *err)
{
	struct kernel_lease lease = {
		.own = keeper_who(k, (uint32_t)k->self)->address.addr
	};
	const struct mesh_node *w = keeper_who(k, node);
	struct scene_node s;
	struct err ignored;
	int rc;

	if (k->mesh->in_place)
		return keeper_place_commit(k, node, err);
	scene_node(&k->scene, node, &s);
	if (s.committed && s.path == NETD_DIRECT &&
	    k->book.node[node].stage == BOOK_DIRECT)
		return 0;
	rc = keeper_begin(k, node, NETD_COMMIT, err);
	if (rc < 0)
		return rc;
	rc = add_routes(k, node, err);
	if (rc == 0)
		rc = check_routes(k, node, false, err);
	/* Both are there now, so taking the lease away changes no packet's way. */
	for (size_t i = 0; i < w->n_prefixes && rc == 0; i++) {
		lease.prefix = w->prefixes[i];
		if (scene_lease_s(&k->scene, &lease.prefix))
			rc = kernel_lease_del(k->opts.kernel, &lease);
		if (rc == -EADDRNOTAVAIL || rc == -ESRCH) /* it has just run out */
			rc = 0;
		if (rc < 0)
			(void)keeper_failed(k, node, rc, "ending its lease", err);
	}
	if (rc == 0)
		rc = check_routes(k, node, false, err);
	if (rc == 0) {
		k->book.node[node].urgent = false;
		keeper_end(k, node, BOOK_DIRECT);
		return 0;
	}
	/* By the hub: half of a node by another path helps nobody. */
	return keeper_withdraw(k, node, &ignored) < 0 ? -ENOTRECOVERABLE : rc;
}
