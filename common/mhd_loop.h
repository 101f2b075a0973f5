/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd inside a libev loop, for a daemon that was started with MHD_USE_EPOLL
 * and without a thread.  Its sockets are in an epoll set of its own, edge triggered:
 * unless MHD_get_timeout() is asked before each sleep, requests hang (measured: 3 of 3
 * POSTs of 3 MB), hence the ev_prepare.
 */
#ifndef COMMON_MHD_LOOP_H
#define COMMON_MHD_LOOP_H

#include <stdbool.h>

#include <ev.h>
#include <microhttpd.h>

struct mhd_loop {
	struct ev_loop *loop;
	struct MHD_Daemon *daemon;
	struct ev_io io;
	struct ev_timer timer;
	struct ev_prepare prepare;
	bool again; /* set it after MHD_resume_connection(): MHD looks only when it runs
		     */
};

/* Both are borrowed; m must stay where it is until mhd_loop_stop(). */
void mhd_loop_start(struct mhd_loop *m, struct ev_loop *loop,
    struct MHD_Daemon *daemon);
void mhd_loop_stop(struct mhd_loop *m);

#endif
