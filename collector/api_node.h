/* SPDX-License-Identifier: MIT */
/*
 * GET /api/v1/nodes: the nodes as reporters, and why one is silent.
 * GET /api/v1/mesh: the roster.
 */
#ifndef COLLECTOR_API_NODE_H
#define COLLECTOR_API_NODE_H

#include "collector/api.h"

void api_node_get(struct api *api, struct http_request *request);
void api_node_get_mesh(struct api *api, struct http_request *request);

#endif
