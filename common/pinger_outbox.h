/* SPDX-License-Identifier: MIT */
/*
 * Echo requests that wait to be handed to one socket of pinger.h in one system call.
 */
#ifndef COMMON_PINGER_OUTBOX_H
#define COMMON_PINGER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/echo.h"
#include "common/pinger.h"

/* A quarter of the prober's send rate a second would fit; beyond this nothing is saved.
 */
#define PINGER_OUTBOX_BATCH 64

struct pinger_outbox;

struct pinger_outbox *pinger_outbox_new(void);
void pinger_outbox_free(struct pinger_outbox *out);

/* How many wait; at PINGER_OUTBOX_BATCH there is no room for another. */
unsigned pinger_outbox_count(const struct pinger_outbox *out);

/* Write a request under the key; echo.target is probe->to. */
void pinger_outbox_put(struct pinger_outbox *out, const struct echo_key *key,
    const struct echo *echo, const struct pinger_probe *probe);

/* The slot and sequence of the i-th. */
const struct echo *pinger_outbox_get(const struct pinger_outbox *out, unsigned i);

/*
 * Hand over from the i-th on, n at most.  How many the kernel took, at least 1; or
 * -errno of the i-th.
 */
int pinger_outbox_send(struct pinger_outbox *out, int fd, unsigned i, unsigned n);

void pinger_outbox_clear(struct pinger_outbox *out);

#endif
