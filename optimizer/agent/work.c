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
#include "optimizer/agent/aim.h"
#include "optimizer/agent/asker.h"
#include "optimizer/agent/dwell.h"
#include "optimizer/agent/event_log.h"
#include "optimizer/agent/named.h"
#include "optimizer/agent/punch.h"
#include "optimizer/agent/roster.h"
#include "optimizer/agent/word.h"

#define GREET_NS (1 * NS_PER_S) /* after netd refused the greeting */
#define LOOK_NS	 (1 * NS_PER_S) /* between two looks at the interfaces */

struct work {
	struct work_opts opts;
	struct core *core;
	struct asker asker;
	struct aim aim;
	struct follow follow;
	struct dwell dwell;
	struct names *names; /* endpoints that are DNS names */
	struct event_json *events;
	struct err plan_text; /* why the newest plan is not followed */
	struct mono fresh_until, greet_at, look_at;
	struct wall started;
	bool ready, reload;
	bool adopt, adopting; /* to be asked of netd; asked */
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

	while (core_event(w->core, &e)) {
		event_log(w->opts.mesh, &e);
		keep_event(w, &e);
	}
}

/* --- the plan --- */

static void
wish(struct work *w)
{
	size_t n = w->opts.mesh->n_nodes;
	struct way_wish *wishes = mem_array(n, sizeof(*wishes));
	struct mono now = clock_mono();

	order_wishes(&w->follow.order, w->opts.self, n, wishes);
	named_hint(w->names, w->opts.mesh, wishes);
	w->fresh_until = mono_add(now, guard_fresh_ns(&w->follow.order, clock_wall()));
	core_want(w->core, wishes, w->fresh_until, now);
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

/* --- probes --- */

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct work *w = ctx;

	if (r->fate == PINGER_ANSWERED || r->fate == PINGER_LATE)
		core_answer(w->core, r->slot, r->seq,
		    r->rtt_ns < 0 ? -1 : r->rtt_ns / NS_PER_US,
		    r->ifindex && r->ifindex == w->aim.hub);
	else if (r->fate == PINGER_LOST)
		core_lost(w->core, r->slot, r->seq);
}

static void
send_probes(struct work *w, struct mono now)
{
	struct core_probe probe;

	while (core_probe(w->core, &probe, now)) {
		uint64_t seq = 0;
		int rc = aim_send(&w->aim, w->opts.pinger, &probe, now, &seq);

		core_sent(w->core, &probe, rc, seq, now);
	}
}

/* It may be lost on its way as any other, so that failing to send is no more. */
static void
punch(struct work *w, struct mono now)
{
	struct core_punch p;

	while (core_punch(w->core, &p, now)) {
		int rc = w->opts.punch_fd < 0 ? -EPERM
					      : punch_send(w->opts.punch_fd, &p.to,
						    p.port, w->opts.mesh->direct_port);

		if (rc < 0)
			log_warnx("%s: cannot open the NAT towards it: %s",
			    w->opts.mesh->nodes[p.node].name, strerror(-rc));
	}
}

static void
look_around(struct work *w, struct mono now)
{
	aim_look(&w->aim);
	core_full_bytes(w->core, w->aim.full_bytes);
	if (names_poll(w->names, now))
		wish(w);
	w->look_at = mono_add(now, LOOK_NS);
}

/* --- netd --- */

static int
ask_netd(struct work *w, struct mono now)
{
	struct core_ask ask;
	int rc = 0;

	if (!w->asker.greeted) {
		if (now.ns >= w->greet_at.ns)
			rc = asker_greet(&w->asker);
	} else if (w->adopt && !w->asker.client.waiting) {
		w->adopt = false;
		w->adopting = true;
		ask = (struct core_ask){ .verb = CORE_ADOPT,
			.node = NETD_NONE,
			.via = SIZE_MAX };
		rc = asker_send(&w->asker, &ask);
	} else if (!w->adopting && core_ask(w->core, &ask, now)) {
		rc = asker_send(&w->asker, &ask);
	}
	return rc;
}

static void
adopted(struct work *w, int rc, const char *text)
{
	w->adopting = false;
	if (rc == 0)
		log_info("what was changed by hand is the plan's again");
	else
		log_warnx("not given back: %s", text[0] ? text : strerror(-rc));
}

static void
on_news(struct work *w, int news, int rc, const char *text)
{
	struct mono now = clock_mono();

	switch (news) {
	case ASKER_GREETED:
		w->ready = true;
		break;
	case ASKER_SPURNED:
		log_warnx("netd: %s", text[0] ? text : strerror(-rc));
		w->greet_at = mono_add(now, GREET_NS);
		break;
	case ASKER_SAW:
		look_around(w, now); /* it may have been made just now */
		core_saw(w->core, w->asker.seen, &w->asker.node, now);
		core_told(w->core, 0, "", now);
		break;
	case ASKER_TOLD:
		if (w->adopting)
			adopted(w, rc, text);
		else
			core_told(w->core, rc, text, now);
		break;
	default:
		break;
	}
}

