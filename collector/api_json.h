/* SPDX-License-Identifier: MIT */
/*
 * The answers of the API as text.  All strings are from malloc() and the caller's.
 */
#ifndef COLLECTOR_API_JSON_H
#define COLLECTOR_API_JSON_H

#include "common/clock.h"

#include "collector/api.h"

/* {"error": "Bad Request", "detail": "..."} */
char *api_json_error(unsigned status, const char *detail);

/* What of the mesh file is nobody's secret: no keys. */
char *api_json_mesh(const struct mesh *mesh);
char *api_json_nodes(const struct api *api, struct wall now);

#endif
