/* SPDX-License-Identifier: MIT */
/*
 * The ways to answer: at once, with what is small, or by a job on the reader's thread.
 */
#ifndef COLLECTOR_API_REPLY_H
#define COLLECTOR_API_REPLY_H

#include <stdio.h>

#include "common/err.h"

#include "collector/api.h"
#include "collector/query.h"
#include "collector/reader.h"

#define API_REPLY_JSON "application/json"
#define API_REPLY_TEXT "text/plain; charset=utf-8"

void api_reply_text(struct http_request *request, const char *text);
/* 503 gets a Retry-After. */
void api_reply_error(struct http_request *request, unsigned status, const char *detail);
/* text: from malloc(), taken; short, made by the loop.  With ETag. */
void api_reply_json(struct http_request *request, char *text);

struct api_job;

/*
 * Write the answer.  On the reader's thread: of the api it may use what does not change
 * (mesh, roster) and the matrix.  store may be NULL.  0; or -EINVAL (400), -ENOENT
 * (404), another (503) with job->err saying why.
 */
typedef int api_job_make(struct api_job *job, struct store *store, FILE *out);

struct api_job {
	struct reader_job job; /* the first member */
	struct api *api;
	struct http_request *request; /* only to be read, until the reply */
	struct query query;
	struct wall now;
	size_t src, dst;  /* of a pair */
	char *text;	  /* owned; what the loop has written already, or NULL */
	const char *type; /* static; media type of the answer */
	struct err err;

	api_job_make *make;
	int error;
	struct http_response response;
};

/* Run it; replies by itself, with 503 if too much waits. */
void api_reply_job(const struct api_job *template);

#endif
