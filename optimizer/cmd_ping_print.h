/* SPDX-License-Identifier: MIT */
/*
 * What `meshopt ping` found, on standard output.
 */
#ifndef OPTIMIZER_CMD_PING_PRINT_H
#define OPTIMIZER_CMD_PING_PRINT_H

#include "optimizer/ping_run.h"

void cmd_ping_print_table(const struct ping_target *targets, size_t n, bool csv);
void cmd_ping_print_json(const struct ping_target *targets, size_t n);

#endif
