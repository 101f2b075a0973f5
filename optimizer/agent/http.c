/* SPDX-License-Identifier: MIT */
/*
 * libcurl asks for a timer and for its sockets to be watched, and is told what happened
 * (libcurl-multi(3), multi_socket).  Each job keeps its easy handle, and thereby its
 * connection.
 */
#include "optimizer/agent/http.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "common/mem.h"

#define CONNECT_MS 5000L
#define SOCKETS	   8 /* two jobs, two each during happy eyeballs, and some */

struct watch {
	ev_io io;
	bool on;
};

struct job {
	CURL *easy;
	struct curl_slist *headers;
	struct http_request request;
	char *sent; /* owned: the body of a POST */
	char *body; /* owned: of the answer */
	size_t len, cap;
	char etag[HTTP_ETAG_MAX];
	bool busy, too_large;
};

struct http {
	struct ev_loop *loop;
	CURLM *multi;
	ev_timer timer;
	struct watch watches[SOCKETS];
	struct job jobs[HTTP_JOBS];
};

static void
finish(struct http *h, struct job *j, CURLcode code)
{
	struct http_answer answer = { .body = j->body ? j->body : "",
		.len = j->len,
		.etag = j->etag };

	(void)curl_multi_remove_handle(h->multi, j->easy); /* it is in there */
	if (code == CURLE_OK)
		/* Known to this libcurl, and 0 is right if it were not. */
		(void)curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE,
		    &answer.status);
	else
		answer.error = j->too_large ? "a larger answer than any"
					    : curl_easy_strerror(code);
	free(j->sent);
	j->sent = NULL;
	j->busy = false;
	j->request.cb(&answer, j->request.ctx);
}

static void
act(struct http *h, curl_socket_t fd, int events)
{
	int running, left;
	CURLMsg *msg;

	/* What goes wrong with a transfer is told by its message. */
	(void)curl_multi_socket_action(h->multi, fd, events, &running);
	while ((msg = curl_multi_info_read(h->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		for (size_t i = 0; i < HTTP_JOBS; i++) {
			if (h->jobs[i].easy == msg->easy_handle) {
				finish(h, &h->jobs[i], msg->data.result);
				break;
			}
		}
	}
}

static void
on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	act(w->data, w->fd,
	    (revents & EV_READ ? CURL_CSELECT_IN : 0) |
		(revents & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	ev_timer_stop(h->loop, &h->timer);
	if (timeout_ms < 0)
		return 0;
	ev_timer_set(&h->timer, (double)timeout_ms / 1000., 0.);
	ev_timer_start(h->loop, &h->timer);
	return 0;
}

static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http *h = ctx;
	struct watch *w = socket_ctx;
	int events =
	    (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)easy;
	if (w && w->on) {
		ev_io_stop(h->loop, &w->io);
		w->on = false;
	}
	if (what == CURL_POLL_REMOVE)
		return 0;
	for (size_t i = 0; !w && i < SOCKETS; i++)
		w = h->watches[i].on ? NULL : &h->watches[i];
	if (!w)
		return -1; /* the transfer fails and is tried again */
	w->on = true;
	ev_io_init(&w->io, on_io, fd, events);
	w->io.data = h;
	ev_io_start(h->loop, &w->io);
	(void)curl_multi_assign(h->multi, fd, w); /* fails for an unknown fd only */
	return 0;
}

static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct job *j = ctx;

	n *= size;
	j->too_large = n > j->request.most - j->len;
	if (j->too_large)
		return 0; /* libcurl ends the transfer */
	if (j->len + n + 1 > j->cap) {
		j->cap = 2 * (j->len + n + 1);
		j->body = mem_grow(j->body, j->cap, 1);
	}
	memcpy(j->body + j->len, data, n);
	j->len += n;
	j->body[j->len] = '\0';
	return n;
}

static size_t
take_header(char *data, size_t size, size_t n, void *ctx)
{
	static const char name[] = "etag:";
	struct job *j = ctx;
	size_t len = size * n, at = sizeof(name) - 1;

	if (len <= at || strncasecmp(data, name, at) != 0)
		return len;
	while (at < len && data[at] == ' ')
		at++;
	while (len > at && (data[len - 1] == '\r' || data[len - 1] == '\n'))
		len--;
	if (len - at < sizeof(j->etag)) {
		memcpy(j->etag, data + at, len - at);
		j->etag[len - at] = '\0';
	}
	return size * n;
}

static CURLcode
set_once(struct job *j)
{
	CURLcode rc = curl_easy_setopt(j->easy, CURLOPT_NOSIGNAL, 1L);

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* Without it a transfer that is over waits for its resolver's thread, and with
	 * it the loop, as long as name servers are silent. */
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_QUICK_EXIT, 1L);
	/* The collector knows us by our address, which a proxy would replace. */
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_NOPROXY, "*");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_WRITEFUNCTION, take_body);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_WRITEDATA, j);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_HEADERFUNCTION, take_header);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_HEADERDATA, j);
	return rc;
}

