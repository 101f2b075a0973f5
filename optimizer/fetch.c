/* SPDX-License-Identifier: MIT */
#include "optimizer/fetch.h"

#include <curl/curl.h>
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

char *
fetch(const char *base, const char *path, size_t *len, struct err *err)
{
	char url[MESH_COLLECTOR_MAX + 256], why[CURL_ERROR_SIZE] = "";
	struct body body = { 0 };
	CURL *curl = curl_easy_init();
	long status = 0;
	CURLcode code;

	if (!curl)
		log_die("libcurl does not start");
	(void)snprintf(url, sizeof(url), "%s%s", base, path); /* both are bounded */
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* the overlay has none */
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "meshopt/" MESHOPT_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code == CURLE_OK && status == 200 && body.text) {
		*len = body.len;
		return body.text;
	}
	if (body.too_large)
		(void)err_set(err,
		    "%s: the answer is larger than any matrix; is that "
		    "meshopt-collector?",
		    url);
	else if (code != CURLE_OK)
		(void)err_set(err,
		    "%s: %s; is meshopt-collector running there and the overlay up?",
		    url, *why ? why : curl_easy_strerror(code));
	else
		say_status(err, url, status, &body);
	free(body.text);
	return NULL;
}
