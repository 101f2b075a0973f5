/* SPDX-License-Identifier: MIT */
/*
 * May this node switch at all?  Everything that is known to lose packets later is
 * looked for before the first change.  Nothing is repaired here: a fault says what to
 * do.
 */
#ifndef OPTIMIZER_APPLY_PREFLIGHT_H
#define OPTIMIZER_APPLY_PREFLIGHT_H

#include "optimizer/apply/goals.h"
#include "optimizer/apply/state.h"

typedef void preflight_cb(const char *fault, void *ctx);

/* Calls report once a fault, the gravest first; returns how many there were. */
size_t preflight(const struct goals *goals, const struct state *state,
    preflight_cb *report, void *ctx);

/* The same without any pair: is this machine fit to have a direct interface? */
size_t preflight_host(const struct goals *goals, const struct state *state,
    preflight_cb *report, void *ctx);

#endif
