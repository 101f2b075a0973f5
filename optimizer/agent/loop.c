/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <ev.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sdnotify.h"
#include "optimizer/agent/status_file.h"
#include "optimizer/agent/uplink.h"

#define SHORTEST_NS (1 * NS_PER_MS) /* of a sleep */
#define NETD_S	    15		    /* it is asked for something every 5 s */

struct loop {
	struct ev_loop *ev;
	struct loop_opts opts;
	struct work *work;
	struct uplink *uplink;
	int result;
	bool ready;
	unsigned silent_s; /* since netd said anything */
	ev_timer tick, second;
	ev_io netd, word, probes[PINGER_FDS];
	size_t n_probes;
	ev_signal term, interrupt, hup, usr1;
};

static void
check(struct loop *l, int rc)
{
	if (rc == 0)
		return;
	l->result = rc;
	ev_break(l->ev, EVBREAK_ALL);
}

static void
turn(struct loop *l)
{
	struct mono wake;
	int64_t ns;

	check(l, work_turn(l->work, &wake));
	ns = mono_diff(wake, clock_mono());
	if (ns < SHORTEST_NS)
		ns = SHORTEST_NS;
	l->tick.repeat = (double)ns / (double)NS_PER_S;
	ev_timer_again(l->ev, &l->tick);
}

static void
on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev;
	(void)revents;
	turn(w->data);
}

static void
on_probes(struct ev_loop *ev, ev_io *w, int revents)
{
	(void)ev;
	(void)revents;
	turn(w->data);
}

static void
on_netd(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	l->silent_s = 0;
	check(l, work_netd(l->work));
	turn(l);
	if (l->ready || !work_is_ready(l->work))
		return;
	l->ready = true;
	if (sdnotify("READY=1") < 0)
		log_warnx("NOTIFY_SOCKET: nobody there; systemd may time out");
}

static void
on_second(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop *l = w->data;
	struct status_json status;

	(void)ev;
	(void)revents;
	work_status(l->work, &status);
	status.collector = uplink_trouble(l->uplink);
	status_file_write(l->opts.run_dir, &status);
	(void)sdnotify("WATCHDOG=1"); /* nobody may listen */
	/* Counted in turns of this loop: what stopped both is not netd's fault. */
	if (++l->silent_s <= NETD_S)
		return;
	log_warnx("netd: no answer in %d s", NETD_S);
	check(l, -EPIPE);
}

static void
on_stop(struct ev_loop *ev, ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(ev, EVBREAK_ALL);
}

static void
on_hup(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	uplink_again(l->uplink);
	work_reload(l->work);
	turn(l);
}

static void
on_usr1(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct loop *l = w->data;

	(void)ev;
	(void)revents;
	work_adopt(l->work);
	turn(l);
}

static bool
on_plan(const void *bytes, size_t len, void *ctx)
{
	struct loop *l = ctx;
	bool followed = work_plan(l->work, bytes, len);

	turn(l);
	return followed;
}

static void
on_kick(void *ctx)
{
	struct loop *l = ctx;

	if (l->uplink)
		uplink_kick(l->uplink);
}

static void
watch_signal(struct loop *l, ev_signal *w, int signum,
    void (*cb)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, cb, signum);
	w->data = l;
	ev_signal_start(l->ev, w);
}

static void
watch(struct loop *l)
{
	int fds[PINGER_FDS];

	ev_timer_init(&l->tick, on_tick, 0., 0.);
	ev_timer_init(&l->second, on_second, 0., 1.);
	ev_io_init(&l->netd, on_netd, l->opts.work.part->netd_fd, EV_READ);
	l->tick.data = l->second.data = l->netd.data = l;
	ev_io_start(l->ev, &l->netd);
	l->n_probes = pinger_fds(l->opts.work.part->pinger, fds);
	for (size_t i = 0; i < l->n_probes; i++) {
		ev_io_init(&l->probes[i], on_probes, fds[i], EV_READ);
		l->probes[i].data = l;
		ev_io_start(l->ev, &l->probes[i]);
	}
	if (l->opts.work.part->word_fd >= 0) {
		ev_io_init(&l->word, on_probes, l->opts.work.part->word_fd, EV_READ);
		l->word.data = l;
		ev_io_start(l->ev, &l->word);
	}
	watch_signal(l, &l->term, SIGTERM, on_stop);
	watch_signal(l, &l->interrupt, SIGINT, on_stop);
	watch_signal(l, &l->hup, SIGHUP, on_hup);
	watch_signal(l, &l->usr1, SIGUSR1, on_usr1);
}

int
loop_new(const struct loop_opts *opts, struct loop **out, struct err *err)
{
	struct loop *l = mem_alloc(sizeof(*l));
	struct uplink_opts uplink = { .collector = opts->collector,
		.start_s = opts->start_s,
		.retry_s = UPLINK_RETRY_S,
		.plan = on_plan,
		.ctx = l };
	int rc;

	l->opts = *opts;
	l->opts.work.kick = on_kick;
	l->opts.work.ctx = l;
	l->work = work_new(&l->opts.work);
	l->ev = ev_default_loop(EVFLAG_AUTO);
	if (!l->ev) {
		work_free(l->work);
		free(l);
		return err_set(err, "libev: no event loop; see its LIBEV_FLAGS");
	}
	watch(l);
	uplink.events = work_events(l->work);
	rc = uplink_new(l->ev, &uplink, &l->uplink, err);
	if (rc < 0) {
		loop_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	uplink_free(l->uplink);
	ev_timer_stop(l->ev, &l->tick);
	ev_timer_stop(l->ev, &l->second);
	ev_io_stop(l->ev, &l->netd);
	ev_io_stop(l->ev, &l->word); /* also one that was never started */
	for (size_t i = 0; i < l->n_probes; i++)
		ev_io_stop(l->ev, &l->probes[i]);
	ev_signal_stop(l->ev, &l->term);
	ev_signal_stop(l->ev, &l->interrupt);
	ev_signal_stop(l->ev, &l->hup);
	ev_signal_stop(l->ev, &l->usr1);
	ev_loop_destroy(l->ev);
	work_free(l->work);
	free(l);
}

int
loop_run(struct loop *l)
{
	ev_timer_start(l->ev, &l->second);
	turn(l);
	ev_run(l->ev, 0);
	(void)sdnotify("STOPPING=1"); /* a courtesy: systemd sees the exit anyway */
	return l->result;
}
