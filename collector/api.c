/* SPDX-License-Identifier: MIT */
#include "collector/api.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "collector/api_json.h"
#include "collector/api_matrix.h"
#include "collector/ingest.h"

#define JSON_TYPE "application/json"
/* Two commits of a slow disk; probers spread it by chance. */
#define RETRY_AFTER_S 5
/* What a remote can cause goes to the log no more often than this. */
#define REFUSAL_LOG_NS (10 * NS_PER_S)

void
api_init(struct api *api, const struct mesh *mesh, int64_t window_ns)
{
	*api = (struct api){ .mesh = mesh, .logged.ns = -REFUSAL_LOG_NS };
	roster_init(&api->roster, mesh);
	api->matrix = matrix_new(&api->roster, window_ns);
	api->nodes = mem_array(mesh->n_nodes, sizeof(*api->nodes));
}

void
api_fini(struct api *api)
{
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
	return r;
}

static void
reply_text(struct http_request *request, const char *text)
{
	const struct http_response response = {
		.status = 200,
		.type = "text/plain",
		.body = mem_strdup(text),
		.len = strlen(text),
	};

	http_reply(request, &response);
}

static void
reply_json(struct http_request *request, char *text)
{
	const struct http_response response = {
		.status = 200,
		.type = JSON_TYPE,
		.body = text,
		.len = strlen(text),
	};

	http_reply(request, &response);
}

void
api_refusal(struct http_response *response, const char *detail)
{
	response->type = JSON_TYPE;
	response->body = api_json_error(response->status, detail);
	response->len = strlen(response->body);
}

static void
reply_error(struct http_request *request, unsigned status, const char *detail)
{
	struct http_response response = { .status = status };

	if (status == 503)
		response.retry_after_s = RETRY_AFTER_S;
	api_refusal(&response, detail);
	http_reply(request, &response);
}

static void
get_healthz(struct api *api, struct http_request *request)
{
	(void)api;
	reply_text(request, "ok\n");
}

static void
get_readyz(struct api *api, struct http_request *request)
{
	if (writer_ok(api->writer))
		reply_text(request, "ok\n");
	else
		reply_error(request, 503, "the store does not work: see the log");
}

static void
get_matrix(struct api *api, struct http_request *request)
{
	struct http_response response = { .status = 200 };
	struct matrix_query query;
	struct err err;

	if (api_matrix_query(request, api->matrix, &query, &err) < 0) {
		reply_error(request, 400, err.text);
		return;
	}
	response.body =
	    api_matrix_text(api, &query, clock_wall(), &response.len, &response.type);
	http_reply(request, &response);
}

static void
get_nodes(struct api *api, struct http_request *request)
{
	if (request->n_params > 0)
		reply_error(request, 400, "/api/v1/nodes takes no parameter");
	else
		reply_json(request, api_json_nodes(api, clock_wall()));
}

/* A report on its way to the disk, with the request that waits for it. */
struct post {
	struct writer_job job;
	struct api *api;
	struct http_request *request;
	struct ingest ingest;
};

static void
post_free(struct post *post)
{
	ingest_fini(&post->ingest);
	free(post);
}

static void
post_refused(struct post *post, unsigned status, const char *why)
{
	struct api *api = post->api;
	struct mono now = clock_mono();
	char text[ADDR_TEXT_MAX];

	if (post->ingest.node != SIZE_MAX)
		nodes_refused(&api->nodes[post->ingest.node], why, clock_wall());
	if (mono_diff(now, api->logged) >= REFUSAL_LOG_NS) {
		addr_format(&post->request->peer, text);
		log_warnx("refused a report from %s: %s", text, why);
		api->logged = now;
	}
	reply_error(post->request, status, why);
	post_free(post);
}

static void
post_done(struct writer_job *job)
{
	struct post *post = (struct post *)job;
	struct node_state *node = &post->api->nodes[post->ingest.node];

	if (job->error) {
		reply_error(post->request, 503, "the report could not be stored");
	} else {
		if (job->report.fate == STORE_NEW) {
			nodes_accepted(node, &post->ingest.report,
			    post->ingest.skew_ns);
			matrix_add_body(post->api->matrix, post->ingest.node,
			    job->report.body, job->report.len);
		} else {
			nodes_duplicate(node);
		}
		http_reply(post->request, &(struct http_response){ .status = 204 });
	}
	post_free(post);
}

static void
post_report(struct api *api, struct http_request *request)
{
	struct post *post = mem_alloc(sizeof(*post));
	const struct ingest_in in = {
		.peer = request->peer,
		.content_type = request->content_type,
		.body = request->body,
		.len = request->len,
		.now = clock_wall(),
	};
	bool recoded;
	unsigned status;
	struct err err;

	post->api = api;
	post->request = request;
	status = ingest_parse(&api->roster, &in, &post->ingest, &err);
	if (status) {
		post_refused(post, status, err.text);
		return;
	}
	recoded = post->ingest.binary != NULL;
	post->job.report = (struct store_report){
		.src = api->mesh->nodes[post->ingest.node].name,
		.start = post->ingest.report.start,
		.body = recoded ? post->ingest.binary : request->body,
		.len = recoded ? post->ingest.binary_len : request->len,
	};
	post->job.done = post_done;
	if (writer_submit(api->writer, &post->job) < 0) {
		reply_error(request, 503, "too many reports wait for the disk");
		post_free(post);
	}
}

typedef void handler(struct api *api, struct http_request *request);

static const struct route {
	const char *path;
	handler *get, *post;
} routes[] = {
	{ "/healthz", get_healthz, NULL },
	{ "/readyz", get_readyz, NULL },
	{ "/api/v1/matrix", get_matrix, NULL },
	{ "/api/v1/nodes", get_nodes, NULL },
	{ "/api/v1/reports", NULL, post_report },
};

static void
reply_wrong_method(struct http_request *request, const struct route *route)
{
	struct http_response response = { .status = 405 };

	response.allow = route->post ? "POST" : "GET, HEAD";
	api_refusal(&response, "this address does not take that method: see Allow");
	http_reply(request, &response);
}

void
api_handle(struct http_request *request, void *ctx)
{
	const struct route *route = NULL;
	handler *handle;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(request->path, routes[i].path) == 0)
			route = &routes[i];
	if (!route) {
		reply_error(request, 404,
		    "no such address: try /api/v1/matrix or /api/v1/nodes");
		return;
	}
	/* HEAD is GET whose body libmicrohttpd leaves out. */
	if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
		handle = route->get;
	else
		handle = strcmp(request->method, "POST") == 0 ? route->post : NULL;
	if (handle)
		handle(ctx, request);
	else
		reply_wrong_method(request, route);
}
