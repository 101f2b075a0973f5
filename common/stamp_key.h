/* SPDX-License-Identifier: MIT */
/*
 * The key of authenticated STAMP, one for a mesh: a file with 32 bytes in base64, as
 * wg genpsk(8) makes them, that nobody but its owner may read.
 */
#ifndef COMMON_STAMP_KEY_H
#define COMMON_STAMP_KEY_H

#include "common/err.h"
#include "common/stamp.h"

/* 0 or -errno with err set. */
int stamp_key_load(const char *path, struct stamp_key *key, struct err *err);

#endif
