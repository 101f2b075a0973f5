/* SPDX-License-Identifier: MIT */
#include "collector/api_report.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

#include "collector/api_reply.h"
#include "collector/ingest.h"

/* What a remote can cause goes to the log no more often than this. */
#define REFUSAL_LOG_NS (10 * NS_PER_S)

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
	bool first = api->counts.refused == 0;
	char text[ADDR_TEXT_MAX];

	if (post->ingest.node != SIZE_MAX)
		nodes_refused(&api->nodes[post->ingest.node], why, clock_wall());
	api->counts.refused++;
	if (first || mono_diff(now, api->logged) >= REFUSAL_LOG_NS) {
		addr_format(&post->request->peer, text);
		log_warnx("refused a report from %s: %s", text, why);
		api->logged = now;
	}
	api_reply_error(post->request, status, why);
	post_free(post);
}

static void
post_done(struct writer_job *job)
{
	struct post *post = (struct post *)job;
	struct node_state *node = &post->api->nodes[post->ingest.node];

	if (job->error) {
		post->api->counts.failed++;
		api_reply_error(post->request, 503, "the report could not be stored");
	} else {
		if (job->report.fate == STORE_NEW) {
			post->api->counts.stored++;
			nodes_version(node, post->request->user_agent);
			nodes_accepted(node, &post->ingest.report,
			    post->ingest.skew_ns);
			matrix_add_body(post->api->matrix, post->ingest.node,
			    job->report.body, job->report.len);
		} else {
			post->api->counts.duplicate++;
			nodes_duplicate(node);
		}
		http_reply(post->request, &(struct http_response){ .status = 204 });
	}
	post_free(post);
}

void
api_report_post(struct api *api, struct http_request *request)
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
		api->counts.failed++;
		api_reply_error(request, 503, "too many reports wait for the disk");
		post_free(post);
	}
}
