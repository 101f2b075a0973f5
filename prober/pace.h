/* SPDX-License-Identifier: MIT */
/*
 * When to probe.  Each target has a phase of its own in the period, a hash of the two
 * nodes and the kind, so neither one node's probes nor the mesh's come in bursts.  The
 * k-th deadline is start + phase + k periods +- 10 %, computed from k and never from
 * the deadline before, so nothing drifts.  A deadline missed by half a period is
 * skipped, not made up for: after a pause all targets would be due at once.  Pure.
 */
#ifndef PROBER_PACE_H
#define PROBER_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

struct pace;

struct pace *pace_new(int64_t period_ns, struct mono start);
void pace_free(struct pace *p);

/* The key that pace_add() takes; the same on every run. */
uint64_t pace_key(const char *self, const char *peer, unsigned kind);

/* id comes back from pace_due().  Deadlines before now are not owed. */
void pace_add(struct pace *p, uint32_t id, uint64_t key, struct mono now);
void pace_remove(struct pace *p, uint32_t id);

/* The next id that is due by now, and sets its next deadline; false: none is. */
bool pace_due(struct pace *p, struct mono now, uint32_t *id);

/* The earliest deadline; false if there are no targets. */
bool pace_next(const struct pace *p, struct mono *deadline);

#endif
