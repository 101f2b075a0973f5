/* SPDX-License-Identifier: MIT */
#include "optimizer/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/mesh.h"
#include "common/version.h"

#define CONNECT_MS 5000
#define TOTAL_MS   30000
#define BODY_MAX   ((size_t)1 << 30) /* 3,000 nodes by three paths fit */

struct body {
	char *text;
	size_t len, cap;
	bool too_large;
};

static size_t
take(char *data, size_t size, size_t n, void *ctx)
{
	struct body *b = ctx;

	n *= size;
	b->too_large = n > BODY_MAX - b->len;
	if (b->too_large)
		return 0; /* libcurl ends the transfer */
	if (b->len + n + 1 > b->cap) {
		b->cap = 2 * (b->len + n + 1);
		b->text = mem_grow(b->text, b->cap, 1);
	}
	memcpy(b->text + b->len, data, n);
	b->len += n;
	b->text[b->len] = '\0';
	return n;
}

/* In one line, and nothing that a terminal would obey. */
static void
say_status(struct err *err, const char *url, long status, struct body *b)
{
	for (size_t i = 0; i < b->len; i++)
		if ((unsigned char)b->text[i] < 0x20 || b->text[i] == 0x7f)
			b->text[i] = ' ';
	if (status == 200)
		(void)err_set(err, "%s: an empty answer; is that meshopt-collector?",
		    url);
	else
		(void)err_set(err,
		    "%s: HTTP status %ld%s%.200s; is that meshopt-collector, and well?",
		    url, status, b->len ? ": " : "", b->len ? b->text : "");
}

/* One exchange, on its way. */
struct exchange {
	char url[MESH_COLLECTOR_MAX + 256];
	char why[CURL_ERROR_SIZE];
	CURL *curl;
	struct body body;
	long status;
	CURLcode code;
};

static void
start(struct exchange *x, const char *base, const char *path)
{
	memset(x, 0, sizeof(*x));
	x->curl = curl_easy_init();
	if (!x->curl)
		log_die("libcurl does not start");
	(void)snprintf(x->url, sizeof(x->url), "%s%s", base,
	    path); /* both are bounded */
	(void)curl_easy_setopt(x->curl, CURLOPT_URL, x->url);
	(void)curl_easy_setopt(x->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* The overlay has no proxy. */
	(void)curl_easy_setopt(x->curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(x->curl, CURLOPT_USERAGENT, "meshopt/" MESHOPT_VERSION);
	(void)curl_easy_setopt(x->curl, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(x->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(x->curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	(void)curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, x->why);
	(void)curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, &x->body);
}

static void
finish(struct exchange *x)
{
	x->code = curl_easy_perform(x->curl);
	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
	curl_easy_cleanup(x->curl);
}

/* What went wrong, or what was answered that was not asked for. */
static void
say_failure(struct exchange *x, struct err *err)
{
	if (x->body.too_large)
		(void)err_set(err,
		    "%s: the answer is larger than any matrix; is that "
		    "meshopt-collector?",
		    x->url);
	else if (x->code != CURLE_OK)
		(void)err_set(err,
		    "%s: %s; is meshopt-collector running there and the overlay up?",
		    x->url, *x->why ? x->why : curl_easy_strerror(x->code));
	else
		say_status(err, x->url, x->status, &x->body);
}

int
fetch_maybe(const char *base, const char *path, char **out, size_t *len,
    struct err *err)
{
	struct exchange x;

	*out = NULL;
	*len = 0;
	start(&x, base, path);
	finish(&x);
	if (x.code == CURLE_OK && x.status == 200 && x.body.text) {
		*len = x.body.len;
		*out = x.body.text;
		return 0;
	}
	if (x.code != CURLE_OK || x.status != 404)
		say_failure(&x, err);
	free(x.body.text);
	return x.code == CURLE_OK && x.status == 404 ? 0 : -EIO;
}

char *
fetch(const char *base, const char *path, size_t *len, struct err *err)
{
	struct err why = { "" };
	char *text;

	if (fetch_maybe(base, path, &text, len, &why) == 0 && !text)
		(void)err_set(&why, "%s%s: HTTP status 404; is that meshopt-collector?",
		    base, path);
	if (!text && err)
		*err = why;
	return text;
}

int
fetch_put(const char *base, const char *path, const struct fetch_body *body,
    struct err *err)
{
	char type[128];
	struct curl_slist *head = NULL;
	struct exchange x;

	start(&x, base, path);
	(void)snprintf(type, sizeof(type), "Content-Type: %s", body->media_type);
	head = curl_slist_append(head, type);
	head = curl_slist_append(head, "Expect:"); /* no round trip to ask first */
	(void)curl_easy_setopt(x.curl, CURLOPT_HTTPHEADER, head);
	(void)curl_easy_setopt(x.curl, CURLOPT_POSTFIELDS, (const char *)body->data);
	(void)curl_easy_setopt(x.curl, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)body->len);
	(void)curl_easy_setopt(x.curl, CURLOPT_CUSTOMREQUEST, "PUT");
	finish(&x);
	curl_slist_free_all(head);
	if (x.code != CURLE_OK || x.status / 100 != 2)
		say_failure(&x, err);
	free(x.body.text);
	return x.code == CURLE_OK && x.status / 100 == 2 ? 0 : -EIO;
}
