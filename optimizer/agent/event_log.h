/* SPDX-License-Identifier: MIT */
/*
 * An event as a line of the log: what happened, where packets go now, and what a person
 * is to do, where it is theirs to do.
 */
#ifndef OPTIMIZER_AGENT_EVENT_LOG_H
#define OPTIMIZER_AGENT_EVENT_LOG_H

#include "common/mesh.h"
#include "optimizer/agent/core.h"

void event_log(const struct mesh *mesh, const struct core_event *e);

#endif
