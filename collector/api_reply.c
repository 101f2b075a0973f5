/* SPDX-License-Identifier: MIT */
#include "collector/api_reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "collector/answer.h"
#include "collector/api_json.h"

/* Two commits of a slow disk; probers spread it by chance. */
#define RETRY_AFTER_S 5

void
api_reply_text(struct http_request *request, const char *text)
{
	const struct http_response response = {
		.status = 200,
		.type = API_REPLY_TEXT,
		.body = mem_strdup(text),
		.len = strlen(text),
	};

	http_reply(request, &response);
}

static void
fill_error(struct http_response *response, unsigned status, const char *detail)
{
	*response = (struct http_response){ .status = status };
	if (status == 503)
		response->retry_after_s = RETRY_AFTER_S;
	api_refusal(response, detail);
}

void
api_reply_error(struct http_request *request, unsigned status, const char *detail)
{
	struct http_response response;

	fill_error(&response, status, detail);
	http_reply(request, &response);
}

void
api_reply_json(struct http_request *request, char *text)
{
	struct http_response response = { .type = API_REPLY_JSON };
	struct answer *a = answer_new(answer_gzip(request->accept_encoding));

	fputs(text, answer_stream(a));
	free(text);
	if (answer_finish(a, request->if_none_match, &response) < 0)
		fill_error(&response, 503, "the answer is too large");
	http_reply(request, &response);
}

static unsigned
status_of(int error)
{
	return error == -EINVAL ? 400 : error == -ENOENT ? 404 : 503;
}

/* On the reader's thread, from here to the packed answer. */
static void
run(struct reader_job *reader_job, struct store *store)
{
	struct api_job *job = (struct api_job *)reader_job;
	struct answer *a = answer_new(answer_gzip(job->request->accept_encoding));

	job->error = job->make(job, store, answer_stream(a));
	if (job->error) {
		answer_free(a);
	} else if (answer_finish(a, job->request->if_none_match, &job->response) < 0) {
		job->error = err_set(&job->err,
		    "the answer is larger than %zu MiB: ask for one path, for a stat, "
		    "or take gzip",
		    ANSWER_BYTES_MAX >> 20);
	}
	job->response.type = job->type;
}

static void
done(struct reader_job *reader_job)
{
	struct api_job *job = (struct api_job *)reader_job;

	if (!job->job.ran)
		fill_error(&job->response, 503, "the collector is about to end");
	else if (job->error)
		fill_error(&job->response, status_of(job->error), job->err.text);
	http_reply(job->request, &job->response);
	free(job->text);
	free(job);
}

void
api_reply_job(const struct api_job *template)
{
	struct api_job *job = mem_alloc(sizeof(*job));

	*job = *template;
	job->job.run = run;
	job->job.done = done;
	if (reader_submit(job->api->reader, &job->job) == 0)
		return;
	api_reply_error(job->request, 503, "too many queries at once");
	free(job->text);
	free(job);
}
