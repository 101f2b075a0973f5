/* SPDX-License-Identifier: MIT */
/*
 * What the collector tells besides figures: the agents' events, and which nodes report.
 */
#ifndef OPTIMIZER_FEED_JSON_H
#define OPTIMIZER_FEED_JSON_H

#include "common/err.h"
#include "optimizer/decide/stage.h"
#include "optimizer/hints.h"

/*
 * The answer to GET /api/v1/events.  An event that is not about a pair is left out.
 * 0 or -EINVAL and err; *out is then empty.
 */
int feed_events(const char *text, size_t len, struct stage_events *out,
    struct err *err);

/*
 * Of the same answer: where the hub's agent saw nodes behind NAT.  What others say of
 * it is left out.
 */
int feed_hints(const char *text, size_t len, const char *hub, struct hints *out,
    struct err *err);

/* What one end of a pair said last of the other; at 0 = nothing. */
struct feed_word {
	char kind[32], text[256]; /* fit for a terminal; cut if longer */
	struct wall at;
};
/* Of the same answer, the word of each of both ends. */
int feed_words(const char *text, size_t len, const char *const ends[2],
    struct feed_word out[2], struct err *err);

/* Of the answer to GET /api/v1/nodes: how many there are, and how many report. */
struct feed_nodes {
	size_t all, reporting;
};
int feed_nodes(const char *text, size_t len, struct feed_nodes *out, struct err *err);

#endif
