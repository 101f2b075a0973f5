/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "optimizer/agent/drive.h"
#include "optimizer/agent/dwell.h"
#include "optimizer/agent/event_log.h"
#include "optimizer/agent/roster.h"

#define STRANGE_MAX 5 /* a file that changes while it is read is no such case */

struct work {
	struct work_opts opts;
	struct drive drive;
	struct follow follow;
	struct dwell dwell;
	struct event_json *events;
	struct err plan_text; /* why the newest plan is not followed */
	struct mono fresh_until;
	struct wall started;
	bool reload;
	unsigned strange; /* mesh files in a row that netd did not take */
};

/* --- what happened --- */

static void
keep_event(struct work *w, const struct core_event *e)
{
	event_json_add(w->events, e, w->follow.order.epoch, clock_wall());
	w->opts.kick(w->opts.ctx);
}

static void
pass_events(struct work *w)
{
	struct core_event e;

	while (core_event(w->drive.core, &e)) {
		event_log(w->opts.mesh, &e);
		keep_event(w, &e);
	}
}

/* --- the plan --- */

static void
wish(void *ctx)
{
	struct work *w = ctx;
	size_t n = w->opts.mesh->n_nodes;
	struct way_wish *wishes = mem_array(n, sizeof(*wishes));

	order_wishes(&w->follow.order, w->opts.self, n, wishes);
	w->fresh_until =
	    mono_add(clock_mono(), guard_fresh_ns(&w->follow.order, clock_wall()));
	drive_want(&w->drive, wishes, w->fresh_until);
	free(wishes);
}

/*
 * How old a plan is, only the wall clock tells: the other one stands still while the
 * machine sleeps.  And what was told by a wrong one is told anew when that is set.
 */
static void
see_age(struct work *w, struct mono now)
{
	bool fresh = guard_fresh_ns(&w->follow.order, clock_wall()) > 0;

	if (fresh != (now.ns < w->fresh_until.ns))
		wish(w);
}

bool
work_plan(struct work *w, const void *bytes, size_t len)
{
	struct core_event e = { .kind = CORE_REFUSED, .node = SIZE_MAX, .rtt_us = -1 };
	struct err err;
	enum follow_verdict v = follow_take(&w->follow, bytes, len, clock_wall(), &err);

	if (v == FOLLOW_NEW) {
		log_info("plan: epoch %llu: %zu paths beside the hub's%s%s",
		    (unsigned long long)w->follow.order.epoch, w->follow.order.n,
		    err.text[0] ? "; " : "", err.text);
		wish(w);
	} else if (v == FOLLOW_REFUSED && strcmp(err.text, w->plan_text.text) != 0) {
		log_warnx("%s; not followed", err.text);
		memcpy(e.text, err.text, sizeof(err.text));
		keep_event(w, &e);
	}
	w->plan_text = err;
	return v != FOLLOW_REFUSED;
}

/* --- another mesh file --- */

/*
 * Both halves have sockets and interfaces of the file they started with; what stands
 * by another one nobody would guard.
 */
static int
check_same(const struct mesh *old, const struct mesh *mesh, struct err *err)
{
	/* In place the direct interface is the hub's. */
	if (strcmp(old->interface, mesh->interface) == 0 &&
	    strcmp(old->direct_interface, mesh->direct_interface) == 0)
		return 0;
	return err_set(err, "Interface, DirectInterface or Switching is another now: "
			    "meshopt panic, then restart meshopt-agent");
}

/* What is taken from the file at the start only. */
static void
say_restart(const struct work *w, const struct mesh *mesh, size_t self)
{
	const struct mesh *old = w->opts.mesh;

	if (!w->opts.own_collector && strcmp(old->collector, mesh->collector) != 0)
		log_warnx("reload: Collector is another now: restart meshopt-agent, "
			  "which asks the old one until then");
	if (old->nodes[w->opts.self].endpoint.host[0] &&
	    !mesh->nodes[self].endpoint.host[0])
		log_warnx("reload: this node has no Endpoint any more: restart "
			  "meshopt-agent, which cannot open a NAT until then");
}

