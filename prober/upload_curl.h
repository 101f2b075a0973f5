/* SPDX-License-Identifier: MIT */
/*
 * How libcurl is to speak to the collector.
 */
#ifndef PROBER_UPLOAD_CURL_H
#define PROBER_UPLOAD_CURL_H

#include <curl/curl.h>

/* For the caller to curl_slist_free_all(); NULL if there is no memory. */
struct curl_slist *upload_curl_headers(void);

/* A CURLcode.  answer gets the body of each answer. */
int upload_curl_options(CURL *c, const char *url, struct curl_slist *headers,
    curl_write_callback answer, void *ctx);

#endif
