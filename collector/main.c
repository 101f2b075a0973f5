/* SPDX-License-Identifier: MIT */
/*
 * meshopt-collector: puts the parts together, runs the loop, and takes them apart
 * again. Four threads: the loop, the writer that owns the store, and the two lanes of
 * the reader, each with a handle of its own.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mesh.h"
#include "common/report.h"
#include "common/sdnotify.h"

#include "collector/api.h"
#include "collector/http.h"
#include "collector/listen.h"
#include "collector/options.h"
#include "collector/reader.h"
#include "collector/store.h"
#include "collector/writer.h"

/* How often roll-ups and old reports are looked for: a minute's worth is a few steps.
 */
#define EXPIRE_EVERY_S 60.
/* The answers to what was committed last; the writer itself takes as long as it takes.
 */
#define STOP_LIMIT_MS 500
/* For those who wait for a plan; they ask for whole seconds. */
#define TICK_S 1.

struct collector {
	struct options options;
	struct mesh *mesh;
	struct api api;
	struct upkeep_keep keep;
	/* Until writer and reader have them. */
	struct store *store, *read_stores[READER_LANES];
	struct writer *writer;
	struct reader *reader;
	struct http *http;
	struct ev_loop *loop;
	struct ev_async done;
	struct ev_timer expire, tick;
	struct ev_signal term, interrupt;
	int listen_fd;
};

/* On the other threads: ev_async_send() is the one call of libev made for that. */
static void
wake(void *ctx)
{
	struct collector *c = ctx;

	ev_async_send(c->loop, &c->done);
}

static void
on_done(struct ev_loop *loop, struct ev_async *async, int events)
{
	struct collector *c = async->data;

	(void)loop;
	(void)events;
	writer_poll(c->writer);
	reader_poll(c->reader);
}

static void
on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct collector *c = timer->data;

	(void)loop;
	(void)events;
	api_tick(&c->api, clock_mono());
}

static void
on_expire(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct collector *c = timer->data;

	(void)loop;
	(void)events;
	writer_upkeep(c->writer, &c->keep, clock_wall());
}

