/* SPDX-License-Identifier: MIT */
/*
 * What the collector answers: the table of routes, and what is behind each of them.
 * meshopt-collector(8) describes the interface for its users.
 */
#ifndef COLLECTOR_API_H
#define COLLECTOR_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mesh.h"

#include "collector/http.h"
#include "collector/matrix.h"
#include "collector/nodes.h"
#include "collector/reader.h"
#include "collector/roster.h"
#include "collector/store.h"
#include "collector/writer.h"

/* Reports so far, by what became of them. */
struct api_counts {
	uint64_t stored, duplicate, refused, failed;
};

struct api_plan;

/* All borrowed, but for what api_init() makes. */
struct api {
	const struct mesh *mesh;
	struct roster roster;	  /* made */
	struct matrix *matrix;	  /* made */
	struct node_state *nodes; /* made; in the order of the mesh */
	struct api_plan *plan;	  /* made */
	/* Set before the first request. */
	struct writer *writer;
	struct reader *reader;
	uint32_t metrics_pairs; /* as many pairs have series of their own */
	bool overlay_only;	/* GET is for nodes of the mesh alone */

	size_t damaged; /* files that were put aside; see store.h */
	struct api_counts counts;
	struct mono logged; /* when a refusal was last put in the log */
};

void api_init(struct api *api, const struct mesh *mesh, int64_t window_ns);
void api_fini(struct api *api);

/*
 * Take in what the store holds of the last window, as after a restart.  0 or -errno;
 * *skipped counts reports of nodes that are no longer in the mesh or that do not
 * decode.
 */
int api_refill(struct api *api, struct store *store, struct wall now, size_t *skipped,
    struct err *err);

/* Bytes that a body to that path may have. */
size_t api_body_max(const char *path);
/* Once a second: answer those who have waited long enough. */
void api_tick(struct api *api, struct mono now);
/* Nobody may wait any more: writer and reader are stopped. */
void api_stop(struct api *api);

/* An http_handler; ctx is the struct api. */
void api_handle(struct http_request *request, void *ctx);
/* The body and type of an error that http.c found by itself. */
void api_refusal(struct http_response *response, const char *detail);

#endif
