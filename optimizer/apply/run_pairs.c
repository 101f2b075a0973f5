/* SPDX-License-Identifier: MIT */
/*
 * Driving the state machines.  A pair's routes go in together or not at all, and what
 * the kernel was told is read back before it counts.
 */
#include "optimizer/apply/run_pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

/* WireGuard tells nobody of a handshake; its device is read this often. */
#define LOOK_EVERY (250 * NS_PER_MS)

/* While nothing comes, say so. */
#define WORD_EVERY (10 * NS_PER_S)

static const char *
name_of(const struct run_pairs *d, size_t i)
{
	return goals_node(d->goals, i)->name;
}

static int
change(struct run_pairs *d, const struct step *step)
{
	switch (step->kind) {
	case STEP_DROP:
		return kernel_route_del(d->k, &step->route);
	case STEP_PEER:
		return kernel_peer_set(d->k, &step->change);
	case STEP_ROUTE:
		return kernel_route_add(d->k, &step->route);
	default:
		return 0;
	}
}

/* All steps of these two kinds; the pair fails with the first that does. */
static int
change_all(struct run_pairs *d, size_t i, enum step_kind a, enum step_kind b)
{
	char text[STEPS_TEXT_MAX];

	for (size_t s = 0; s < d->steps->n; s++) {
		const struct step *step = &d->steps->step[s];
		int rc;

		if (step->goal != i || (step->kind != a && step->kind != b))
			continue;
		rc = change(d, step);
		if (rc < 0) {
			steps_text(d->goals, step, text);
			pair_fail(&d->pairs[i], "%s: %s", text, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static void
stage(struct run_pairs *d, size_t i)
{
	const struct goal *goal = &d->goals->goal[i];

	if (change_all(d, i, STEP_DROP, STEP_PEER) < 0)
		return;
	pair_staged(&d->pairs[i], d->io->mono(d->io->ctx));
	if (pair_awaits_handshake(&d->pairs[i]))
		log_info("%s: peer is set; %s starts the handshake", name_of(d, i),
		    goal->starts ? "this node" : name_of(d, i));
}

/* Delete what there is of this pair's routes. */
static int
withdraw(struct run_pairs *d, size_t i)
{
	const struct mesh_node *node = goals_node(d->goals, i);
	struct state state;
	int rc =
	    state_read(d->k, d->goals->mesh, d->io->wall(d->io->ctx), &state, NULL);

	for (size_t j = 0; j < node->n_prefixes && rc == 0; j++) {
		const struct kernel_route *route =
		    state_route(&state, &node->prefixes[j]);

		if (route)
			rc = kernel_route_del(d->k, route);
	}
	state_fini(&state);
	return rc;
}

/* An address that stands for a prefix in a lookup. */
static struct addr
sample(const struct mesh_node *node, const struct prefix *prefix)
{
	return prefix_contains(prefix, &node->address.addr) ? node->address.addr
							    : prefix->addr;
}

/* Are the routes there, and do they win?  The sentence of what is wrong in p->why. */
static int
read_back(struct run_pairs *d, size_t i)
{
	const struct mesh_node *node = goals_node(d->goals, i);
	struct pair *p = &d->pairs[i];
	char text[PREFIX_TEXT_MAX];
	struct state state;
	struct err err;
	int rc =
	    state_read(d->k, d->goals->mesh, d->io->wall(d->io->ctx), &state, &err);

	if (rc < 0)
		pair_fail(p, "%s: reading back: %s", node->name, err.text);
	for (size_t j = 0; j < node->n_prefixes && rc == 0; j++) {
		struct addr to = sample(node, &node->prefixes[j]);
		unsigned ifindex = 0;

		prefix_format(&node->prefixes[j], text);
		rc = kernel_lookup(d->k, &to, &ifindex);
		if (rc < 0) {
			pair_fail(p, "%s: looking up %s: %s", node->name, text,
			    strerror(-rc));
		} else if (!state_route(&state, &node->prefixes[j])) {
			pair_fail(p, "%s: the kernel does not show the route to %s",
			    node->name, text);
			rc = -ENOENT;
		} else if (ifindex != d->ifindex) {
			pair_fail(p,
			    "%s: %s still leaves by another interface: is there an `ip "
			    "rule` or a longer route that wins?",
			    node->name, text);
			rc = -EXDEV;
		}
	}
	state_fini(&state);
	return rc;
}

static void
route(struct run_pairs *d, size_t i)
{
	struct pair *p = &d->pairs[i];
	int64_t us = pair_median_us(p);
	struct err why;

	if (change_all(d, i, STEP_ROUTE, STEP_ROUTE) == 0 && read_back(d, i) == 0) {
		pair_routed(p);
		log_info("%s: direct, %.1f ms", name_of(d, i), (double)us / 1000);
		return;
	}
	/* All of them or none: half of a node by another path helps nobody. */
	why = p->why;
	if (withdraw(d, i) < 0)
		pair_fail(p,
		    "%.300s; and its routes could not be taken back: meshopt apply "
		    "--undo "
		    "--yes",
		    why.text);
}

static void
perform(struct run_pairs *d, size_t i, enum pair_act act)
{
	const struct mesh_node *node = goals_node(d->goals, i);
	enum pair_size size = act == PAIR_PROBE_FULL ? PAIR_FULL : PAIR_SMALL;
	struct pair *p = &d->pairs[i];
	struct addr to;
	int rc;

	switch (act) {
	case PAIR_STAGE:
		stage(d, i);
		break;
	case PAIR_PROBE_SMALL:
	case PAIR_PROBE_FULL:
		to = wgkey_link_local(&node->key);
		rc = d->io->send(d->io->ctx, (uint32_t)(i * PAIR_SIZES + size), &to,
		    d->ifindex,
		    size == PAIR_FULL ? p->opts.full_bytes : PAIR_SMALL_BYTES);
		pair_sent(p, size, rc, d->io->mono(d->io->ctx));
		break;
	case PAIR_ROUTE:
		route(d, i);
		break;
	case PAIR_WAIT:
		break;
	}
}

/* A SET that the kernel acknowledged proves little: would we send it again? */
static void
confirm(struct run_pairs *d)
{
	struct state state;
	struct steps again = { 0 };
	struct err err;
	int rc =
	    state_read(d->k, d->goals->mesh, d->io->wall(d->io->ctx), &state, &err);

	if (rc == 0)
		steps_make(d->goals, &state, &again);
	for (size_t i = 0; i < d->goals->n; i++) {
		struct pair *p = &d->pairs[i];

		if (!d->active[i] || p->phase == PAIR_FAILED)
			continue;
		if (rc < 0)
			pair_fail(p, "%s: reading back: %s", name_of(d, i), err.text);
		else if (steps_count(&again, STEP_PEER, i) || steps_refused(&again, i))
			pair_fail(p,
			    "%s: the kernel did not take its peer as it was sent",
			    name_of(d, i));
	}
	steps_fini(&again);
	state_fini(&state);
}

/* Who has shaken hands? */
static void
look(struct run_pairs *d, struct mono now)
{
	struct kernel_device *dev = NULL;
	struct wall wall = d->io->wall(d->io->ctx);
	int rc = kernel_device(d->k, d->goals->mesh->direct_interface, &dev);

	for (size_t i = 0; i < d->goals->n; i++) {
		const struct mesh_node *node = goals_node(d->goals, i);

		if (!d->active[i] || !pair_awaits_handshake(&d->pairs[i]))
			continue;
		if (rc < 0)
			pair_fail(&d->pairs[i], "%s: reading %s: %s", node->name,
			    d->goals->mesh->direct_interface, strerror(-rc));
		for (size_t j = 0; rc == 0 && j < dev->n_peers; j++) {
			if (wgkey_compare(&dev->peers[j].key, &node->key) != 0 ||
			    !steps_alive(&dev->peers[j], wall))
				continue;
			pair_shaken(&d->pairs[i], now);
			log_info("%s: handshake; probing the tunnel", node->name);
			break;
		}
	}
	kernel_device_free(dev);
}

static void
on_result(const struct pinger_result *result, void *ctx)
{
	struct run_pairs *d = ctx;
	size_t i = result->slot / PAIR_SIZES;
	enum pair_size size = result->slot % PAIR_SIZES ? PAIR_FULL : PAIR_SMALL;

	if (i >= d->goals->n || !d->active[i])
		return;
	if (result->fate == PINGER_ANSWERED)
		pair_answered(&d->pairs[i], size,
		    result->rtt_ns < 0 ? -1 : result->rtt_ns / NS_PER_US);
	else if (result->fate == PINGER_LOST)
		pair_lost(&d->pairs[i], size);
}

/* Everything that can be done now.  When to come back, or INT64_MAX when all is over.
 */
static struct mono
turn(struct run_pairs *d, struct mono now)
{
	struct mono wake = { INT64_MAX };

	for (size_t i = 0; i < d->goals->n; i++) {
		struct pair *p = &d->pairs[i];
		enum pair_act act;

		if (!d->active[i] || pair_is_over(p))
			continue;
		while ((act = pair_next(p, now)) != PAIR_WAIT)
			perform(d, i, act);
		if (pair_wake(p).ns < wake.ns)
			wake = pair_wake(p);
		if (pair_awaits_handshake(p) && d->next_look.ns < wake.ns)
			wake = d->next_look;
	}
	return wake;
}

static void
stop(struct run_pairs *d)
{
	for (size_t i = 0; i < d->goals->n; i++) {
		if (!d->active[i] || pair_is_over(&d->pairs[i]))
			continue;
		pair_fail(&d->pairs[i], "%s: interrupted; it stays by the hub",
		    name_of(d, i));
	}
}

static bool
awaiting(const struct run_pairs *d)
{
	for (size_t i = 0; i < d->goals->n; i++) {
		if (d->active[i] && pair_awaits_handshake(&d->pairs[i]))
			return true;
	}
	return false;
}

/* A word when a pair fails, and now and then for those who watch. */
static void
say(struct run_pairs *d, struct mono now)
{
	bool waited = now.ns >= d->next_word.ns;

	for (size_t i = 0; i < d->goals->n; i++) {
		const struct pair *p = &d->pairs[i];

		if (!d->active[i])
			continue;
		if (p->phase == PAIR_FAILED && !d->told[i]) {
			log_warnx("%s", p->why.text);
			d->told[i] = true;
		} else if (waited && pair_awaits_handshake(p)) {
			log_info("%s: waiting for a handshake, %lld s of %lld s",
			    name_of(d, i),
			    (long long)(mono_diff(now, p->since) / NS_PER_S),
			    (long long)(p->opts.wait_ns / NS_PER_S));
		}
	}
	if (waited)
		d->next_word = mono_add(now, WORD_EVERY);
}

void
run_pairs(struct run_pairs *d)
{
	const struct run_io *io = d->io;
	struct mono now = io->mono(io->ctx), wake;

	d->told = mem_array(d->goals->n, sizeof(*d->told));
	d->next_look = now;
	d->next_word = mono_add(now, WORD_EVERY);
	/* All peers first, so that one reading tells of all. */
	for (size_t i = 0; i < d->goals->n; i++) {
		if (d->active[i] && pair_next(&d->pairs[i], now) == PAIR_STAGE)
			stage(d, i);
	}
	confirm(d);
	do {
		now = io->mono(io->ctx);
		if (io->stopped(io->ctx))
			stop(d);
		if (awaiting(d) && now.ns >= d->next_look.ns) {
			look(d, now);
			d->next_look = mono_add(now, LOOK_EVERY);
		}
		io->drain(io->ctx, on_result, d);
		wake = turn(d, now);
		say(d, now);
		if (wake.ns != INT64_MAX)
			io->wait(io->ctx, wake);
	} while (wake.ns != INT64_MAX);
	free(d->told);
	d->told = NULL;
}
