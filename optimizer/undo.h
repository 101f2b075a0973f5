/* SPDX-License-Identifier: MIT */
/*
 * Everything back to the hub: every route of ours on the direct interface goes, leased
 * or not, and nothing else.  Needs no plan, no netd, and no node of that name in the
 * mesh file: it must work when nothing else does.
 */
#ifndef OPTIMIZER_UNDO_H
#define OPTIMIZER_UNDO_H

#include <stdbool.h>

struct undo {
	const char *mesh; /* path */
	bool yes;	  /* else only say what would be done */
	bool exit_code;	  /* EXIT_PENDING if that is something */
};

/* An exit status. */
int undo(const struct undo *o);

#endif
