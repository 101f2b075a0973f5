/* SPDX-License-Identifier: MIT */
#ifndef OPTIMIZER_CMD_STATUS_PRINT_H
#define OPTIMIZER_CMD_STATUS_PRINT_H

#include "optimizer/operate/status.h"

void cmd_status_print_text(const struct status *st);
void cmd_status_print_json(const struct status *st);

#endif
