/* SPDX-License-Identifier: MIT */
/*
 * A connection whose answer is not ready yet is suspended: MHD does not look at it, so
 * nothing of it can go away until it is resumed, and the request that others hold stays
 * valid.
 */
#include "collector/http.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/mhd_loop.h"

#include "collector/body.h"
#include "collector/head.h"
#include "collector/listen.h"

/* 1,000 probers with a connection each, and those that look on. */
#define CONNECTIONS_MAX 2048
/* One address is one node: its prober, a browser's six, some scripts. */
#define CONNECTIONS_PER_ADDRESS 128
/* Descriptors for everything but connections. */
#define SPARE_FDS 64
/* Headers and one piece of a body. */
#define CONNECTION_BYTES 16384u
/* A prober keeps its connection between two reports of 10 s. */
#define IDLE_TIMEOUT_S 30u
/* A body over the limit is still read to its end, up to here: a client that has its
 * connection reset in the midst of sending never sees the 413. */
#define DRAIN_MAX (8u * 1024 * 1024)
/*
 * Bodies of all requests together, and thereby what can wait for the store: a report of
 * each of 1,000 nodes, of 40 kB in a buffer of 64, and half as much again.
 */
#define BODIES_MAX   ((size_t)96 * 1024 * 1024)
#define BUSY_RETRY_S 5u

#define TOO_LARGE "the body is larger than this address takes: send fewer rows"

struct http {
	struct http_opts opts;
	struct MHD_Daemon *daemon;
	struct mhd_loop mhd;
	struct body_budget budget;
	size_t live; /* handed to the handler and not yet sent */
};

/* What MHD calls a connection's request; the handler sees its head. */
struct request {
	struct http_request head;
	struct http *http;
	struct MHD_Connection *connection;
	struct http_response response;
	struct body body;
	size_t body_max;  /* of the path asked for */
	size_t seen;	  /* bytes of the body that came, kept or not */
	unsigned refused; /* status; the body is then thrown away */
	bool close;	  /* the connection cannot be trusted after this */
	bool dispatched, suspended, replied;
};

static void
refuse(struct request *r, unsigned status, const char *detail)
{
	if (r->refused)
		return; /* the first reason stands */
	r->refused = status;
	r->response.status = status;
	r->response.retry_after_s = status == 503 ? BUSY_RETRY_S : 0;
	r->http->opts.refusal(&r->response, detail);
	body_fini(&r->body, &r->http->budget);
}

/* no-cache: to be kept, and asked about each time (RFC 9111, 5.2.2.4). */
static void
add_cache_headers(struct MHD_Response *out, const struct http_response *in)
{
	(void)MHD_add_response_header(out, "Cache-Control",
	    in->etag[0] ? "no-cache" : "no-store");
	if (in->etag[0])
		(void)MHD_add_response_header(out, "ETag", in->etag);
	if (in->gzip)
		(void)MHD_add_response_header(out, "Content-Encoding", "gzip");
	if (in->negotiated)
		(void)MHD_add_response_header(out, "Vary", "Accept, Accept-Encoding");
}

static enum MHD_Result
send_response(struct request *r)
{
	struct http_response *in = &r->response;
	struct MHD_Response *out = MHD_create_response_from_buffer(in->len, in->body,
	    in->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	enum MHD_Result ok;
	char number[16];

	if (!out) {
		free(in->body);
		in->body = NULL;
		return MHD_NO; /* closes the connection */
	}
	in->body = NULL;
	/* A header that fails for want of memory is missing: better than no answer. */
	if (in->type)
		(void)MHD_add_response_header(out, "Content-Type", in->type);
	if (in->allow)
		(void)MHD_add_response_header(out, "Allow", in->allow);
	if (in->retry_after_s) {
		(void)snprintf(number, sizeof(number), "%u", in->retry_after_s);
		(void)MHD_add_response_header(out, "Retry-After", number);
	}
	if (r->close)
		(void)MHD_add_response_header(out, "Connection", "close");
	add_cache_headers(out, in);
	(void)MHD_add_response_header(out, "X-Content-Type-Options", "nosniff");
	for (const struct http_header *h = in->more; h && h->name; h++)
		(void)MHD_add_response_header(out, h->name, h->value);
	ok = MHD_queue_response(r->connection, in->status, out);
	MHD_destroy_response(out);
	return ok;
}

static enum MHD_Result
on_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind; /* always a header */
	head_add(ctx, name, value);
	return MHD_YES;
}

static enum MHD_Result
on_param(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct request *r = ctx;

	(void)kind; /* always of the query */
	if (r->head.n_params == HTTP_PARAMS_MAX) {
		refuse(r, 400, "too many parameters in the query");
		return MHD_NO;
	}
	r->head.params[r->head.n_params++] =
	    (struct http_param){ name, value ? value : "" };
	return MHD_YES;
}

static void
check_head(struct request *r, const struct head *head)
{
	const char *fault = head_fault(head);

	if (fault) {
		r->close = true;
		refuse(r, 400, fault);
	} else if (head_longer(head, (uint32_t)r->body_max)) {
		r->close = head_longer(head, DRAIN_MAX);
		refuse(r, 413, TOO_LARGE);
	}
}

