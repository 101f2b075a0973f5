/* SPDX-License-Identifier: MIT */
/*
 * Whom the STAMP reflector answers: the addresses of the roster, each at no more than
 * GATE_RATE packets a second.  Pure.
 */
#ifndef COMMON_STAMP_GATE_H
#define COMMON_STAMP_GATE_H

#include <stddef.h>

#include "common/addr.h"
#include "common/clock.h"

#define STAMP_GATE_RATE	 400 /* a second: three targets a node at the fastest period */
#define STAMP_GATE_BURST 400 /* packets at once, after a pause on their way */

struct stamp_gate;

enum stamp_gate_verdict { STAMP_GATE_OPEN, STAMP_GATE_STRANGER, STAMP_GATE_LIMITED };

struct stamp_gate *stamp_gate_new(void);
void stamp_gate_free(struct stamp_gate *g);

/* Whom to let in from now on; those that stay keep what they have used. */
void stamp_gate_set(struct stamp_gate *g, const struct addr *addrs, size_t n);

/* Counts the packet when the gate is open to it.  now must not go backwards. */
enum stamp_gate_verdict stamp_gate_try(struct stamp_gate *g, const struct addr *from,
    struct mono now);

#endif
