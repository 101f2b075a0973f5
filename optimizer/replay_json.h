/* SPDX-License-Identifier: MIT */
/*
 * A replay as one JSON object, as meshopt-replay(1) describes it.
 */
#ifndef OPTIMIZER_REPLAY_JSON_H
#define OPTIMIZER_REPLAY_JSON_H

#include "optimizer/decide/replay.h"

/* A new string, to be freed by the caller. */
char *replay_to_json(const struct replay_setup *setup, const struct replay_result *r);

#endif
