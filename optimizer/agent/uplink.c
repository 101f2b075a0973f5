/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/uplink.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/signed.h"
#include "optimizer/agent/http.h"

#define WAIT_S	   30 /* the collector holds the request so long */
#define PLAN_MS	   45000L
#define EVENTS_MS  15000L
#define ANSWER_MAX 4096
/* Of the pause after a failure: between two requests for a plan that were answered, and
 * until a plan that was refused is looked at once more. */
#define PAUSE	.2
#define REFUSED 12.
#define URL_MAX (MESH_COLLECTOR_MAX + 64)

enum { PLAN, EVENTS };

struct uplink {
	struct ev_loop *loop;
	struct uplink_opts opts;
	char plan_url[URL_MAX], events_url[URL_MAX];
	struct http *http;
	ev_timer plan_timer, events_timer, refused_timer;
	char etag[HTTP_ETAG_MAX];
	bool posting;
	bool barred; /* its events are refused, and that was said */
	char trouble[160];
};

static double
jitter(double s)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0); /* cannot fail for 4 bytes */
	return s * (1. + (double)r / (double)UINT32_MAX);
}

static void
later(struct uplink *u, ev_timer *timer, double s)
{
	ev_timer_stop(u->loop, timer);
	ev_timer_set(timer, s, 0.);
	ev_timer_start(u->loop, timer);
}

/* Words once, when it goes and when it comes. */
static void
note(struct uplink *u, const struct http_answer *a)
{
	bool was = u->trouble[0] != '\0';

	u->trouble[0] = '\0';
	if (a->status == 0)
		(void)snprintf(u->trouble, sizeof(u->trouble), "%s", a->error);
	else if (a->status >= 500)
		(void)snprintf(u->trouble, sizeof(u->trouble), "HTTP status %ld",
		    a->status);
	if (u->trouble[0] && !was)
		log_warnx("collector %s: away: %s; the paths stay as they are",
		    u->opts.collector, u->trouble);
	else if (!u->trouble[0] && was)
		log_info("collector %s: back", u->opts.collector);
}

static void
on_plan(const struct http_answer *a, void *ctx)
{
	struct uplink *u = ctx;

	note(u, a);
	if (a->status == 200) {
		(void)snprintf(u->etag, sizeof(u->etag), "%s", a->etag);
		if (!u->opts.plan(a->body, a->len, u->opts.ctx))
			later(u, &u->refused_timer, REFUSED * u->opts.retry_s);
	}
	/* 404: none was published yet; a collector that does not wait answers at once.
	 */
	later(u, &u->plan_timer,
	    a->status == 200 || a->status == 304 ? PAUSE * u->opts.retry_s
						 : jitter(u->opts.retry_s));
}

static void
ask_plan(struct uplink *u)
{
	struct http_request r = { .url = u->plan_url,
		.etag = u->etag,
		.timeout_ms = PLAN_MS,
		.most = SIGNED_BYTES_MAX,
		.cb = on_plan,
		.ctx = u };

	if (http_start(u->http, PLAN, &r) == -ENOMEM)
		later(u, &u->plan_timer, jitter(u->opts.retry_s));
}

static void
on_plan_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	ask_plan(w->data);
}

static void
on_refused_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct uplink *u = w->data;

	(void)loop;
	(void)revents;
	u->etag[0] = '\0'; /* for the request after the one under way */
}

/* What it says of a refusal, for the log. */
static void
note_refusal(struct uplink *u, const struct http_answer *a, const char *what)
{
	char words[120];
	size_t n = 0;

	for (; n < a->len && n + 1 < sizeof(words); n++)
		words[n] = isprint((unsigned char)a->body[n]) ? a->body[n] : ' ';
	words[n] = '\0';
	log_warnx("collector %s: %s: HTTP status %ld: %s", u->opts.collector, what,
	    a->status, words);
}

/*
 * Only 400 and 413 are about what was sent.  The others pass: with 403 its mesh file
 * does not have this node's address yet, with 404 it is an older program.
 */
static void
on_events(const struct http_answer *a, void *ctx)
{
	struct uplink *u = ctx;
	bool bad = a->status == 400 || a->status == 413;
	bool waits = !bad && a->status >= 400 && a->status < 500;
	enum event_json_fate fate = a->status >= 200 && a->status < 300
					? EVENT_JSON_TAKEN
				    : bad ? EVENT_JSON_REFUSED
					  : EVENT_JSON_AGAIN;
	bool settled = event_json_done(u->opts.events, fate);

	u->posting = false;
	if (bad && settled)
		note_refusal(u, a, "refuses an event, which is lost");
	else if (waits && !u->barred)
		note_refusal(u, a, "refuses events, which wait");
	u->barred = waits;
	later(u, &u->events_timer, bad || settled ? 0. : jitter(u->opts.retry_s));
}

static void
on_events_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct uplink *u = w->data;
	char *body = event_json_body(u->opts.events);
	struct http_request r = { .url = u->events_url,
		.body = body,
		.timeout_ms = EVENTS_MS,
		.most = ANSWER_MAX,
		.cb = on_events,
		.ctx = u };

	(void)loop;
	(void)revents;
	if (!body)
		return;
	r.len = strlen(body);
	u->posting = http_start(u->http, EVENTS, &r) == 0;
	if (!u->posting) {
		(void)event_json_done(u->opts.events, EVENT_JSON_AGAIN); /* false */
		later(u, &u->events_timer, jitter(u->opts.retry_s));
	}
	free(body);
}

void
uplink_kick(struct uplink *u)
{
	if (!u->posting && !ev_is_active(&u->events_timer))
		later(u, &u->events_timer, 0.1); /* more may come at the same time */
}

void
uplink_again(struct uplink *u)
{
	u->etag[0] = '\0';
}

const char *
uplink_trouble(const struct uplink *u)
{
	return u->trouble;
}

int
uplink_new(struct ev_loop *loop, const struct uplink_opts *opts, struct uplink **out,
    struct err *err)
{
	struct uplink *u = mem_alloc(sizeof(*u));
	int rc;

	u->loop = loop;
	u->opts = *opts;
	u->opts.collector = mem_strdup(opts->collector);
	(void)snprintf(u->plan_url, sizeof(u->plan_url), "%s/api/v1/plan?wait=%d",
	    opts->collector, WAIT_S); /* its length is the mesh file's business */
	(void)snprintf(u->events_url, sizeof(u->events_url), "%s/api/v1/events",
	    opts->collector);
	ev_timer_init(&u->plan_timer, on_plan_timer, 0., 0.);
	ev_timer_init(&u->events_timer, on_events_timer, 0., 0.);
	ev_timer_init(&u->refused_timer, on_refused_timer, 0., 0.);
	u->plan_timer.data = u->events_timer.data = u->refused_timer.data = u;
	rc = http_new(loop, &u->http, err);
	if (rc < 0) {
		uplink_free(u);
		return rc;
	}
	later(u, &u->plan_timer, opts->start_s);
	*out = u;
	return 0;
}

void
uplink_free(struct uplink *u)
{
	if (!u)
		return;
	http_free(u->http);
	ev_timer_stop(u->loop, &u->plan_timer);
	ev_timer_stop(u->loop, &u->events_timer);
	ev_timer_stop(u->loop, &u->refused_timer);
	free((char *)(uintptr_t)u->opts.collector); /* our copy */
	free(u);
}
