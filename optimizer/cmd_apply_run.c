/* SPDX-License-Identifier: MIT */
#include "optimizer/cmd_apply_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "optimizer/agent/drive.h"

/* A person has decided this many at once, so netd's rate is none here. */
#define CHANGES 100000

#define FINISH_NS (30 * NS_PER_S)   /* for what is under way when the wait is over */
#define LEAVE_NS  (3 * NS_PER_S)    /* to take back what was leased; else it runs out */
#define WORD_NS	  (10 * NS_PER_S)   /* while nothing comes, say so */
#define NAP_MAX	  (250 * NS_PER_MS) /* a signal between check and sleep costs one */

/* What was said of a node last. */
struct told {
	bool seen, testing;
	enum way_state state;
	enum way_route first; /* that it had before */
};

struct foreground {
	const struct apply_run *run;
	struct apply_outcome *out;
	struct drive drive;
	struct told *told; /* owned, one a node */
	struct mono start, next_word;
	bool stopped;
};

static volatile sig_atomic_t stop_asked;

static void
on_signal(int number)
{
	(void)number;
	stop_asked = 1;
}

static const struct way *
way_of(const struct foreground *f, size_t node)
{
	return core_way(f->drive.core, node);
}

static void
want(void *ctx)
{
	struct foreground *f = ctx;

	drive_want(&f->drive, f->run->wishes, (struct mono){ INT64_MAX });
}

/* --- when is a pair over? --- */

static void
over(struct foreground *f, size_t node, const char *why)
{
	struct apply_outcome *out = &f->out[node];
	const struct way *w = way_of(f, node);

	out->over = true;
	out->changed = w->seen.route != f->told[node].first;
	out->rtt_us = pair_median_us(&w->test);
	if (!why)
		return;
	(void)err_set(&out->why, "%s", why); /* only the text */
	log_warnx("%s", why);
}

static bool
is_fulfilled(const struct way *w)
{
	if (w->wish.path == WAY_BY_HUB)
		return w->seen_at.ns && w->seen.route == WAY_NO_ROUTE;
	return w->seen.route == WAY_FIRM_ROUTE && w->seen.staged == w->wish.path &&
	       (w->wish.path != WAY_BY_RELAY || w->seen.via == w->wish.via) &&
	       w->live.good > 0 && w->live.misses == 0;
}

/* Its own verdict, or NULL.  A relay path is tried again: its far end may be late. */
static const char *
verdict(const struct way *w, struct mono now, struct err *why)
{
	if (w->seen.foreign) {
		(void)err_set(why, "%s: changed by hand: %s", w->name, w->seen.words);
		return why->text;
	}
	if (w->seen.route || !w->why.text[0] || w->testing)
		return NULL;
	if (now.ns < w->hold_until.ns)
		return w->why.text;
	return w->wish.path == WAY_BY_TUNNEL && now.ns < w->retry_at.ns ? w->why.text
									: NULL;
}

/* Under way, so that it is worth waiting for. */
static bool
is_moving(const struct way *w)
{
	return w->wish.path != WAY_BY_HUB &&
	       (w->testing || w->verified || w->seen.route == WAY_LEASE_ROUTE);
}

/* Why it has not become what it should in all that time. */
static void
too_late(struct foreground *f, size_t node)
{
	const struct way *w = way_of(f, node);
	long long wait_s = (long long)(f->run->wait_ns / NS_PER_S);
	struct err why;

	if (f->stopped)
		(void)err_set(&why, "%s: interrupted; it stays by the hub", w->name);
	else if (core_hub_silent(f->drive.core))
		(void)err_set(&why,
		    "%s: the hub does not answer, so nothing is changed: bring it "
		    "back first",
		    w->name);
	else if (w->wish.path == WAY_BY_RELAY)
		(void)err_set(&why,
		    "%s: %.300s: is `meshopt apply` running there, and on %s, its "
		    "relay?",
		    w->name,
		    w->why.text[0] ? w->why.text : "its relay path is not ready",
		    f->run->mesh->nodes[w->wish.via].name);
	else if (w->seen.staged == WAY_BY_TUNNEL && w->both_nat && w->why.text[0])
		why = w->why;
	else if (w->seen.staged == WAY_BY_TUNNEL && !w->proved && !w->testing)
		(void)err_set(&why,
		    "%s: no handshake in %lld s: is `meshopt apply` running there? is "
		    "UDP port %u open on %s?",
		    w->name, wait_s, w->port, w->listener);
	else
		(void)err_set(&why, "%s: not done in %lld s: --wait longer", w->name,
		    wait_s);
	over(f, node, why.text);
}

/* --- words on the way --- */

static void
tell_progress(struct foreground *f, size_t node)
{
	const struct way *w = way_of(f, node);
	enum way_state state = way_state(w);
	struct told *told = &f->told[node];

	if (w->seen_at.ns && !told->seen)
		*told = (struct told){ true, false, state, w->seen.route };
	if (w->testing && !told->testing && !w->seen.route)
		log_info("%s: %s; probing the tunnel", w->name,
		    w->wish.path == WAY_BY_RELAY ? "its relay is ready" : "handshake");
	told->testing = w->testing;
	if (state == told->state)
		return;
	if (state == WAY_STAGED && told->state == WAY_HUB &&
	    w->wish.path == WAY_BY_TUNNEL)
		log_info("%s: peer is set; %s starts the handshake", w->name,
		    w->starts ? "this node" : w->name);
	else if (state == WAY_LEASED)
		log_info("%s: verified; leased while it is probed again", w->name);
	else if (state == WAY_DIRECT)
		log_info("%s: permanent: good under its lease, too", w->name);
	else if (w->wish.path == WAY_BY_HUB)
		log_info("%s: by the hub; its peer stays, unused", w->name);
	told->state = state;
}

