/* SPDX-License-Identifier: MIT */
/*
 * What the relay solver found, as a plan: tunnels with what losing each would cost,
 * routes with their fallback, relays, and the prices that prove the bound.
 */
#ifndef OPTIMIZER_DECIDE_RELAY_PLAN_H
#define OPTIMIZER_DECIDE_RELAY_PLAN_H

#include "optimizer/decide/plan.h"
#include "optimizer/decide/relay.h"

/* Frees the parts of r that a plan of many pairs has no room beside. */
struct plan *relay_plan(struct relay_result *r);

#endif
