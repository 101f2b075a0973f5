/* SPDX-License-Identifier: MIT */
/*
 * Everything happens on one libev loop; the engine says how long its timer is.
 */
#include "prober/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/stamp_reflector.h"
#include "prober/metrics.h"
#include "prober/metrics_text.h"
#include "prober/totals.h"
#include "prober/upload.h"

#define FIRST_NS (20 * NS_PER_MS) /* until the first tick */
#define DRAIN_S	 1.5		  /* systemd and people expect an exit in 2 s */

struct loop {
	struct ev_loop *ev;
	struct loop_opts opts;
	struct engine *engine;
	struct upload *upload;
	struct totals totals;
	struct metrics *metrics;
	char node[MESH_NAME_MAX], mesh[MESH_NAME_MAX];
	ev_timer tick;
	ev_timer second;
	ev_timer drain;	  /* since SIGTERM: give up delivering */
	ev_prepare leave; /* since SIGTERM: is all delivered? */
	ev_io reflector[2];
	size_t n_reflector;
	ev_signal term, interrupt, hup;
};

static void
describe(const struct report *r)
{
	uint64_t sent = 0, lost = 0;
	uint32_t min_us = UINT32_MAX, max_us = 0;

	for (size_t i = 0; i < r->n_rows; i++) {
		const struct report_row *row = &r->rows[i];

		sent += row->sent;
		lost += row->lost;
		if (row->max_us > max_us)
			max_us = row->max_us;
		if (row->max_us > 0 && row->min_us < min_us)
			min_us = row->min_us;
	}
	log_debug("report %llu: %zu rows, %u ms, %llu sent, %llu lost, RTT %u to %u us",
	    (unsigned long long)r->seq, r->n_rows, r->length_ms,
	    (unsigned long long)sent, (unsigned long long)lost, max_us > 0 ? min_us : 0,
	    max_us);
}

static void
on_report(const struct report *r, void *ctx)
{
	struct loop *l = ctx;

	describe(r);
	if (l->opts.metrics_fd >= 0) /* 2.5 MB of 10,000 paths that nobody asks for */
		totals_add(&l->totals, r);
	upload_push(l->upload, r);
}

static char *
make_page(size_t *len, void *ctx)
{
	struct loop *l = ctx;
	struct metrics_page page = { l->node, l->mesh, &l->totals,
		.spool = spool_stats(l->opts.spool) };
	struct stamp_reflector_counts counts;
	struct metrics_stat *stats = NULL, m;
	char *text;

	for (uint32_t i = 0; engine_stat(l->engine, i, &m.peer, &m.path, &m.stat);
	     i++) {
		if (!m.stat.ttl && !m.stat.unsent && !m.stat.unreachable)
			continue; /* not probed */
		stats = mem_grow(stats, page.n_stats + 1, sizeof(*stats));
		stats[page.n_stats++] = m;
	}
	page.stats = stats;
	if (l->opts.reflector) {
		counts = stamp_reflector_counts(l->opts.reflector);
		page.reflector = &counts;
	}
	text = metrics_text(&page, len);
	free(stats);
	return text;
}

static void
tick_again(struct loop *l, int64_t wait_ns)
{
	l->tick.repeat = (double)wait_ns / (double)NS_PER_S;
	ev_timer_again(l->ev, &l->tick);
}

static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	tick_again(l, engine_tick(l->engine, clock_mono()));
}

static void
on_second(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	l->opts.poll(l->engine, l->opts.ctx);
}

static void
on_leave(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;

	(void)revents;
	if (upload_is_idle(l->upload))
		ev_break(ev, EVBREAK_ALL);
}

static void
on_drain(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(ev, EVBREAK_ALL);
}

static void
on_stop(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct loop *l = w->data;

	(void)revents;
	ev_timer_stop(ev, &l->tick);
	ev_timer_stop(ev, &l->second);
	ev_timer_start(ev, &l->drain);
	ev_prepare_start(ev, &l->leave); /* runs before the loop sleeps again */
}

static void
on_hup(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	l->opts.reload(l->engine, l->opts.ctx);
}

static void
on_request(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	stamp_reflector_serve(l->opts.reflector, clock_mono());
}

/* Watched, unlike the sockets of the probes: other senders may not subtract our wait.
 */
static void
watch_reflector(struct loop *l)
{
	int fds[2];

	if (!l->opts.reflector)
		return;
	l->n_reflector = stamp_reflector_fds(l->opts.reflector, fds);
	for (size_t i = 0; i < l->n_reflector; i++) {
		ev_io_init(&l->reflector[i], on_request, fds[i], EV_READ);
		l->reflector[i].data = l;
		ev_io_start(l->ev, &l->reflector[i]);
	}
}

static void
watch_signal(struct loop *l, ev_signal *w, int signum,
    void (*cb)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, cb, signum);
	w->data = l;
	ev_signal_start(l->ev, w);
}

int
loop_new(const struct loop_opts *opts, struct loop **out, struct err *err)
{
	struct loop *l = mem_alloc(sizeof(*l));
	int rc;

	l->opts = *opts;
	l->opts.engine.report = on_report;
	l->opts.engine.ctx = l;
	l->ev = ev_default_loop(EVFLAG_AUTO);
	if (!l->ev) {
		free(l);
		return err_set(err, "libev: no event loop; see its LIBEV_FLAGS");
	}
	ev_timer_init(&l->tick, on_tick, 0., 0.);
	ev_timer_init(&l->second, on_second, 0., 1.);
	ev_timer_init(&l->drain, on_drain, DRAIN_S, 0.);
	ev_prepare_init(&l->leave, on_leave);
	l->tick.data = l->second.data = l->drain.data = l->leave.data = l;
	watch_signal(l, &l->term, SIGTERM, on_stop);
	watch_signal(l, &l->interrupt, SIGINT, on_stop);
	watch_signal(l, &l->hup, SIGHUP, on_hup);
	watch_reflector(l);
	memcpy(l->node, opts->roster.mesh->nodes[opts->roster.self].name,
	    sizeof(l->node));
	memcpy(l->mesh, opts->roster.mesh->name, sizeof(l->mesh));
	rc = upload_new(l->ev, opts->collector, opts->spool, &l->upload, err);
	if (rc < 0) {
		loop_free(l);
		return rc;
	}
	if (opts->metrics_fd >= 0 &&
	    metrics_new(l->ev, opts->metrics_fd, make_page, l, &l->metrics) < 0) {
		loop_free(l);
		return err_set(err, "--metrics: libmicrohttpd does not start");
	}
	l->engine = engine_new(&l->opts.engine, &l->opts.roster, clock_mono());
	*out = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	ev_timer_stop(l->ev, &l->tick);
	ev_timer_stop(l->ev, &l->second);
	ev_timer_stop(l->ev, &l->drain);
	ev_prepare_stop(l->ev, &l->leave);
	for (size_t i = 0; i < l->n_reflector; i++)
		ev_io_stop(l->ev, &l->reflector[i]);
	ev_signal_stop(l->ev, &l->term);
	ev_signal_stop(l->ev, &l->interrupt);
	ev_signal_stop(l->ev, &l->hup);
	metrics_free(l->metrics);
	totals_fini(&l->totals);
	engine_free(l->engine);
	upload_free(l->upload);
	ev_loop_destroy(l->ev);
	free(l);
}

void
loop_run(struct loop *l)
{
	tick_again(l, FIRST_NS);
	ev_timer_start(l->ev, &l->second);
	upload_start(l->upload);
	ev_run(l->ev, 0);
}