static void
tell_waiting(struct foreground *f, struct mono now)
{
	if (now.ns < f->next_word.ns)
		return;
	f->next_word = mono_add(now, WORD_NS);
	for (size_t i = 0; i < f->run->mesh->n_nodes; i++) {
		if (!f->out[i].over && !is_moving(way_of(f, i)))
			log_info("%s: waiting, %lld s of %lld s",
			    f->run->mesh->nodes[i].name,
			    (long long)(mono_diff(now, f->start) / NS_PER_S),
			    (long long)(f->run->wait_ns / NS_PER_S));
	}
}

/* Of the node as a whole; what concerns a pair is in its outcome. */
static void
hear(struct foreground *f)
{
	struct core_event e;

	while (core_event(f->drive.core, &e)) {
		if (e.node == SIZE_MAX || e.node == f->run->mesh->hub)
			log_warnx("%s", e.text);
	}
}

/* --- the loop --- */

static void
judge(struct foreground *f, size_t node, struct mono now)
{
	const struct way *w = way_of(f, node);
	int64_t late_ns = mono_diff(now, f->start) - f->run->wait_ns;
	struct err text;
	const char *why = verdict(w, now, &text);

	tell_progress(f, node);
	if (is_fulfilled(w))
		over(f, node, NULL);
	else if (why)
		over(f, node, why);
	else if (f->stopped || late_ns >= (is_moving(w) ? FINISH_NS : 0))
		too_late(f, node);
}

static bool
judge_all(struct foreground *f)
{
	struct mono now = clock_mono();
	bool done = true;

	for (size_t i = 0; i < f->run->mesh->n_nodes; i++) {
		if (f->out[i].over)
			continue;
		judge(f, i, now);
		done &= f->out[i].over;
	}
	tell_waiting(f, now);
	return done;
}

static int
turn(struct foreground *f)
{
	struct pollfd fds[1 + PINGER_FDS] = { { f->drive.part->netd_fd, POLLIN, 0 } };
	int probes[PINGER_FDS], rc = drive_turn(&f->drive);
	size_t n = pinger_fds(f->drive.part->pinger, probes);
	int64_t ns;

	hear(f);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		fds[1 + i] = (struct pollfd){ probes[i], POLLIN, 0 };
	ns = mono_diff(core_wake(f->drive.core), clock_mono());
	ns = ns < NS_PER_MS ? NS_PER_MS : ns > NAP_MAX ? NAP_MAX : ns;
	/* However this ends, everything is looked at again. */
	if (poll(fds, (nfds_t)n + 1, (int)(ns / NS_PER_MS)) > 0 && fds[0].revents)
		rc = drive_netd(&f->drive);
	return rc;
}

/* Routes that are leased and will not be permanent: by the hub, before we leave. */
static bool
has_leases(struct foreground *f)
{
	bool found = false;

	for (size_t i = 0; i < f->run->mesh->n_nodes; i++) {
		if (f->run->wishes[i].leave ||
		    way_of(f, i)->seen.route != WAY_LEASE_ROUTE)
			continue;
		f->run->wishes[i].path = WAY_BY_HUB;
		found = true;
	}
	return found;
}

static int
drive(struct foreground *f)
{
	struct mono by;
	int rc = 0;

	want(f);
	while (rc == 0 && !judge_all(f)) {
		rc = turn(f);
		f->stopped = stop_asked;
	}
	by = mono_add(clock_mono(), LEAVE_NS);
	while (rc == 0 && has_leases(f) && clock_mono().ns < by.ns) {
		want(f);
		rc = turn(f);
	}
	return rc;
}

static void
start(struct foreground *f, const struct part *part)
{
	const struct mesh *mesh = f->run->mesh;

	f->drive = (struct drive){ .mesh = mesh,
		.self = f->run->self,
		.part = part,
		.once = true,
		.moved = want,
		.ctx = f };
	drive_init(&f->drive);
	f->told = mem_array(mesh->n_nodes, sizeof(*f->told));
	f->start = clock_mono();
	f->next_word = mono_add(f->start, WORD_NS);
	for (size_t i = 0; i < mesh->n_nodes; i++)
		f->out[i] = (struct apply_outcome){ .over = f->run->wishes[i].leave,
			.rtt_us = -1 };
}

int
cmd_apply_run(const struct apply_run *run, struct apply_outcome *out, struct err *err)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct foreground f = { .run = run, .out = out };
	struct serve_opts netd = { .mesh_path = run->mesh_path,
		.node = run->node,
		.burst = CHANGES };
	struct part part;
	int rc = part_open(&part, run->mesh, run->self, err);

	if (rc == 0)
		rc = part_split(&part, &netd, err);
	if (rc == 0) {
		/* No SA_RESTART: a sleep is to end. */
		(void)sigaction(SIGINT, &action, NULL);	 /* cannot fail */
		(void)sigaction(SIGTERM, &action, NULL); /* likewise */
		start(&f, &part);
		if (drive(&f) < 0)
			rc = err_code(err, EPIPE,
			    "netd has ended; what was leased goes by the hub within a "
			    "minute");
		drive_fini(&f.drive);
		free(f.told);
	}
	part_close(&part);
	return rc;
}
