/* SPDX-License-Identifier: MIT */
/*
 * Events on their way to the collector: kept until it has taken them, the oldest lost
 * first when there are too many.
 */
#ifndef OPTIMIZER_AGENT_EVENT_JSON_H
#define OPTIMIZER_AGENT_EVENT_JSON_H

#include "common/clock.h"
#include "optimizer/agent/core.h"

#define EVENT_SPOOL_MAX 1000
#define EVENT_BATCH_MAX 100
#define EVENT_TEXT_MAX	400

struct event_json;

/* What became of those of a body. */
enum event_json_fate {
	EVENT_JSON_TAKEN,
	EVENT_JSON_AGAIN,  /* to be sent again */
	EVENT_JSON_REFUSED /* a single one is dropped; of several the bad one is looked
			      for, in bodies of half as many */
};

/* boot: random; with the sequence numbers the collector knows what it has already. */
struct event_json *event_json_new(const struct mesh *mesh, uint64_t boot);
void event_json_free(struct event_json *s);

void event_json_mesh(struct event_json *s, const struct mesh *mesh);
void event_json_add(struct event_json *s, const struct core_event *event,
    uint64_t epoch, struct wall now);

/* The body of a POST with the oldest of them, for free(); NULL: there are none. */
char *event_json_body(struct event_json *s);
/* Of the last body.  True: it is settled, false: its events are still here. */
bool event_json_done(struct event_json *s, enum event_json_fate fate);

const char *event_json_kind(enum core_event_kind kind);
/* "hub", "direct" or "relay:NODE". */
void event_json_path(const struct mesh *mesh, enum way_path path, size_t via,
    char text[MESH_NAME_MAX + 8]);

#endif
