/* SPDX-License-Identifier: MIT */
#include "common/mhd_loop.h"

#include <assert.h>

static void
on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct mhd_loop *m = io->data;

	(void)loop;
	(void)events;
	(void)MHD_run(m->daemon); /* fails only if the daemon had its own thread */
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct mhd_loop *m = timer->data;

	(void)loop;
	(void)events;
	(void)MHD_run(m->daemon); /* as above */
}

static void
on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct mhd_loop *m = prepare->data;
	MHD_UNSIGNED_LONG_LONG ms;

	(void)events;
	ev_timer_stop(loop, &m->timer);
	while (m->again) {
		m->again = false;
		(void)MHD_run(m->daemon); /* as above */
	}
	if (MHD_get_timeout(m->daemon, &ms) != MHD_YES)
		return;
	ev_timer_set(&m->timer, (double)ms / 1e3, 0.);
	ev_timer_start(loop, &m->timer);
}

void
mhd_loop_start(struct mhd_loop *m, struct ev_loop *loop, struct MHD_Daemon *daemon)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);

	assert(info && info->epoll_fd >= 0);
	m->loop = loop;
	m->daemon = daemon;
	ev_io_init(&m->io, on_io, info->epoll_fd, EV_READ);
	ev_timer_init(&m->timer, on_timer, 0., 0.);
	ev_prepare_init(&m->prepare, on_prepare);
	m->io.data = m->timer.data = m->prepare.data = m;
	ev_io_start(loop, &m->io);
	ev_prepare_start(loop, &m->prepare);
}

void
mhd_loop_stop(struct mhd_loop *m)
{
	ev_io_stop(m->loop, &m->io);
	ev_timer_stop(m->loop, &m->timer);
	ev_prepare_stop(m->loop, &m->prepare);
}
