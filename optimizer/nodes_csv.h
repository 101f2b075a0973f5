/* SPDX-License-Identifier: MIT */
/*
 * A node list as CSV: the first line names the columns, which are keys of [Node] in any
 * order and without regard to case; Name and PublicKey must be among them.
 */
#ifndef OPTIMIZER_NODES_CSV_H
#define OPTIMIZER_NODES_CSV_H

#include "optimizer/wgquick.h"

/* Each row a peer that says its own [Node]; what a row leaves empty is not said. */
int nodes_csv_read(FILE *in, const char *name, struct wgquick *out, struct err *err);

#endif
