/* SPDX-License-Identifier: MIT */
/*
 * The two ends of STAMP as the mesh file asks for them: a sender if a node is to be
 * probed by it, a reflector if this one is.
 */
#ifndef PROBER_STAMPING_H
#define PROBER_STAMPING_H

#include "common/err.h"
#include "common/stamp_reflector.h"
#include "common/stamp_sender.h"
#include "prober/roster.h"

struct stamping {
	struct stamp_sender *sender;	   /* NULL = not asked for */
	struct stamp_reflector *reflector; /* likewise */
	uint16_t port;
};

/* key_file: NULL for the unauthenticated mode.  Ends in stamping_close(). */
int stamping_open(struct stamping *s, const struct roster *roster, const char *key_file,
    int64_t timeout_ns, struct err *err);
void stamping_close(struct stamping *s);

/* The reflector answers whom this roster has; says what takes a restart. */
void stamping_reload(struct stamping *s, const struct roster *roster);

#endif