static int
lost(int rc)
{
	log_warnx("netd: %s", rc == -EPIPE ? "it has ended" : strerror(-rc));
	return -EPIPE;
}

int
work_netd(struct work *w)
{
	char text[NETD_TEXT_MAX];
	int news, rc = 0;

	while ((news = asker_receive(&w->asker, &rc, text)) >= 0)
		on_news(w, news, rc, text);
	return news == -EAGAIN ? 0 : lost(news);
}

/* --- another mesh file --- */

/* The core starts over: it reads the kernel back and goes on from there. */
static void
adopt(struct work *w, struct mesh *mesh, size_t self)
{
	struct mesh *old = w->opts.mesh;
	struct err err;

	w->opts.mesh = mesh;
	w->aim.mesh = mesh;
	w->opts.self = w->aim.self = self;
	core_free(w->core);
	w->core = core_new(&(struct core_opts){ mesh, self, w->aim.full_bytes },
	    clock_mono());
	dwell_restore(&w->dwell, mesh, w->core, clock_mono());
	asker_fini(&w->asker);
	asker_init(&w->asker, w->opts.netd_fd, mesh);
	event_json_mesh(w->events, mesh);
	if (follow_reload(&w->follow, mesh, &err) < 0)
		log_warnx("%s: waiting for another plan", err.text);
	mesh_free(old);
	named_want(w->names, w->opts.mesh);
	wish(w);
}

/* Not while an answer is awaited: it would be taken for one to the new greeting. */
static void
reload(struct work *w)
{
	struct mesh *mesh = NULL;
	struct err err;
	size_t self;

	if (!w->reload || w->asker.client.waiting)
		return;
	w->reload = false;
	if (roster_load(w->opts.mesh_path, w->opts.node, &mesh, &self, &err) < 0) {
		log_warnx("reload: %s; the old mesh stays in force", err.text);
		return;
	}
	adopt(w, mesh, self);
	log_info("reload: %zu nodes", mesh->n_nodes);
}

void
work_reload(struct work *w)
{
	w->reload = true;
}

void
work_adopt(struct work *w)
{
	w->adopt = true;
}

/* --- */

/* Answers first: a late loop must not make misses of what has long arrived. */
int
work_turn(struct work *w, struct mono *wake)
{
	struct mono now = clock_mono();
	int rc;

	reload(w);
	see_age(w, now);
	if (now.ns >= w->look_at.ns)
		look_around(w, now);
	(void)pinger_drain(w->opts.pinger, now, on_result, w); /* count unused */
	word_hear(w->opts.word_fd, &w->aim, w->core, now);
	core_tick(w->core, now);
	word_say(w->opts.word_fd, &w->aim, w->core, now);
	send_probes(w, now);
	punch(w, now);
	rc = ask_netd(w, now);
	/* Withdraw first, all of them; the disk may take its time. */
	if (!w->asker.client.waiting)
		dwell_keep(&w->dwell, w->opts.mesh, w->core, now);
	pass_events(w);
	*wake = core_wake(w->core);
	return rc < 0 ? lost(rc) : 0;
}

struct work *
work_new(const struct work_opts *opts)
{
	struct work *w = mem_alloc(sizeof(*w));
	uint64_t boot = 0;
	struct err err;

	w->opts = *opts;
	w->started = clock_wall();
	asker_init(&w->asker, opts->netd_fd, opts->mesh);
	w->aim = (struct aim){ .mesh = opts->mesh, .self = opts->self };
	aim_look(&w->aim);
	w->core =
	    core_new(&(struct core_opts){ opts->mesh, opts->self, w->aim.full_bytes },
		clock_mono());
	dwell_init(&w->dwell, opts->state_dir);
	dwell_restore(&w->dwell, opts->mesh, w->core, clock_mono());
	(void)!getrandom(&boot, sizeof(boot), 0); /* cannot fail for 8 bytes */
	w->events = event_json_new(opts->mesh, boot);
	if (follow_load(&w->follow, opts->mesh, opts->state_dir, &err) < 0)
		log_warnx("%s; the paths stay as they are until a plan comes",
		    err.text);
	w->names = names_new();
	named_want(w->names, w->opts.mesh);
	wish(w);
	return w;
}

void
work_free(struct work *w)
{
	if (!w)
		return;
	event_json_free(w->events);
	names_free(w->names);
	follow_fini(&w->follow);
	dwell_fini(&w->dwell);
	core_free(w->core);
	asker_fini(&w->asker);
	mesh_free(w->opts.mesh);
	free(w);
}

bool
work_is_ready(const struct work *w)
{
	return w->ready;
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
		.core = w->core,
		.follow = &w->follow,
		.netd = &w->asker.self,
		.plan_text = w->plan_text.text,
		.collector = "",
		.now = clock_wall(),
		.started = w->started,
		.mono = clock_mono() };
	out->fresh = out->mono.ns < w->fresh_until.ns;
}
