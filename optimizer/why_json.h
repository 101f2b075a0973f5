/* SPDX-License-Identifier: MIT */
/*
 * The answer of meshopt why as one JSON object, as meshopt-why(1) describes it.
 */
#ifndef OPTIMIZER_WHY_JSON_H
#define OPTIMIZER_WHY_JSON_H

#include "optimizer/decide/why.h"

/* A new string, to be freed by the caller. */
char *why_to_json(const struct why_question *q, const struct why *w);

#endif
