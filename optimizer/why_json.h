/* SPDX-License-Identifier: MIT */
/*
 * The answer of meshopt why as one JSON object, as meshopt-why(1) describes it.
 */
#ifndef OPTIMIZER_WHY_JSON_H
#define OPTIMIZER_WHY_JSON_H

#include "optimizer/decide/why.h"
#include "optimizer/inforce.h"

/* A new string, to be freed by the caller.  f NULL: nothing is known of what is in
 * force. */
char *why_to_json(const struct why_question *q, const struct why *w,
    const struct inforce *f);

#endif