static void
adopt(struct work *w, struct mesh *mesh, size_t self)
{
	struct mesh *old = w->opts.mesh;
	struct err err;

	/* What the core has learnt in this turn goes with it. */
	dwell_keep(&w->dwell, old, w->drive.core, clock_mono());
	pass_events(w);
	w->opts.mesh = mesh;
	w->opts.self = self;
	drive_mesh(&w->drive, mesh, self);
	dwell_restore(&w->dwell, mesh, w->drive.core, clock_mono());
	event_json_mesh(w->events, mesh);
	if (follow_reload(&w->follow, mesh, &err) < 0)
		log_warnx("%s: waiting for another plan", err.text);
	mesh_free(old);
	wish(w);
}

static void
reload(struct work *w)
{
	struct mesh *mesh = NULL;
	struct err err;
	size_t self;

	if (!w->reload || w->drive.asker.client.waiting)
		return;
	w->reload = false;
	if (roster_load(w->opts.mesh_path, w->opts.node, &mesh, &self, &err) < 0) {
		w->strange = 0; /* nobody could start with that either */
		log_warnx("reload: %s; the old mesh stays in force", err.text);
		return;
	}
	if (check_same(w->opts.mesh, mesh, &err) < 0) {
		mesh_free(mesh);
		log_warnx("reload: %s; the old mesh stays in force", err.text);
		return;
	}
	say_restart(w, mesh, self);
	adopt(w, mesh, self);
	log_info("reload: %zu nodes", mesh->n_nodes);
}

/* netd has read another file than we have.  -EPIPE: and reads another one each time. */
static int
reconcile(struct work *w)
{
	if (w->drive.asker.greeted)
		w->strange = 0;
	if (!w->drive.stale)
		return 0;
	w->drive.stale = false;
	w->reload = ++w->strange <= STRANGE_MAX;
	if (w->reload)
		return 0;
	log_warnx("netd: has another mesh file, and to read it again does not help: "
		  "starting over");
	return -EPIPE;
}

void
work_reload(struct work *w)
{
	w->reload = true;
}

void
work_adopt(struct work *w)
{
	w->drive.adopt = true;
}

/* --- */

int
work_turn(struct work *w, struct mono *wake)
{
	int rc = reconcile(w), driven;

	reload(w);
	see_age(w, clock_mono());
	driven = drive_turn(&w->drive);
	/* Withdraw first, all of them; the disk may take its time. */
	if (!w->drive.asker.client.waiting)
		dwell_keep(&w->dwell, w->opts.mesh, w->drive.core, clock_mono());
	pass_events(w);
	*wake = core_wake(w->drive.core);
	return rc < 0 ? rc : driven;
}

int
work_netd(struct work *w)
{
	return drive_netd(&w->drive);
}

struct work *
work_new(const struct work_opts *opts)
{
	struct work *w = mem_alloc(sizeof(*w));
	uint64_t boot = 0;
	struct err err;

	w->opts = *opts;
	w->started = clock_wall();
	w->drive = (struct drive){ .mesh = opts->mesh,
		.self = opts->self,
		.part = opts->part,
		.moved = wish,
		.ctx = w };
	drive_init(&w->drive);
	dwell_init(&w->dwell, opts->state_dir);
	dwell_restore(&w->dwell, opts->mesh, w->drive.core, clock_mono());
	(void)!getrandom(&boot, sizeof(boot), 0); /* cannot fail for 8 bytes */
	w->events = event_json_new(opts->mesh, boot);
	if (follow_load(&w->follow, opts->mesh, opts->state_dir, &err) < 0)
		log_warnx("%s; the paths stay as they are until a plan comes",
		    err.text);
	wish(w);
	return w;
}

void
work_free(struct work *w)
{
	if (!w)
		return;
	event_json_free(w->events);
	follow_fini(&w->follow);
	dwell_fini(&w->dwell);
	drive_fini(&w->drive);
	mesh_free(w->opts.mesh);
	free(w);
}

bool
work_is_ready(const struct work *w)
{
	return w->drive.ready;
}

struct event_json *
work_events(struct work *w)
{
	return w->events;
}

void
work_status(struct work *w, struct status_json *out)
{
	*out = (struct status_json){ .mesh = w->opts.mesh,
		.self = w->opts.self,
		.core = w->drive.core,
		.follow = &w->follow,
		.netd = &w->drive.asker.self,
		.plan_text = w->plan_text.text,
		.collector = "",
		.now = clock_wall(),
		.started = w->started,
		.mono = clock_mono() };
	out->fresh = out->mono.ns < w->fresh_until.ns;
}