static void
on_signal(struct ev_loop *loop, struct ev_signal *sig, int events)
{
	(void)sig;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
watch(struct collector *c)
{
	ev_async_init(&c->done, on_done);
	ev_timer_init(&c->expire, on_expire, 0., EXPIRE_EVERY_S);
	ev_timer_init(&c->tick, on_tick, TICK_S, TICK_S);
	ev_signal_init(&c->term, on_signal, SIGTERM);
	ev_signal_init(&c->interrupt, on_signal, SIGINT);
	c->done.data = c->expire.data = c->tick.data = c;
	ev_async_start(c->loop, &c->done);
	ev_timer_start(c->loop, &c->expire);
	ev_timer_start(c->loop, &c->tick);
	ev_signal_start(c->loop, &c->term);
	ev_signal_start(c->loop, &c->interrupt);
}

static void
unwatch(struct collector *c)
{
	ev_async_stop(c->loop, &c->done);
	ev_timer_stop(c->loop, &c->expire);
	ev_timer_stop(c->loop, &c->tick);
	ev_signal_stop(c->loop, &c->term);
	ev_signal_stop(c->loop, &c->interrupt);
}

static int
open_listener(struct collector *c, struct err *err)
{
	struct endpoint ep;
	const char *device;
	char text[ENDPOINT_TEXT_MAX];
	int r = options_listen(&c->options, c->mesh, &ep, &device, err);

	if (r < 0)
		return r;
	c->listen_fd = listen_open(&ep.addr, ep.port, device, err);
	if (c->listen_fd < 0)
		return c->listen_fd;
	endpoint_format(&ep, text);
	log_info("mesh %s, listening on %s%s%s", c->mesh->name, text,
	    device ? " by "
		   : ", by any interface: who can reach it can speak for any "
		     "node",
	    device ? device : "");
	return 0;
}

/* A damaged file that was put aside is told of at every start until it is gone. */
static void
tell_asides(struct collector *c, const char *aside)
{
	char *newest;
	size_t n = store_asides(c->options.db, &newest);

	if (aside)
		log_warnx("%s was damaged: it is %s now, and a new one is begun",
		    c->options.db, aside);
	else if (n > 0)
		log_warnx("%s: there %s %zu damaged before, the last of them %s: "
			  "rescue what is needed, then delete %s",
		    c->options.db, n == 1 ? "is" : "are", n, newest,
		    n == 1 ? "it" : "them");
	c->api.damaged = n;
	free(newest);
}

static int
open_store(struct collector *c, struct err *err)
{
	char *aside = NULL;
	size_t skipped;
	int r = store_open(c->options.db, STORE_WRITE, &c->store, &aside, err);

	if (r < 0)
		return r;
	tell_asides(c, aside);
	free(aside);
	for (int i = 0; r == 0 && i < READER_LANES; i++)
		r = store_open(c->options.db, STORE_READ, &c->read_stores[i], &aside,
		    err);
	if (r < 0)
		return r;
	r = api_refill(&c->api, c->store, clock_wall(), &skipped, err);
	if (r == 0 && skipped > 0)
		log_warnx("%s: %zu stored reports are of nodes that left the mesh, or "
			  "damaged: left out of the matrix",
		    c->options.db, skipped);
	return r;
}

/* --check: look at every page, beside a collector that runs or without one. */
static int
check_store(const char *db)
{
	struct store *store = NULL;
	struct err err = { "" };
	char *aside;
	int r = store_open(db, STORE_READ, &store, &aside, &err);

	if (r == 0) {
		r = store->ops->check(store, &err);
		store->ops->close(store);
	}
	if (r < 0)
		log_warnx("%s", err.text);
	else
		printf("%s: sound\n", db);
	return r < 0 ? 1 : 0;
}

static int
start(struct collector *c, struct err *err)
{
	struct http_opts http = {
		.loop = c->loop,
		.body_max = api_body_max,
		.handler = api_handle,
		.refusal = api_refusal,
		.ctx = &c->api,
	};
	int r = mesh_load(c->options.mesh, &c->mesh, err);

	if (r < 0)
		return r;
	options_keep(&c->options, c->mesh->n_nodes, &c->keep);
	api_init(&c->api, c->mesh, c->options.window_ns);
	c->api.overlay_only = c->options.overlay_only;
	c->api.metrics_pairs = c->options.metrics_pairs;
	r = open_listener(c, err);
	if (r == 0)
		r = open_store(c, err);
	if (r < 0)
		return r;
	watch(c);
	c->writer = c->api.writer = writer_new(c->store, wake, c);
	c->reader = c->api.reader = reader_new(c->read_stores, wake, c);
	c->store = NULL;
	memset(c->read_stores, 0, sizeof(c->read_stores));
	http.listen_fd = c->listen_fd;
	c->http = http_new(&http, err);
	if (!c->http)
		return -1;
	c->listen_fd = -1;
	return 0;
}

/* In any state that start() may have left. */
static void
stop(struct collector *c)
{
	if (c->http)
		http_quiesce(c->http);
	if (c->writer) { /* everybody who waits gets an answer */
		writer_stop(c->writer);
		reader_stop(c->reader);
		api_stop(&c->api);
	}
	http_free(c->http, STOP_LIMIT_MS);
	if (c->writer)
		unwatch(c);
	reader_free(c->reader); /* first: the last one to close folds the WAL */
	writer_free(c->writer);
	for (int i = 0; i < READER_LANES; i++)
		if (c->read_stores[i])
			c->read_stores[i]->ops->close(c->read_stores[i]);
	if (c->store)
		c->store->ops->close(c->store);
	if (c->listen_fd >= 0)
		(void)close(c->listen_fd); /* nothing was accepted */
	if (c->mesh)
		api_fini(&c->api);
	mesh_free(c->mesh);
	options_fini(&c->options);
	ev_loop_destroy(c->loop);
}

int
main(int argc, char **argv)
{
	struct collector c = { .listen_fd = -1 };
	enum options_result parsed;
	struct err err = { "" };
	int status = 0;

	log_init("meshopt-collector", false);
	parsed = options_parse(&c.options, argc, argv);
	if (parsed != OPTIONS_RUN) {
		options_fini(&c.options);
		return parsed == OPTIONS_USAGE ? 2 : 0;
	}
	log_init("meshopt-collector", c.options.verbose);
	log_no_wait();
	if (c.options.check) {
		status = check_store(c.options.db);
		options_fini(&c.options);
		return status;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* a client that hangs up is no reason to die */
	c.loop = ev_default_loop(0);
	if (!c.loop)
		log_die("libev finds no way to wait for events");
	if (start(&c, &err) < 0) {
		log_warnx("%s", err.text);
		status = 1;
	} else {
		if (sdnotify("READY=1") < 0)
			log_warnx("systemd could not be told that we are ready");
		(void)ev_run(c.loop, 0); /* whether watchers are left is no matter */
		(void)sdnotify("STOPPING=1"); /* it sees the end anyway */
	}
	stop(&c);
	return status;
}
