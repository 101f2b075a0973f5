/* SPDX-License-Identifier: MIT */
/*
 * Type=notify of systemd, without libsystemd: sd_notify(3) describes the protocol.
 */
#ifndef COMMON_SDNOTIFY_H
#define COMMON_SDNOTIFY_H

/*
 * Send state, such as "READY=1", to whoever started us.  0, also when nobody asked
 * (NOTIFY_SOCKET is unset); -errno if the message could not be delivered.
 */
int sdnotify(const char *state);

#endif
