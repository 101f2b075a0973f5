/* SPDX-License-Identifier: MIT */
#include "optimizer/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/mesh.h"
#include "common/version.h"

#define CONNECT_MS 5000
/* All rows of 1,000 nodes from a collector that has JSON alone: 500 MB, made in 46 s.
 */
#define TOTAL_MS 180000
#define BODY_MAX ((size_t)1 << 30) /* 3,000 nodes by three paths fit */

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

/*
 * libcurl brings thirty libraries that take 5 ms to load, as long as most plans do, and
 * most questions need none of it: it is loaded when there is something to fetch.
 */
#define LIBCURL "libcurl.so.4"

struct curl_calls {
	__typeof__(&curl_easy_init) init;
	__typeof__(&(curl_easy_setopt)) set;
	__typeof__(&curl_easy_perform) perform;
	__typeof__(&(curl_easy_getinfo)) info;
	__typeof__(&curl_easy_cleanup) cleanup;
	__typeof__(&curl_easy_strerror) why;
	__typeof__(&curl_slist_append) append;
	__typeof__(&curl_slist_free_all) free_all;
};

/* Stays loaded: libcurl does not like to be unloaded. */
static void
load(struct curl_calls *c)
{
	void *lib = dlopen(LIBCURL, RTLD_NOW);
	const struct {
		const char *name;
		void *at;
	} calls[] = {
		{ "curl_easy_init", &c->init },
		{ "curl_easy_setopt", &c->set },
		{ "curl_easy_perform", &c->perform },
		{ "curl_easy_getinfo", &c->info },
		{ "curl_easy_cleanup", &c->cleanup },
		{ "curl_easy_strerror", &c->why },
		{ "curl_slist_append", &c->append },
		{ "curl_slist_free_all", &c->free_all },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		void *call = lib ? dlsym(lib, calls[i].name) : NULL;

		if (!call)
			log_die("%s; install libcurl4", dlerror());
		memcpy(calls[i].at, &call, sizeof(call)); /* POSIX: they are alike */
	}
}

/* One exchange, on its way. */
struct exchange {
	struct curl_calls call;
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
	load(&x->call);
	x->curl = x->call.init();
	if (!x->curl)
		log_die("libcurl does not start");
	(void)snprintf(x->url, sizeof(x->url), "%s%s", base,
	    path); /* both are bounded */
	(void)x->call.set(x->curl, CURLOPT_URL, x->url);
	(void)x->call.set(x->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* The overlay has no proxy. */
	(void)x->call.set(x->curl, CURLOPT_NOPROXY, "*");
	(void)x->call.set(x->curl, CURLOPT_USERAGENT, "meshopt/" MESHOPT_VERSION);
	(void)x->call.set(x->curl, CURLOPT_ACCEPT_ENCODING, "");
	(void)x->call.set(x->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)x->call.set(x->curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	(void)x->call.set(x->curl, CURLOPT_ERRORBUFFER, x->why);
	(void)x->call.set(x->curl, CURLOPT_WRITEFUNCTION, take);
	(void)x->call.set(x->curl, CURLOPT_WRITEDATA, &x->body);
}

static void
finish(struct exchange *x)
{
	x->code = x->call.perform(x->curl);
	(void)x->call.info(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
	x->call.cleanup(x->curl);
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
		    x->url, *x->why ? x->why : x->call.why(x->code));
	else
		say_status(err, x->url, x->status, &x->body);
}

/* The form is NULL where any will do. */
static int
get(struct exchange *x, const char *accept, char **out, size_t *len, struct err *err)
{
	struct curl_slist *head = NULL;
	char line[128];

	*out = NULL;
	*len = 0;
	if (accept) {
		(void)snprintf(line, sizeof(line), "Accept: %s", accept); /* fits */
		head = x->call.append(head, line);
		(void)x->call.set(x->curl, CURLOPT_HTTPHEADER, head);
	}
	finish(x);
	x->call.free_all(head);
	if (x->code == CURLE_OK && x->status == 200 && x->body.text) {
		*len = x->body.len;
		*out = x->body.text;
		return 0;
	}
	if (x->code != CURLE_OK || x->status != 404)
		say_failure(x, err);
	free(x->body.text);
	return x->code == CURLE_OK && x->status == 404 ? 0 : -EIO;
}

int
fetch_maybe(const char *base, const char *path, char **out, size_t *len,
    struct err *err)
{
	struct exchange x;

	start(&x, base, path);
	return get(&x, NULL, out, len, err);
}

char *
fetch_form(const char *base, const char *path, const char *accept, size_t *len,
    struct err *err)
{
	struct err why = { "" };
	struct exchange x;
	char *text;

	start(&x, base, path);
	if (get(&x, accept, &text, len, &why) == 0 && !text)
		(void)err_set(&why, "%s%s: HTTP status 404; is that meshopt-collector?",
		    base, path);
	if (!text && err)
		*err = why;
	return text;
}

char *
fetch(const char *base, const char *path, size_t *len, struct err *err)
{
	return fetch_form(base, path, NULL, len, err);
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
	head = x.call.append(head, type);
	head = x.call.append(head, "Expect:"); /* no round trip to ask first */
	(void)x.call.set(x.curl, CURLOPT_HTTPHEADER, head);
	(void)x.call.set(x.curl, CURLOPT_POSTFIELDS, (const char *)body->data);
	(void)x.call.set(x.curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
	(void)x.call.set(x.curl, CURLOPT_CUSTOMREQUEST, "PUT");
	finish(&x);
	x.call.free_all(head);
	if (x.code != CURLE_OK || x.status / 100 != 2)
		say_failure(&x, err);
	free(x.body.text);
	return x.code == CURLE_OK && x.status / 100 == 2 ? 0 : -EIO;
}