int
http_new(struct ev_loop *loop, struct http **out, struct err *err)
{
	struct http *h = mem_alloc(sizeof(*h));
	CURLcode rc = CURLE_OK;

	h->loop = loop;
	ev_timer_init(&h->timer, on_timer, 0., 0.);
	h->timer.data = h;
	h->multi = curl_multi_init();
	for (size_t i = 0; i < HTTP_JOBS && rc == CURLE_OK; i++) {
		h->jobs[i].easy = curl_easy_init();
		rc = h->jobs[i].easy ? set_once(&h->jobs[i]) : CURLE_OUT_OF_MEMORY;
	}
	if (!h->multi || rc != CURLE_OK) {
		http_free(h);
		return err_code(err, ENOTSUP, "libcurl: %s", curl_easy_strerror(rc));
	}
	/* These options cannot fail: curl_multi_setopt(3). */
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	(void)curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*out = h;
	return 0;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < HTTP_JOBS; i++) {
		struct job *j = &h->jobs[i];

		if (j->busy)
			/* It is in there. */
			(void)curl_multi_remove_handle(h->multi, j->easy);
		curl_easy_cleanup(j->easy);
		curl_slist_free_all(j->headers);
		free(j->sent);
		free(j->body);
	}
	(void)curl_multi_cleanup(h->multi); /* empty by now, may be NULL */
	for (size_t i = 0; i < SOCKETS; i++) {
		if (h->watches[i].on)
			ev_io_stop(h->loop, &h->watches[i].io);
	}
	ev_timer_stop(h->loop, &h->timer);
	free(h);
}

static CURLcode
set_headers(struct job *j, const struct http_request *r)
{
	char line[HTTP_ETAG_MAX + 32];
	/* An empty Expect: no round trip of "100 Continue" before the body. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	if (list && r->body)
		list = curl_slist_append(list, "Content-Type: application/json");
	if (list && r->etag && r->etag[0]) {
		(void)snprintf(line, sizeof(line), "If-None-Match: %s", r->etag);
		list = curl_slist_append(list, line);
	}
	curl_slist_free_all(j->headers);
	j->headers = list;
	return list ? curl_easy_setopt(j->easy, CURLOPT_HTTPHEADER, list)
		    : CURLE_OUT_OF_MEMORY;
}

int
http_start(struct http *h, unsigned job, const struct http_request *r)
{
	struct job *j = &h->jobs[job];
	CURLcode rc;

	assert(job < HTTP_JOBS);
	if (j->busy)
		return -EBUSY;
	j->request = *r;
	j->len = 0;
	j->etag[0] = '\0';
	j->too_large = false;
	if (r->body) {
		j->sent = mem_alloc(r->len + 1);
		memcpy(j->sent, r->body, r->len);
	}
	rc = set_headers(j, r);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_URL, r->url);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(j->easy, CURLOPT_TIMEOUT_MS, r->timeout_ms);
	if (rc == CURLE_OK && !r->body)
		rc = curl_easy_setopt(j->easy, CURLOPT_HTTPGET, 1L);
	if (rc == CURLE_OK && r->body)
		rc = curl_easy_setopt(j->easy, CURLOPT_POSTFIELDS, j->sent);
	if (rc == CURLE_OK && r->body)
		rc = curl_easy_setopt(j->easy, CURLOPT_POSTFIELDSIZE, (long)r->len);
	if (rc != CURLE_OK || curl_multi_add_handle(h->multi, j->easy) != CURLM_OK) {
		free(j->sent);
		j->sent = NULL;
		return -ENOMEM;
	}
	j->busy = true;
	return 0;
}
