/* SPDX-License-Identifier: MIT */
/*
 * The sockets under pinger.h: which kind the host grants us, and every option set
 * before the first packet.
 */
#ifndef COMMON_PINGER_SOCKET_H
#define COMMON_PINGER_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/pinger.h"

struct pinger_socket {
	int fd; /* -1: the host lacks the family */
	sa_family_t family;
	bool raw;      /* else a ping socket: the kernel owns the id and the checksum */
	bool rx_stamp; /* the kernel stamps what it receives */
	uint32_t dropped; /* last reading of SO_RXQ_OVFL, which counts up for ever */
};

/*
 * id: the ICMP identifier that a raw socket lets through.  0, also when the family is
 * missing (fd -1); else -errno and err says what to do.
 */
int pinger_socket_open(struct pinger_socket *s, sa_family_t family,
    const struct pinger_opts *opts, uint16_t id, struct err *err);
void pinger_socket_close(struct pinger_socket *s);

#endif
