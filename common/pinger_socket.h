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

/* The kernel's stamp of what is sent. */
enum pinger_tx {
	PINGER_TX_NONE,
	PINGER_TX_SCHED,   /* on entry to the device's queue */
	PINGER_TX_SOFTWARE /* by the driver, on the way to the wire */
};

struct pinger_socket {
	int fd; /* -1: the host lacks the family */
	sa_family_t family;
	uint16_t id;   /* of the ICMP header: what a raw socket lets through */
	bool raw;      /* else a ping socket: the kernel owns the id and the checksum */
	bool rx_stamp; /* the kernel stamps what it receives */
	enum pinger_tx tx;
	bool used;	  /* has sent: only then there is anything to read */
	uint32_t dropped; /* last reading of SO_RXQ_OVFL, which counts up for ever */
	uint32_t stamped, unstamped; /* answers by whether the request has a stamp */
};

/*
 * family, id and tx are taken from *s.  0, also when the family is missing (fd -1);
 * else -errno and err says what to do.  A tx that the kernel does not know becomes
 * PINGER_TX_NONE.
 */
int pinger_socket_open(struct pinger_socket *s, const struct pinger_opts *opts,
    struct err *err);
void pinger_socket_close(struct pinger_socket *s);

/* Another source of stamps. */
void pinger_socket_tx(struct pinger_socket *s, enum pinger_tx tx);

#endif
