/* SPDX-License-Identifier: MIT */
/*
 * What the agent of this node says of itself, in the file that it renews.
 */
#ifndef OPTIMIZER_CMD_STATUS_AGENT_H
#define OPTIMIZER_CMD_STATUS_AGENT_H

#include <stdio.h>

#include "common/clock.h"

struct json_t; /* jansson's */

#define CMD_STATUS_AGENT_PATH "/run/meshopt/agent.json"

/* A reference to the object, or to null: no agent of this node has ever run here. */
struct json_t *cmd_status_agent_load(const char *path, const char *node);

/* A line for the agent, and one for each pair of which it has something to say. */
void cmd_status_agent_print(const struct json_t *agent, struct wall now, FILE *out);

#endif
