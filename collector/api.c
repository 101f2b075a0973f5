/* SPDX-License-Identifier: MIT */
#include "collector/api.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "collector/api_event.h"
#include "collector/api_history.h"
#include "collector/api_json.h"
#include "collector/api_matrix.h"
#include "collector/api_metrics.h"
#include "collector/api_node.h"
#include "collector/api_page.h"
#include "collector/api_pair.h"
#include "collector/api_plan.h"
#include "collector/api_reply.h"
#include "collector/api_report.h"

/* A plan of 1,000 nodes with a route a pair; http.c reads no more than 8 MiB at all. */
#define PLAN_BYTES_MAX ((size_t)8 * 1024 * 1024)

void
api_init(struct api *api, const struct mesh *mesh, int64_t window_ns)
{
	*api = (struct api){ .mesh = mesh };
	roster_init(&api->roster, mesh);
	api->matrix = matrix_new(&api->roster, window_ns);
	api->nodes = mem_array(mesh->n_nodes, sizeof(*api->nodes));
	api->plan = api_plan_new();
}

void
api_fini(struct api *api)
{
	api_plan_free(api->plan);
	matrix_free(api->matrix);
	free(api->nodes);
	roster_fini(&api->roster);
}

struct refill {
	struct api *api;
	size_t skipped;
};

static int
refill_one(const struct store_report *stored, void *ctx)
{
	struct refill *refill = ctx;
	struct api *api = refill->api;
	size_t node = roster_find(&api->roster, stored->src);
	struct report r;

	if (node == SIZE_MAX ||
	    report_decode(&r, stored->body, stored->len, NULL) < 0) {
		refill->skipped++;
		return 0;
	}
	matrix_add(api->matrix, node, &r);
	/* When it came is not kept; that it came late is not news either. */
	nodes_accepted(&api->nodes[node], &r, 0);
	report_fini(&r);
	return 0;
}

/* Of a node that has been silent for longer than the matrix reaches back. */
static int
recall_one(const struct store_report *stored, void *ctx)
{
	struct refill *refill = ctx;
	struct api *api = refill->api;
	size_t node = roster_find(&api->roster, stored->src);
	struct report r;

	if (node == SIZE_MAX || api->nodes[node].seen ||
	    report_decode(&r, stored->body, stored->len, NULL) < 0)
		return 0;
	nodes_accepted(&api->nodes[node], &r, 0);
	report_fini(&r);
	return 0;
}

int
api_refill(struct api *api, struct store *store, struct wall now, size_t *skipped,
    struct err *err)
{
	struct refill refill = { .api = api };
	/* A report may start in the future of its collector. */
	const struct store_scan scan = {
		.window.from.ns = now.ns - matrix_window_ns(api->matrix),
		.window.to.ns = INT64_MAX,
	};
	int r = store->ops->scan(store, &scan, refill_one, &refill, err);

	*skipped = refill.skipped;
	if (r == 0)
		r = store->ops->last(store, recall_one, &refill, err);
	return r < 0 ? r : api_plan_load(api, store, err);
}

void
api_refusal(struct http_response *response, const char *detail)
{
	response->type = API_REPLY_JSON;
	response->body = api_json_error(response->status, detail);
	response->len = strlen(response->body);
}

size_t
api_body_max(const char *path)
{
	return strcmp(path, "/api/v1/plan") == 0 ? PLAN_BYTES_MAX : REPORT_BYTES_MAX;
}

void
api_tick(struct api *api, struct mono now)
{
	api_plan_tick(api, now);
}

void
api_stop(struct api *api)
{
	api_plan_end(api);
}

static void
get_healthz(struct api *api, struct http_request *request)
{
	(void)api;
	api_reply_text(request, "ok\n");
}

static void
get_readyz(struct api *api, struct http_request *request)
{
	if (writer_ok(api->writer) && api->damaged > 0)
		api_reply_text(request,
		    "ok, but a damaged database was put aside: see the log\n");
	else if (writer_ok(api->writer))
		api_reply_text(request, "ok\n");
	else
		api_reply_error(request, 503, "the store does not work: see the log");
}

typedef void handler(struct api *api, struct http_request *request);

static const char pairs[] = "/api/v1/pairs/";

static void
get_pair(struct api *api, struct http_request *request)
{
	api_pair_get(api, request, request->path + strlen(pairs));
}

static void
get_page(struct api *api, struct http_request *request)
{
	(void)api;
	api_page_get(request, "");
}

static void
get_page_file(struct api *api, struct http_request *request)
{
	(void)api;
	api_page_get(request, request->path + strlen(API_PAGE_DIR));
}

static const struct route {
	const char *path;
	handler *get, *post, *put;
	bool open;   /* for everybody, even with overlay_only */
	bool prefix; /* more follows */
} routes[] = {
	{ "/", get_page, NULL, NULL, false, false },
	{ API_PAGE_DIR, get_page_file, NULL, NULL, false, true },
	{ "/healthz", get_healthz, NULL, NULL, true, false },
	{ "/readyz", get_readyz, NULL, NULL, true, false },
	{ "/metrics", api_metrics_get, NULL, NULL, false, false },
	{ "/api/v1/matrix", api_matrix_get, NULL, NULL, false, false },
	{ pairs, get_pair, NULL, NULL, false, true },
	{ "/api/v1/history", api_history_get, NULL, NULL, false, false },
	{ "/api/v1/nodes", api_node_get, NULL, NULL, false, false },
	{ "/api/v1/mesh", api_node_get_mesh, NULL, NULL, false, false },
	{ "/api/v1/events", api_event_get, api_event_post, NULL, false, false },
	{ "/api/v1/plan", api_plan_get, api_plan_put, api_plan_put, false, false },
	{ "/api/v1/reports", NULL, api_report_post, NULL, false, false },
};

static void
reply_wrong_method(struct http_request *request, const struct route *route)
{
	struct http_response response = { .status = 405 };

	response.allow = route->put		     ? "GET, HEAD, PUT, POST"
			 : route->get && route->post ? "GET, HEAD, POST"
			 : route->post		     ? "POST"
						     : "GET, HEAD";
	api_refusal(&response, "this address does not take that method: see Allow");
	http_reply(request, &response);
}

static const struct route *
find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route *route = &routes[i];

		if (route->prefix ? strncmp(path, route->path, strlen(route->path)) == 0
				  : strcmp(path, route->path) == 0)
			return route;
	}
	return NULL;
}

void
api_handle(struct http_request *request, void *ctx)
{
	const struct route *route = find_route(request->path);
	struct api *api = ctx;
	handler *handle = NULL;

	if (!route) {
		api_reply_error(request, 404,
		    "no such address: try / or /api/v1/matrix");
		return;
	}
	/* HEAD is GET whose body libmicrohttpd leaves out. */
	if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
		handle = route->get;
	else if (strcmp(request->method, "POST") == 0)
		handle = route->post;
	else if (strcmp(request->method, "PUT") == 0)
		handle = route->put;
	if (!handle)
		reply_wrong_method(request, route);
	else if (handle == route->get && api->overlay_only && !route->open &&
		 mesh_find_address(api->mesh, &request->peer) == SIZE_MAX)
		api_reply_error(request, 403,
		    "answers are for nodes of the mesh, over the overlay "
		    "(--overlay-only)");
	else
		handle(api, request);
}
