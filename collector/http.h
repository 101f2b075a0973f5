/* SPDX-License-Identifier: MIT */
/*
 * An HTTP server inside the libev loop: libmicrohttpd without a thread of its own.  It
 * reads a whole request, hands it to one handler, and sends what http_reply() is given,
 * at once or later.  What it refuses by itself: bodies over the limit (413), a second
 * Host, Content-Length beside Transfer-Encoding (400), and more than its memory (503).
 */
#ifndef COLLECTOR_HTTP_H
#define COLLECTOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

#define HTTP_PARAMS_MAX 16
#define HTTP_ETAG_MAX	32

struct ev_loop;
struct http;

struct http_param {
	const char *name, *value; /* unescaped; value "" if there is none */
};

/* Valid until http_reply(). */
struct http_request {
	const char *method,
	    *path; /* as sent; the path unescaped and without its query */
	/* NULL = not said */
	const char *content_type, *accept, *accept_encoding, *if_none_match,
	    *user_agent;
	const uint8_t *body;
	size_t len;
	struct addr peer;
	struct http_param params[HTTP_PARAMS_MAX];
	size_t n_params;
};

struct http_response {
	unsigned status;
	const char *type; /* static; NULL with an empty body */
	char *body;	  /* taken over, from malloc(); NULL = empty */
	size_t len;
	const char *allow;	  /* static; the Allow header, or NULL */
	unsigned retry_after_s;	  /* the Retry-After header, 0 = none */
	char etag[HTTP_ETAG_MAX]; /* with its quotes; "" = none, and never cached */
	bool gzip;		  /* the body is */
	bool negotiated;	  /* another Accept, or Accept-Encoding, gets another */
	const struct http_header *more; /* static; further headers, to one whose name
					   is NULL; or NULL */
};

struct http_header {
	const char *name, *value;
};

/* Must reply once to each request, before it returns or later in the same thread. */
typedef void http_handler(struct http_request *request, void *ctx);

struct http_opts {
	struct ev_loop *loop; /* borrowed */
	int listen_fd;	      /* taken over if http_new() succeeds */
	/* Bytes that the body of a request to this path may have. */
	size_t (*body_max)(const char *path);
	http_handler *handler;
	/* Makes the body of a refusal, so that all errors of a server look alike. */
	void (*refusal)(struct http_response *response, const char *detail);
	void *ctx;
};

/* NULL and err if libmicrohttpd will not start. */
struct http *http_new(const struct http_opts *opts, struct err *err);

/* Every request gets exactly one.  Takes response->body. */
void http_reply(struct http_request *request, const struct http_response *response);

/* Accept no more connections; those there are go on. */
void http_quiesce(struct http *h);
/*
 * Send what was replied, for at most limit_ms, outside of the loop; every request must
 * have been replied to.  Then close everything.  NULL is fine.
 */
void http_free(struct http *h, int limit_ms);

#endif
