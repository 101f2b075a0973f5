/* SPDX-License-Identifier: MIT */
/*
 * Events: what nodes have done or seen, told by themselves, in the store.  GET and POST
 * of /api/v1/events; and for the history of a pair, theirs.
 */
#ifndef COLLECTOR_API_EVENT_H
#define COLLECTOR_API_EVENT_H

#include <stdio.h>

#include "collector/api.h"

#define API_EVENT_PAIR_LIMIT 100

struct api_event_query {
	struct store_window window;
	uint32_t limit; /* the newest */
	/*
	 * Borrowed.  None: all.  One: of this node, or about it.  Two: of either that
	 * are about the other or about nobody.
	 */
	const char *nodes[2];
};

/* A JSON array, newest first.  store is not NULL.  0, or -errno and err. */
int api_event_print(const struct api *api, struct store *store,
    const struct api_event_query *query, FILE *out, struct err *err);

void api_event_get(struct api *api, struct http_request *request);
void api_event_post(struct api *api, struct http_request *request);

#endif
