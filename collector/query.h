/* SPDX-License-Identifier: MIT */
/*
 * The parameters of all addresses of the API, as they come out of a URL: judged here,
 * each once and none unknown, so that what comes behind can rely on them.
 */
#ifndef COLLECTOR_QUERY_H
#define COLLECTOR_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/report.h"

#include "collector/http.h"
#include "collector/store.h"

enum query_format { QUERY_JSON, QUERY_CSV, QUERY_BIN, QUERY_ROWS, QUERY_FORMATS };

enum query_stat {
	STAT_P50,
	STAT_P95,
	STAT_P99,
	STAT_MIN,
	STAT_MEAN,
	STAT_MAX,
	STAT_LOSS,
	STAT_JITTER,
	STAT_COUNT
};

/* The parameters; in a set the bit 1 << one of these. */
enum query_param {
	QUERY_PATH,
	QUERY_STAT,
	QUERY_WINDOW,
	QUERY_SINCE,
	QUERY_UNTIL,
	QUERY_STEP,
	QUERY_FORMAT,
	QUERY_SKETCH,
	QUERY_LIMIT,
	QUERY_WAIT,
	QUERY_NODE,
	QUERY_TIER,
	QUERY_PARAMS
};

/* Steps of a history: no finer than reports come, no coarser than a day. */
#define QUERY_STEP_MIN_NS (10 * NS_PER_S)
#define QUERY_STEP_MAX_NS (24 * 3600 * NS_PER_S)
#define QUERY_WAIT_MAX_S  60
#define QUERY_LIMIT_MAX	  10000

struct query {
	unsigned has;	/* set of those that were given */
	bool all_paths; /* path=all, or none given */
	enum path path; /* otherwise */
	enum query_stat stat;
	enum query_format format; /* of format=, else of Accept */
	bool sketch;
	int64_t window_ns, step_ns;
	struct wall since, until;
	uint32_t limit, wait_s;
	enum store_tier tier;
	const char *node; /* borrowed from the request; a sound name */
};

struct query_rules {
	const char *where;     /* for messages: "matrix" */
	unsigned params;       /* set of those that may be given */
	unsigned formats;      /* set of 1 << enum query_format */
	int64_t window_max_ns; /* of window= */
};

static inline bool
query_has(const struct query *q, enum query_param param)
{
	return q->has >> param & 1;
}

/*
 * 0, or -EINVAL and err.  What is not given is 0, but path: all, format: of Accept
 * (JSON if that says nothing), until: now.  since is before until.
 */
int query_parse(const struct http_request *request, const struct query_rules *rules,
    struct wall now, struct query *out, struct err *err);

const char *query_tier_name(enum store_tier tier);
const char *query_stat_name(enum query_stat stat);

/* The one of the formats that Accept likes best; JSON if it likes none. */
enum query_format query_accept(const char *accept, unsigned formats);
const char *query_media_type(enum query_format format);

#endif