static struct request *
begin(struct http *h, struct MHD_Connection *connection, const char *path)
{
	struct request *r = mem_alloc(sizeof(*r));
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct head head = { 0 };

	r->http = h;
	r->connection = connection;
	r->body_max = h->opts.body_max(path);
	assert(r->body_max <= DRAIN_MAX);
	if (info && info->client_addr)
		(void)addr_from_sockaddr(info->client_addr, &r->head.peer);
	/* Both return how many there are, which the callbacks count better. */
	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &head);
	(void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_param, r);
	r->head.content_type = head.content_type;
	r->head.accept = head.accept;
	r->head.accept_encoding = head.accept_encoding;
	r->head.if_none_match = head.if_none_match;
	r->head.user_agent = head.user_agent;
	check_head(r, &head);
	return r;
}

/* Keep a piece of the body, or not.  False if there is no end to it. */
static bool
collect(struct request *r, const char *piece, size_t n)
{
	struct http *h = r->http;
	int error;

	if (n > DRAIN_MAX - r->seen)
		return false;
	r->seen += n;
	if (r->refused)
		return true;
	error = body_add(&r->body, &h->budget, r->body_max, piece, n);
	if (error == -EFBIG)
		refuse(r, 413, TOO_LARGE);
	else if (error)
		refuse(r, 503, "too many bodies at once: try again later");
	return true;
}

static void
dispatch(struct request *r, const char *method, const char *path)
{
	r->dispatched = true;
	r->http->live++;
	if (r->refused) {
		r->replied = true;
		return;
	}
	r->head.method = method;
	r->head.path = path;
	r->head.body = r->body.bytes;
	r->head.len = r->body.len;
	r->http->opts.handler(&r->head, r->http->opts.ctx);
}

/* MHD calls this with the head, with each piece of the body, and at the end. */
static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *piece, size_t *n, void **state)
{
	struct request *r = *state;

	(void)version;
	if (!r) {
		*state = r = begin(ctx, connection, url);
		if (!r->refused || !r->close)
			return MHD_YES;
		dispatch(r, method, url);
		return send_response(r); /* before the body, so MHD closes after it */
	}
	if (*n > 0) {
		bool ok = collect(r, piece, *n);

		*n = 0;
		return ok ? MHD_YES : MHD_NO;
	}
	if (!r->dispatched)
		dispatch(r, method, url);
	if (r->replied)
		return send_response(r);
	r->suspended = true;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

static void
on_completed(void *ctx, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct request *r = *state;

	(void)ctx;
	(void)connection;
	(void)code; /* a client that went away has lost its answer: it will ask again */
	if (!r)
		return;
	assert(!r->dispatched || r->replied);
	if (r->dispatched)
		r->http->live--;
	body_fini(&r->body, &r->http->budget);
	free(r->response.body);
	free(r);
	*state = NULL;
}

void
http_reply(struct http_request *request, const struct http_response *response)
{
	struct request *r = (struct request *)request;

	assert(r->dispatched && !r->replied);
	r->response = *response;
	r->replied = true;
	body_fini(&r->body,
	    &r->http->budget); /* its memory is wanted before the answer is out */
	if (r->suspended) {
		r->suspended = false;
		MHD_resume_connection(r->connection);
		r->http->mhd.again = true;
	}
}

/* The second half of "%00" would hide behind the end of a C string. */
static size_t
on_unescape(void *ctx, struct MHD_Connection *connection, char *text)
{
	(void)ctx;
	(void)connection;
	return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

struct http *
http_new(const struct http_opts *opts, struct err *err)
{
	struct http *h = mem_alloc(sizeof(*h));

	h->opts = *opts;
	h->budget.max = BODIES_MAX;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
					 MHD_USE_ERROR_LOG,
	    0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, opts->listen_fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
	    MHD_OPTION_CONNECTION_LIMIT, listen_files(CONNECTIONS_MAX, SPARE_FDS),
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
	    MHD_OPTION_END);
	if (!h->daemon) {
		(void)err_set(err,
		    "libmicrohttpd does not start: is there an epoll in this system?");
		free(h);
		return NULL;
	}
	mhd_loop_start(&h->mhd, h->opts.loop, h->daemon);
	return h;
}

void
http_quiesce(struct http *h)
{
	int fd = MHD_quiesce_daemon(h->daemon);

	if (fd >= 0)
		(void)close(fd); /* it only listened */
}

void
http_free(struct http *h, int limit_ms)
{
	struct mono end;

	if (!h)
		return;
	end = mono_add(clock_mono(), limit_ms * NS_PER_MS);
	mhd_loop_stop(&h->mhd);
	(void)MHD_run(h->daemon); /* fails only if the daemon had its own thread */
	while (h->live > 0 && mono_diff(end, clock_mono()) > 0) {
		struct pollfd pfd = { .fd = h->mhd.io.fd, .events = POLLIN };

		(void)poll(&pfd, 1, 10); /* a look at the clock either way */
		(void)MHD_run(h->daemon);
	}
	MHD_stop_daemon(h->daemon);
	free(h);
}
