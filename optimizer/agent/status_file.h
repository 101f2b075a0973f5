/* SPDX-License-Identifier: MIT */
/*
 * The status on disk, whole at any moment.
 */
#ifndef OPTIMIZER_AGENT_STATUS_FILE_H
#define OPTIMIZER_AGENT_STATUS_FILE_H

#include "optimizer/agent/status_json.h"

#define STATUS_FILE "agent.json" /* in the run directory */

/* A failure is said once, until it is over. */
void status_file_write(const char *dir, const struct status_json *status);

#endif
