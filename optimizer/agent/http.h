/* SPDX-License-Identifier: MIT */
/*
 * The agent's requests to the collector: libcurl on the libev loop, two at a time, one
 * that waits for a plan and one that brings events.  Nothing here blocks.
 */
#ifndef OPTIMIZER_AGENT_HTTP_H
#define OPTIMIZER_AGENT_HTTP_H

#include <stddef.h>

#include <ev.h>

#include "common/err.h"

#define HTTP_JOBS     2
#define HTTP_ETAG_MAX 128

struct http;

struct http_answer {
	long status;	   /* 0: there was no answer, error says why */
	const char *error; /* or NULL */
	const char *body;
	size_t len;
	const char *etag; /* "" = none */
};

typedef void http_cb(const struct http_answer *answer, void *ctx);

struct http_request {
	const char *url;
	const char *etag; /* If-None-Match; NULL = without */
	const char *body; /* POST; copied.  NULL = GET */
	size_t len;
	long timeout_ms;
	size_t most; /* bytes of an answer */
	http_cb *cb; /* not called by http_start(), nor after http_free() */
	void *ctx;
};

int http_new(struct ev_loop *loop, struct http **out, struct err *err);
void http_free(struct http *h);

/* 0; -EBUSY while the last request of this job is under way; -ENOMEM. */
int http_start(struct http *h, unsigned job, const struct http_request *request);

#endif
